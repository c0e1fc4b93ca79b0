"""Which version of an entry is in force: the newest, or what stood before a conflict (SYN-08)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice, takewhile

from clusters.versions import MOST_PAST, THE_CLUSTER, Address, Heads, Kind, Past, Version, canonical

MOST_PAST_BYTES = 256 * 1024
"""How long the values that a version remembers may be in all, in the form that travels."""

NOTHING_BEFORE = Past((), whole=True)


def waits(cluster: Heads) -> bool:
    """Whether the entry of the cluster says that settings in conflict wait for a person."""
    value = cluster[0].value if cluster else None
    return value is not None and value.get("safe_wait") is True


def in_force(entries: Iterable[tuple[Address, Heads]]) -> dict[Address, Version]:
    """The version of each entry that is in force, absent ones left out.

    Only settings wait: of groups, members and the cluster itself the newest version holds, for a removal or a
    key that waited would let somebody in.
    """
    stand = standing_each({address: heads for address, heads in entries if heads})
    return {address: version for address, version in stand.items() if version and version.value is not None}


def standing_each(entries: Mapping[Address, Heads]) -> dict[Address, Version | None]:
    """What `standing` says of each entry; that of the cluster, with its choice, must be among them."""
    safe_wait = waits(entries.get(THE_CLUSTER, ()))
    return {a: standing(heads, safe_wait=safe_wait and may_wait(a)) for a, heads in entries.items()}


def may_wait(address: Address) -> bool:
    """Whether such an entry can wait at all."""
    return address.kind is Kind.SETTINGS


def standing(heads: Heads, *, safe_wait: bool) -> Version | None:
    """The version of an entry that is in force; None where nothing is.

    The newest head; under safe wait, while there are several, the latest version that had stood for all
    their authors. Where they have changed the entry more often than they remember, the newest head too.
    """
    newest = heads[0]
    if not safe_wait or len(heads) == 1:
        return newest
    pasts = [head.past or Past() for head in heads]
    common = set.intersection(*({version.id for version in past.versions} for past in pasts))
    for version in pasts[0].versions:
        if version.id in common:
            return version
    return None if all(past.whole for past in pasts) else newest


def waiting(entries: Mapping[Address, Heads]) -> dict[Address, Heads]:
    """Those in conflict that wait for a person, with all their versions; as for `standing_each`."""
    stands = standing_each(entries)
    return {a: h for a, h in entries.items() if len(h) > 1 and (stands[a] is None or stands[a] != h[0])}


def past_after(heads: Heads) -> Past:
    """The past of a version that is written under safe wait where `heads` are."""
    stood = standing(heads, safe_wait=True) if heads else None
    if stood is None:
        return NOTHING_BEFORE
    before = _past_of(stood, heads)
    versions = [replace(stood, past=None), *before.versions]
    kept = tuple(islice(takewhile(_within(MOST_PAST_BYTES), versions), MOST_PAST))
    return Past(kept, before.whole and len(kept) == len(versions))


def _past_of(stood: Version, heads: Heads) -> Past:
    for head in heads:
        if head.id == stood.id:
            return head.past or Past()
    # All heads remember it; the one that remembers most of what was before it tells.
    pasts = (head.past or Past() for head in heads)
    tails = (_before(stood, past) for past in pasts)
    return max(tails, key=lambda tail: (tail.whole, len(tail.versions)))


def _before(stood: Version, past: Past) -> Past:
    at = [version.id for version in past.versions].index(stood.id)
    return Past(past.versions[at + 1 :], past.whole)


def _within(room: int) -> Callable[[Version], bool]:
    used = 0

    def fits(version: Version) -> bool:
        nonlocal used
        used += len(canonical(version.value))
        return used <= room

    return fits
