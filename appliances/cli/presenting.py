"""Documents, moments and impacts as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.colours import of_difference
from clusters.differences import HIDDEN, PathChange, item_key
from clusters.effective import MachineImpact

MOST_LINES = 40
BRIEF = 2
"""Fields of a row that is one word."""


def document_lines(value: Any, indent: str = "") -> Iterator[str]:
    """A document in lines: `field: value`, rows of a table behind dashes, what names a row first."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield f"{indent}{name}:"
            yield from document_lines(part, indent + "  ")
        elif isinstance(part, list) and any(isinstance(item, dict) and not _is_brief(item) for item in part):
            yield f"{indent}{name}:"
            for item in part:
                first, *rest = list(document_lines(_named_first(item), indent + "  "))
                yield f"{indent}- {first.lstrip()}"
                yield from rest
        else:
            yield f"{indent}{name}: {compact(part)}"


def _is_brief(item: Mapping[str, Any]) -> bool:
    """Whether a row is written in one word, as a host with its port is."""
    values = list(item.values())
    return len(values) <= BRIEF and isinstance(values[0], str) and not isinstance(values[-1], dict | list)


def _named_first(item: Mapping[str, Any]) -> Mapping[str, Any]:
    key = item_key([item])
    return {key: item[key], **item} if key else item


def compact(value: Any) -> str:
    """A value as it can be typed: lists with commas, a host with its port as `[::1]:25` (TRL-27)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(compact(item) for item in value) or "(none)"
    if isinstance(value, dict):
        first, *rest = [compact(part) for part in value.values()]
        first = f"[{first}]" if rest and ":" in first and not first.startswith("[") else first
        return ":".join([first, *rest])
    return "-" if value in (None, "") else str(value).replace("\n", "\\n")


def value_lines(head: str, value: Any) -> list[str]:
    """`head: value`; a document, or a row of a table, with its fields below (TRL-27)."""
    if isinstance(value, list) and any(isinstance(item, dict) and not _is_brief(item) for item in value):
        return list(document_lines({head: value}))
    if not isinstance(value, dict) or not value or _is_brief(value):
        return [f"{head}: {compact(value)}"]
    return [f"{head}:", *document_lines(_named_first(value), "  ")]


def change_lines(change: PathChange) -> list[str]:
    """`+ routes[example.com]:` with what it holds below, `- ...` likewise, or `~ path: old -> new`."""
    path = change.text or _("settings")
    if change.kind != "changed":
        sign, value = ("+", change.new) if change.kind == "added" else ("-", change.old)
        return [f"{sign} {line}" for line in value_lines(path, value)]
    if change.old == HIDDEN:
        return [f"~ {path}: " + _("changed")]
    return [f"~ {path}: {compact(change.old)} -> {compact(change.new)}"]


def all_change_lines(changes: Iterable[PathChange]) -> list[str]:
    """The lines of several changes."""
    return [line for change in changes for line in change_lines(change)]


def coloured_lines(changes: Iterable[PathChange], indent: str) -> Iterator[str]:
    """The same, set in; each line has the colour of its sign."""
    return (of_difference(f"{indent}{line}") for line in all_change_lines(changes))


def impact_lines(impact: MachineImpact, *, rendered: bool = True) -> Iterator[str]:
    """What changes on one machine: features, rendered lines, red flags."""
    for found in impact.differences:
        hint = "" if found.value_changed else _(" (same value, other origin)")
        yield f"  {found.feature}{hint}"
    lines = [f"    {sign} {line}" for sign, line in impact.lines] if rendered else []
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield _("    ... and {count} more lines").format(count=len(lines) - MOST_LINES)
    for flag in impact.red_flags:
        yield f"  ! {flag.feature}: {flag.message}"


def impact_json(impact: MachineImpact) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "serial": impact.machine.serial,
        "name": impact.machine.name,
        "before": impact.before,
        "after": impact.after,
        "features": [found.feature for found in impact.differences],
        "lines": [f"{sign} {line}" for sign, line in impact.lines],
        "red_flags": [{"feature": f.feature, "message": f.message} for f in impact.red_flags],
    }


def moment(milliseconds: int | None) -> str:
    """A time in UTC for people; `-` where there is none."""
    if not milliseconds:
        return "-"
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
