"""What a change of interfaces or name means for those who call the machine (TRL-15, TRL-16, TRL-34)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import Door, InterfaceSettings
from appliances.features.sethostname import FACTORY_NAME
from appliances.features.sethostname import FEATURE as SETHOSTNAME
from appliances.features.wording import _, say
from clusters.catalogue import Called, Document, InvalidDocument, RedFlag


def departures(
    called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
) -> Iterator[RedFlag]:
    """How the change may cut the machine off; nothing for settings that cannot be read."""
    try:
        old, new = (INTERFACECONFIG.read(each[INTERFACECONFIG.name]) for each in (before, after))
        names = [SETHOSTNAME.read(each[SETHOSTNAME.name]).hostname for each in (before, after)]
    except (InvalidDocument, KeyError):
        return
    for message in _of_doors(called, old, new):
        yield RedFlag(INTERFACECONFIG.name, message)
    if called is not None and names[0] != names[1]:
        for message in _of_name(called, names[1]):
            yield RedFlag(SETHOSTNAME.name, message)


def _of_doors(called: Called | None, old: InterfaceSettings, new: InterfaceSettings) -> Iterator[str]:
    closed = old.doors - new.doors
    if not closed:
        return
    message = _(
        "Nothing answers any more at {closed}. If neither a login nor a link comes through within the confirm"
        " window (10 minutes, unless the machine runs with another), it goes back to what it has now"
    )
    yield say(message, closed=_shown(closed))
    if called is not None and new.doors:
        yield from _of_members(called, closed, new.doors)


def _of_members(called: Called, closed: set[Door], left: set[Door]) -> Iterator[str]:
    words = {"old": f"{called.address} port {called.port}", "new": _shown(left), "name": called.address}
    if not called.by_address:
        message = _("The other members call it by the name {name}, which has to lead to one of {new} then")
        yield say(message, **words)
    elif (called.address, called.port) not in {(address, port) for _service, address, port in closed}:
        return
    elif called.away:
        message = _(
            "The other members call it at {old}, and do not hear of {new}, because this machine is"
            " disconnected: reconnect it first, or at itself afterwards"
        )
        yield say(message, **words)
    else:
        message = _(
            "The other members call it at {old}. They are told of {new} over the links that still stand; who"
            " has no link with it then hears of it later, from another member"
        )
        yield say(message, **words)


def _of_name(called: Called, name: str) -> Iterator[str]:
    if name == FACTORY_NAME:
        message = _("A member cannot be called {name}: in the cluster it stays {old}")
    elif name.casefold() in {other.casefold() for other in called.others}:
        message = _("Another member is called {name} already: in the cluster this one stays {old}")
    elif called.by_address:
        message = _(
            "The member {old} is called {name} then, in lists, modes and alerts of every member; what the"
            " history says of it before keeps {old}"
        )
    else:
        message = _(
            "The other members call this one by its name. Let {name} lead here in the DNS first: until it"
            " does, the cluster goes on calling it {old}. Then lists, modes and alerts say {name}; what the"
            " history says of it before keeps {old}"
        )
    yield say(message, name=name, old=called.name)


def _shown(doors: Iterable[Door]) -> str:
    return ", ".join(f"{service.upper()} {address}:{port}" for service, address, port in sorted(doors))
