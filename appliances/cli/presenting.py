"""Documents, moments and impacts as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from clusters.differences import HIDDEN, PathChange
from clusters.effective import MachineImpact

MOST_LINES = 40


def document_lines(value: Any, indent: str = "") -> Iterator[str]:
    """A document in lines: `field: value`, rows of a table behind dashes."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield f"{indent}{name}:"
            yield from document_lines(part, indent + "  ")
        elif isinstance(part, list) and any(isinstance(item, dict) for item in part):
            yield f"{indent}{name}:"
            for item in part:
                first, *rest = list(document_lines(item, indent + "  "))
                yield f"{indent}- {first.lstrip()}"
                yield from rest
        else:
            yield f"{indent}{name}: {scalar(part)}"


def scalar(value: Any) -> str:
    """A single value, or a list of them, in one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(scalar(item) for item in value) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{name}={scalar(part)}" for name, part in value.items())
    if value in (None, ""):
        return "-"
    return str(value).replace("\n", "\\n")


def compact(value: Any) -> str:
    """A value as it can be typed: lists with commas, a host with its port as `[::1]:25` (TRL-27)."""
    if isinstance(value, list):
        return ", ".join(compact(item) for item in value)
    if isinstance(value, dict):
        first, *rest = [scalar(part) for part in value.values()]
        first = f"[{first}]" if rest and ":" in first and not first.startswith("[") else first
        return ":".join([first, *rest])
    return scalar(value)


def change_line(change: PathChange) -> str:
    """`+ routes[example.com]: ...`, `- ...` or `~ path: old -> new`."""
    path = change.text or _("settings")
    if change.kind == "added":
        return f"+ {path}: {scalar(change.new)}"
    if change.kind == "removed":
        return f"- {path}: {scalar(change.old)}"
    if change.old == HIDDEN:
        return f"~ {path}: " + _("changed")
    return f"~ {path}: {scalar(change.old)} -> {scalar(change.new)}"


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
