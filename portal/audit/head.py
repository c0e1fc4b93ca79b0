"""The end of the audit log, kept in a file outside the database: a tail cut off leaves it behind."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from clusters.system_words import cause

logger = logging.getLogger(__name__)


class UnreadableHead(ValueError):
    """A file that should hold a number and a hash and does not; says which."""


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of a row."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


def keep(head: Head) -> None:
    """Write it, unless a later one is there. A full disk must not undo what was just done: it is logged."""
    path = Path(settings.GATEFOLD_AUDIT_HEAD)
    try:
        known = read(path)
        if known is not None and known.number >= head.number:
            return
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(f"{head}\n")
        fresh.replace(path)
    except (OSError, UnreadableHead) as error:
        logger.error("the end of the audit log was not kept: %s", error)


def read(path: Path) -> Head | None:
    """What the file holds; None if there is none. Raises UnreadableHead."""
    try:
        number, digest = path.read_text().split()
        return Head(int(number), digest)
    except FileNotFoundError:
        return None
    except ValueError:
        raise UnreadableHead(f"{path} holds no number and hash: put it back from a copy") from None
    except OSError as error:
        raise UnreadableHead(f"{path} cannot be read ({cause(error)}): put it back from a copy") from None
