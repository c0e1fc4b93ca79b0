"""What the impact preview asks: the rendered lines of a machine, and its red flags (design, section 5)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.rendering import Rendered, render
from appliances.features.whereabouts import departures
from appliances.features.wording import language
from appliances.postfix.disclaimers import Disclaimer
from clusters.catalogue import Called, Document, Door, InvalidDocument, RedFlag
from clusters.versions import canonical, digest

MOST_ROWS = 2000
"""Rows of one table that are shown; a larger table is one line with its digest."""
REMEMBERED = 64
SOME_CERTIFICATE = "-"
"""Stands for the machine's own, which is never shown."""

Answer = tuple[tuple[str, ...], tuple[RedFlag, ...]]


class PostfixConsequences:
    """Satisfies `clusters.catalogue.Consequences`; remembers its last answers."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._named: tuple[Mapping[str, Document], str] = ({}, "")

    def lines(self, documents: Mapping[str, Document]) -> Sequence[str]:
        """The rendered configuration of a machine with these effective settings; secrets masked.

        Raises InvalidDocument.
        """
        return self._answer(documents)[0]

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        """What is dangerous or switched off on a machine with these settings. Raises InvalidDocument."""
        return self._answer(documents)[1]

    def departures(
        self, called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
    ) -> Sequence[RedFlag]:
        """How a change of interfaces or name may cut a machine off from those who call it."""
        return tuple(departures(called, before, after))

    def doors(self, documents: Mapping[str, Document]) -> Sequence[Door] | None:
        """SSH and CCS where the interfaces have them on; None for interfaces that cannot be read."""
        try:
            settings = INTERFACECONFIG.read(documents[INTERFACECONFIG.name])
        except InvalidDocument:
            return None
        return [
            Door(interface.ip, logins)
            for interface in settings.interfaces
            for service, logins in ((interface.ssh, True), (interface.ccs, False))
            if service.enabled
        ]

    def _answer(self, documents: Mapping[str, Document]) -> Answer:
        # Red flags are sentences: who reads Japanese must not get those that were put together for another.
        name = f"{self._name(documents)} {language()}"
        if name not in self._answers:
            rendered = render(documents, SOME_CERTIFICATE)
            self._answers[name] = (tuple(_lines(rendered)), rendered.red_flags)
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return self._answers[name]

    def _name(self, documents: Mapping[str, Document]) -> str:
        # Whoever asks for the lines asks for the flags of the same documents next.
        known, name = self._named
        if known is not documents:
            name = digest([canonical(documents)])
            self._named = documents, name
        return name


def _lines(rendered: Rendered) -> Iterator[str]:
    yield from shortened(rendered.configuration.preview())
    yield from rendered.policy_rules.lines()
    for name, stamp in sorted(rendered.milter_rules.listeners.items()):
        yield from _stamp_lines(f"disclaimer {name} above", stamp.above)
        yield from _stamp_lines(f"disclaimer {name} below", stamp.below)
        if name not in rendered.milter_rules.own:
            yield f"disclaimer {name}: also on signed incoming mail"
    for what, seconds in _lifetime_lines(rendered):
        yield f"lifetime {what}: {seconds} seconds"


def _stamp_lines(title: str, disclaimer: Disclaimer | None) -> Iterator[str]:
    if disclaimer is not None:
        yield from (f"{title}: {line}" for line in disclaimer.text.splitlines())
        yield from (f"{title} (HTML): {line}" for line in disclaimer.html.splitlines())


def _lifetime_lines(rendered: Rendered) -> Iterator[tuple[str, int]]:
    lives = rendered.lifetimes
    yield "of a message", lives.default
    yield from ((f"by listener {name}", seconds) for name, seconds in sorted(lives.listeners.items()))
    yield from ((f"to {domain}", seconds) for domain, seconds in sorted(lives.domains.items()))


def shortened(lines: Sequence[str], most: int = MOST_ROWS) -> Iterator[str]:
    """The lines, each table of more than `most` rows as one line that changes whenever the table does."""
    for title, group in groupby(lines, key=_table):
        rows = list(group)
        if title and len(rows) > most:
            content = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
            yield f"{title}: {len(rows)} rows, digest {content}"
        else:
            yield from rows


def _table(line: str) -> str:
    return line.partition(":")[0] if line.startswith("maps/") else ""
