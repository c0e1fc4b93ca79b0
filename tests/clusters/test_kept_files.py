"""Files that nothing else knows: what is wrong with one is said, never mended by a new one (TRL-29)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from clusters import kept_files
from clusters.kept_files import database_fault, file_fault, make_once


def database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as opened:
        for statement in statements:
            opened.execute(statement)
        opened.commit()
    return path


def test_make_once_second_maker_leaves_the_first_content(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key"
    make_once(file, b"first")
    make_once(file, b"second")
    assert file.read_bytes() == b"first"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"a key\n", ""), (b"", "is empty"), (b" \n", "is empty"), (None, "is missing")],
)
def test_file_fault_names_what_is_wrong(content: bytes | None, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    assert file_fault(file) == fault
    assert file.exists() == (content is not None)


def test_file_fault_of_what_cannot_be_read_gives_the_cause(tmp_path: Path) -> None:
    assert file_fault(tmp_path).startswith("cannot be read (")


def test_database_fault_whole_database_has_none(tmp_path: Path) -> None:
    assert database_fault(database(tmp_path / "state.sqlite3", "create table kept (id)")) == ""


def test_database_fault_missing_file_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    assert database_fault(file) == "is missing"
    assert not file.exists()


def test_database_fault_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    file.touch()
    assert database_fault(file) == "is empty"


def test_database_fault_no_tables(tmp_path: Path) -> None:
    file = database(tmp_path / "state.sqlite3", "create table kept (id)", "drop table kept")
    assert database_fault(file) == "holds nothing"


def test_database_fault_other_bytes(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    file.write_bytes(b"no database at all" * 400)
    assert database_fault(file) == "is damaged (file is not a database)"


def test_database_fault_page_overwritten(tmp_path: Path) -> None:
    rows = [f"insert into kept values ('{number:0900}')" for number in range(40)]
    file = database(tmp_path / "state.sqlite3", "create table kept (text primary key)", *rows)
    content = bytearray(file.read_bytes())
    content[3 * 4096 : 4 * 4096] = bytes(4096)
    file.write_bytes(content)
    assert database_fault(file).startswith("is damaged (")


def test_database_fault_what_the_system_refuses_gives_the_cause(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert database_fault(tmp_path / "file" / "state.sqlite3").startswith("cannot be read (")


def test_sync_directory_missing_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_files.sync_directory(tmp_path / "nowhere")
