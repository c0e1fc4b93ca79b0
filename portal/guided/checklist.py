"""A line of a pre-flight list: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`bad` stands in the way, `warn` deserves a look, `unknown` could not be looked at."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line; `text` says what was found, `remedy` what a person can do."""

    title: str
    verdict: Verdict
    text: str = ""
    remedy: str = ""


def blocked(checks: Iterable[Check]) -> bool:
    """Whether one of them stands in the way."""
    return any(check.verdict is Verdict.BAD for check in checks)


def holds(title: str, fine: bool, text: str, remedy: str = "", *, otherwise: Verdict = Verdict.BAD) -> Check:
    """A check that is green where `fine`, and `otherwise` with its remedy."""
    return Check(title, Verdict.OK if fine else otherwise, text, "" if fine else remedy)
