"""What docs/limits.md says of tables is what their schemas say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clusters.installed import catalogue

LIMITS = Path(__file__).resolve().parents[3] / "docs/limits.md"
TABLE = re.compile(r"^\| (.+) \| ([\d,; ]+) \|$", re.MULTILINE)
ROWS = {
    "smtproutes.routes": "rows of SMTP routes",
    "listenerconfig.listeners.*.rat.entries": "rows of SMTP routes",
    "aliasconfig.aliases": "rows of SMTP routes",
    "unsubscribe.recipients": "rows of SMTP routes",
    "listenerconfig.listeners.*.hat.sender_groups.*.hosts": "rows of SMTP routes",
    "smtproutes.routes.*.hosts": "hosts of a route",
    "aliasconfig.aliases.*.targets": "targets of an alias",
    "listenerconfig.listeners.*.hat.sender_groups": "sender groups",
    "listenerconfig.listeners.*.hat.policies": "mail flow policies of a listener",
    "listenerconfig.listeners": "listeners",
    "interfaceconfig.interfaces": "IP interfaces",
    "destconfig.destinations": "destination controls (each is a delivery agent of Postfix)",
    "bounceconfig.profiles": "bounce profiles",
    "textconfig.resources": "text resources",
    "userconfig.users": "users",
    "userconfig.users.*.authorised_keys": "authorised keys of a user",
}
"""By the place of a table in the settings, what the page calls it."""


def tables(part: Any, path: str) -> Iterator[tuple[str, int]]:
    """Every table of a schema, with the rows that it may have."""
    if part.get("type") == "array":
        yield path, part["maxItems"]
        yield from tables(part["items"], f"{path}.*")
    for name, inner in part.get("properties", {}).items():
        yield from tables(inner, f"{path}.{name}")


def documented() -> dict[str, int]:
    """What the first table of the page says, thing by thing; one number holds for a whole line of commas."""
    found = {}
    for things, numbers in TABLE.findall(LIMITS.read_text("utf-8")):
        counts = [int(number.replace(",", "")) for number in numbers.split("; ")]
        names = things.split("; ") if len(counts) > 1 else [things.partition(",")[0]]
        found |= dict(zip(names, counts, strict=True))
    return found


def test_documented_limits_are_those_of_every_table() -> None:
    """TRL-28."""
    schemas = {path: most for feature in catalogue() for path, most in tables(feature.schema, feature.name)}
    limits = documented()
    assert schemas == {path: limits[words] for path, words in ROWS.items()}
