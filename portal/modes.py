"""Modes in addresses: `cluster`, `group/<id>`, `machine/<serial>` (GUI-02)."""

from __future__ import annotations

import re

from clusters.modes import CLUSTER, InvalidMode, Level, Mode


class ModeConverter:
    """Reads and writes the part of an address that names a mode."""

    regex = r"cluster|group/[^/]{1,64}|machine/[^/]{1,64}"

    def to_python(self, text: str) -> Mode:
        """The mode that the text names; raises InvalidMode."""
        if not re.fullmatch(self.regex, text):
            raise InvalidMode(f"{text!r} is no mode")
        word, _slash, ident = text.partition("/")
        return Mode(Level(word), ident) if ident else CLUSTER

    def to_url(self, mode: Mode) -> str:
        return f"{mode.level}/{mode.id}" if mode.id else str(mode.level)
