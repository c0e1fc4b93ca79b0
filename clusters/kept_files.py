"""Files that hold what nothing else knows: made once and whole, and never anew in the place of a lost one.

Knows no Django: settings read their secrets before there is any.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from clusters.system_words import cause


def make_once(path: Path, content: bytes) -> None:
    """The file with that content, readable by its owner alone, unless it is there; raises OSError.

    Complete on disk before it has its name; of two makers the first one's content stays.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
            sync_directory(path.parent)
    finally:
        os.unlink(fresh)


def sync_directory(path: Path) -> None:
    """Makes renames in a directory last."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_fault(path: Path) -> str:
    """Why a file says nothing, for the middle of a sentence; empty where it does (TRL-29)."""
    try:
        return "" if path.read_bytes().strip() else "is empty"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({cause(error)})"


def database_fault(database: Path) -> str:
    """Why an SQLite database cannot be used, for the middle of a sentence; empty where it can (TRL-29)."""
    try:
        if not database.stat().st_size:
            return "is empty"
        # A connection would make a missing file, so the look at its size comes first.
        with closing(sqlite3.connect(database, timeout=20)) as opened:
            told = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = opened.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({cause(error)})"
    except sqlite3.Error as error:
        return f"is damaged ({error})"
    if told != "ok":
        return f"is damaged ({told})"
    return "" if tables else "holds nothing"
