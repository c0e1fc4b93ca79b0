"""Whether a cluster of several sites is called like one of them (L02)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from clusters.layout import Advice, Layout, Severity
from clusters.modes import group
from clusters.state import Group

SHORTEST = 3
GENERIC = re.compile(
    "backup|cluster|default|edge|gateways?|group|inbound|internal|machines?|mails?|main|node|outbound|prod"
    "|production|relay|servers?|sites?|smtp|the"
)
"""Words in names that say what something is for, not where it stands."""


def cluster_named_like_a_site(layout: Layout) -> Iterator[Advice]:
    """L02: a word of the cluster's name is found at one group alone: in its name, or in its host names."""
    state = layout.state
    groups = [each for each in state.groups.values() if not each.initial or state.members(each.id)]
    for word in sorted(_words(state.name)):
        named = [each for each in groups if word in _words(each.name)]
        peopled = [each for each in groups if state.members(each.id)]
        hosted = [each for each in peopled if all(word in hosts for hosts in _host_words(layout, each))]
        sites, others = (named, groups) if named else (hosted, peopled)
        if len(sites) == 1 < len(others) and sites[0].name.casefold() != state.name.casefold():
            text = _(
                "The cluster %(name)s is called like a part of it: “%(word)s” is the group %(group)s alone."
            )
            message = text % {"name": state.name, "word": word, "group": sites[0].name}
            yield Advice("L02", Severity.HINT, message, (group(sites[0].id),))
            return


def _host_words(layout: Layout, found: Group) -> list[set[str]]:
    """Of each member the words of its host name, without the domain that all of an owner's hosts share."""
    names = [member.name.split(".") for member in layout.state.members(found.id)]
    return [_words(" ".join([labels[0], *labels[1:-2]])) for labels in names]


def _words(name: str) -> set[str]:
    found = re.findall(r"[^\W\d_]+", name.casefold())
    return {word for word in found if len(word) >= SHORTEST and not GENERIC.fullmatch(word)}
