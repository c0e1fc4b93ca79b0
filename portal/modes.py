"""Modes in addresses: `cluster`, `group/<id>`, `machine/<serial>` (GUI-02)."""

from __future__ import annotations

from clusters.modes import Mode


class ModeConverter:
    """Reads and writes the part of an address that names a mode."""

    regex = r"cluster|group/[^/]{1,64}|machine/[^/]{1,64}"

    def to_python(self, text: str) -> Mode:
        """The mode; raises InvalidMode, which is a ValueError as Django wants it."""
        return Mode.parse(text.replace("/", ":", 1))

    def to_url(self, mode: Mode) -> str:
        return f"{mode.level}/{mode.id}" if mode.id else str(mode.level)
