"""What a person should see about a listener before the commit: open relays, tables that accept nobody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from appliances.features import reaching
from appliances.features.admission import EVERYBODY, networks
from appliances.features.fields import ALL
from appliances.features.hat import Hat, SenderGroup
from appliances.features.patterns import key, narrowest
from appliances.features.smtproutes import RouteSettings
from appliances.features.wording import _, say

if TYPE_CHECKING:
    from appliances.features.listenerconfig import Listener

HUGE_PREFIX = 4
"""Blocks of this prefix length or shorter are as good as everybody."""


def of_tables(listener: Listener) -> Iterator[str]:
    """What is dangerous or useless in HAT and RAT."""
    behaviours = {
        listener.hat.policy(group.policy).behaviour for group in listener.hat.sender_groups if group.hosts
    }
    name = listener.name
    if behaviours.isdisjoint(("accept", "relay")):
        yield say(_("Listener {name}: its HAT lets nobody in"), name=name)
    if listener.max_connections_per_client >= listener.max_connections:
        message = _("Listener {name}: one client alone can take all its {count} connections")
        yield say(message, name=name, count=listener.max_connections)
    if "accept" in behaviours and not listener.rat.accepted:
        yield say(_("Listener {name}: its RAT accepts no recipient"), name=name)
    if reaches_everybody(listener.hat, "relay"):
        yield say(_("Listener {name} relays for everybody: it is an open relay"), name=name)
    if ALL in listener.rat.accepted and reaches_everybody(listener.hat, "accept"):
        yield say(_("Listener {name} accepts every recipient from everybody: it is an open relay"), name=name)
    for what in (*reaching.of_hat(listener.hat), *reaching.of_rat(listener.rat)):
        yield say(_("Listener {name}: {what}"), name=name, what=what)


def reaches_everybody(hat: Hat, behaviour: str) -> bool:
    """Whether clients that nobody chose get that behaviour; groups behind an ALL are out of reach."""
    for group in hat.sender_groups:
        if hat.policy(group.policy).behaviour == behaviour and _is_huge(group):
            return True
        if not set(EVERYBODY).isdisjoint(networks(group)):
            return False
    return False


def _is_huge(group: SenderGroup) -> bool:
    return any(ipaddress.ip_network(block).prefixlen <= HUGE_PREFIX for block in networks(group))


def unrouted(listener: Listener, routes: RouteSettings) -> Iterator[str]:
    """Recipients whose mail comes in, and by DNS goes to their MX hosts: most likely back to this machine."""
    table = {key(each.domain): each for each in routes.routes}
    lost = [
        pattern for pattern in listener.rat.accepted if pattern != ALL and narrowest(table, pattern) is None
    ]
    if lost:
        shown = ", ".join(lost[:3]) + (" ..." if len(lost) > 3 else "")
        message = _("No SMTP route for {count} recipient(s) that listener {name} accepts: {shown}")
        yield say(message, count=len(lost), name=listener.name, shown=shown)
