"""What the threat model says keeps a promise is really there."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "THREAT_MODEL.md").read_text()
KEEPERS = sorted({word for word in re.findall(r"`([^`]+)`", TEXT) if word.startswith(("test", "portal/"))})


def known_tests() -> set[str]:
    found = (re.findall(r"def (test_\w+)", path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for names in found for name in names}


def missing(keepers: list[str]) -> list[str]:
    """Those that name no file, folder or test of this tree."""
    tests = known_tests()

    def is_there(keeper: str) -> bool:
        path, _colons, name = keeper.partition("::") if "/" in keeper else ("", "", keeper)
        named = not name or any(fnmatch(test, name) for test in tests)
        return named and (not path or (ROOT / path).exists())

    return [keeper for keeper in keepers if not is_there(keeper)]


def test_keepers_of_the_threat_model_exist() -> None:
    assert len(KEEPERS) > 25
    assert missing(KEEPERS) == []


def test_keeper_that_is_gone_is_found() -> None:
    gone = ["test_that_nobody_wrote", "tests/portal/test_gone.py", "tests/test_rows.py::test_gone_*"]
    assert missing([*gone, "portal/security.py"]) == gone
