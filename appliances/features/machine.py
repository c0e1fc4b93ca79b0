"""What a feature's `write` may ask about the machine that it writes for, and what it leaves there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliances.features.feature import MailFeature, Settings, SettingsModel
from appliances.postfix.parts import TableKind
from clusters.catalogue import Document, RedFlag

if TYPE_CHECKING:
    from appliances.features.listenerconfig import Listener

COMPILED_ABOVE = 20_000
"""Rows; feasibility measured that below it a compiled table gains nothing."""


@dataclass(frozen=True)
class Machine:
    """One machine with all its effective settings; collects what does not stand in Postfix's files.

    `certificate` is the PEM text of key and chain that its listeners show; empty where it has none.
    `listeners` are those that are open on it, by the name of their service.
    """

    documents: Mapping[str, Document]
    certificate: str = ""
    listeners: dict[str, Listener] = field(default_factory=dict)
    flags: list[RedFlag] = field(default_factory=list)
    _read: dict[str, Settings] = field(default_factory=dict)

    def settings(self, feature: MailFeature[SettingsModel]) -> SettingsModel:
        """The machine's effective settings of any feature; raises InvalidDocument."""
        found = self._read.get(feature.name)
        if not isinstance(found, feature.model):
            found = feature.read(self._document(feature))
            self._read[feature.name] = found
        return found

    def _document(self, feature: MailFeature[SettingsModel]) -> Document:
        document = self.documents.get(feature.name)
        return document if document is not None else feature.factory_default or feature.empty

    def flag(self, feature: str, message: str) -> None:
        """Notes a consequence that a person should see before the commit."""
        self.flags.append(RedFlag(feature, message))


def slug(name: str) -> str:
    """A name in a-z, 0-9 and `-`, at most 40 characters; two names may share one slug."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "x"


def unique_slugs(names: Sequence[str]) -> dict[str, str]:
    """For each name a word of a-z, 0-9 and `-` that Postfix and file names can carry; no two alike."""
    given: dict[str, str] = {}
    for name in names:
        word, number = slug(name), 1
        while (f"{word}-{number}" if number > 1 else word) in given.values():
            number += 1
        given[name] = f"{word}-{number}" if number > 1 else word
    return given


def kind_for(rows: Sequence[tuple[str, str]]) -> TableKind:
    """The kind of table for exact keys: read at each start while small, compiled when large."""
    return "texthash" if len(rows) <= COMPILED_ABOVE else "lmdb"
