"""What is never reached in tables in which the first match decides: the HAT and the RAT."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from appliances.features.fields import ALL
from appliances.features.hat import Hat, SenderGroup
from appliances.features.networks import is_numeric, span
from appliances.features.patterns import enclosing, key
from appliances.features.rat import Rat
from appliances.features.wording import _, say

SHOWN = 3
"""How many of the hidden entries are named; a person who has mended these sees the next."""

Numbers = tuple[int, int, int]
"""IP version, first and last address of what a pattern holds."""


def of_hat(hat: Hat) -> Iterator[str]:
    """What a person should see of senders whom an earlier group takes."""
    taken = _Taken()
    for number, group in enumerate(hat.sender_groups):
        hidden = [sender for sender in group.hosts if taken.holds(sender)]
        takers = [_taker(sender, hat.sender_groups[:number]) for sender in hidden[:SHOWN]]
        if hidden and len(hidden) == len(group.hosts):
            by = ", ".join(dict.fromkeys(takers))
            message = _("sender group {group} is never reached: {by} stands before it")
            yield say(message, group=group.name, by=by)
        else:
            yield from _of_senders(group, hidden, takers)
        taken.add(group.hosts)


def _of_senders(group: SenderGroup, hidden: list[str], takers: list[str]) -> Iterator[str]:
    for sender, by in zip(hidden, takers, strict=False):
        message = _("{sender} of sender group {group} is never reached: {by} stands before it")
        yield say(message, sender=sender, group=group.name, by=by)
    if len(hidden) > SHOWN:
        message = _("{count} more senders of sender group {group} are never reached")
        yield say(message, count=len(hidden) - SHOWN, group=group.name)


def _taker(sender: str, before: Iterable[SenderGroup]) -> str:
    """The group and its pattern that take a sender; only the groups where several do so together."""
    groups = list(before)
    for group in groups:
        for pattern in group.hosts:
            if _within(sender, pattern):
                return f"{group.name} ({pattern})"
    return ", ".join(group.name for group in groups if any(_meet(sender, each) for each in group.hosts))


def _within(sender: str, pattern: str) -> bool:
    taken = _Taken()
    taken.add([pattern])
    return taken.holds(sender)


def _meet(sender: str, pattern: str) -> bool:
    pairs = ((one, other) for one in _anywhere(sender) for other in _numbers(pattern))
    return any(one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2] for one, other in pairs)


def of_rat(rat: Rat) -> Iterator[str]:
    """What a person should see of recipients whom an earlier entry takes."""
    seen: dict[str, str] = {}
    hidden: list[tuple[str, str]] = []
    for pattern in (entry.recipient for entry in rat.entries):
        by = next((seen[each] for each in enclosing(pattern) if each in seen), None)
        if by is not None:
            hidden.append((pattern, by))
        seen[key(pattern)] = pattern
    for pattern, by in hidden[:SHOWN]:
        yield say(_("recipient {name} is never reached: {by} stands before it"), name=pattern, by=by)
    if len(hidden) > SHOWN:
        yield say(_("{count} more recipients are never reached"), count=len(hidden) - SHOWN)


@dataclass
class _Taken:
    """All clients that some patterns name: addresses as spans that neither meet nor touch, and host names."""

    spans: list[Numbers] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(self, patterns: Collection[str]) -> None:
        new = [numbers for pattern in patterns for numbers in _numbers(pattern)]
        self.spans = list(_joined(sorted([*self.spans, *new])))
        self.names.update(pattern for pattern in patterns if not is_numeric(pattern))

    def holds(self, pattern: str) -> bool:
        """Whether nobody whom the pattern names is left."""
        if any(each in self.names for each in enclosing(pattern)):
            return True
        return all(self._has(*each) for each in _anywhere(pattern))

    def _has(self, version: int, first: int, last: int) -> bool:
        place = bisect_right(self.spans, (version, first), key=lambda one: one[:2]) - 1
        return place >= 0 and self.spans[place][0] == version and last <= self.spans[place][2]


def _joined(ordered: Iterable[Numbers]) -> Iterator[Numbers]:
    present: Numbers | None = None
    for version, first, last in ordered:
        if present is not None and present[0] == version and first <= present[2] + 1:
            present = (version, present[1], max(present[2], last))
            continue
        if present is not None:
            yield present
        present = (version, first, last)
    if present is not None:
        yield present


def _anywhere(pattern: str) -> list[Numbers]:
    """The addresses of which a client may be; a host name may lead to any."""
    return _numbers(pattern) or _numbers(ALL)


def _numbers(pattern: str) -> list[Numbers]:
    """The addresses that a pattern names; none for a host name."""
    if pattern == ALL:
        return [(4, 0, 2**32 - 1), (6, 0, 2**128 - 1)]
    if not is_numeric(pattern):
        return []
    first, last = span(pattern)
    return [(first.version, int(first), int(last))]
