"""What the cluster knows of this machine follows what it is: its name, its address, its ports (CL-15)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.sethostname import FACTORY_NAME
from appliances.links import names
from appliances.links.errors import Unreachable
from appliances.links.ssh import ServiceKind
from appliances.machine.threads import in_thread
from clusters import membership, replicas
from clusters.modes import machine
from clusters.refusals import REFUSALS
from clusters.state import Machine
from clusters.versions import Address, Kind, Version, settings_at

if TYPE_CHECKING:
    from appliances.machine.services import Door
    from appliances.machine.view import View

logger = logging.getLogger(__name__)


class OwnEntry:
    """Keeps this machine's entry true. `notes` says what keeps it from being so.

    `begin` takes work that nobody waits for; `again` is called when there is more to tell, `changed` when
    there are other notes.
    """

    def __init__(
        self,
        begin: Callable[[Coroutine[Any, Any, None]], None],
        again: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._begin, self._again, self._changed = begin, again, changed
        self._found_name = ""
        self._looking_for = ""

    async def tell(self, view: View, opened: Collection[Door]) -> None:
        """Commits what has changed of name, address and ports; `opened` are the doors that are open now."""
        if view.member is None:
            self.notes = ()
            return
        named = self._named(view, view.member)
        former: Mapping[str, str] = {}
        if view.state.by_address and not _is_open(named.address, opened):
            former = await in_thread(former_addresses, view)
        wanted = moved_entry(view, opened, former, named)
        if wanted is not None:
            await in_thread(self._commit, view, wanted)

    def _commit(self, view: View, wanted: Machine) -> None:
        try:
            membership.follow_member(view.replica_id, wanted, user=view.name, host=view.name)
        except REFUSALS as error:
            logger.error("the others cannot be told of %s at %s: %s", wanted.name, wanted.address, error)
            self.notes = (f"The others cannot be told of this machine's name or address: {error}",)

    def _named(self, view: View, member: Machine) -> Machine:
        """The entry under the machine's present name, where it can be called so (TRL-16)."""
        name = view.name
        hindrance = unfit_name(view, member)
        if name == member.name or hindrance:
            self.notes = (hindrance,) if hindrance else ()
            return member
        if view.state.by_address or name == self._found_name:
            self.notes = ()
            return renamed(member, name, by_address=view.state.by_address)
        if not self._looking_for:
            self._looking_for = name
            self._begin(self._look_for(name, member.port))
        return member

    async def _look_for(self, name: str, port: int) -> None:
        """Whether a name leads somewhere: a look-up may take its time, and holds nothing up here."""
        try:
            await names.places_of(name, port)
        except Unreachable as error:
            text = f"The cluster goes on calling this machine by its old name: {error.text}."
            self.notes = (f"{text} The new one is tried again each minute.",)
            self._changed()
        else:
            self._found_name = name
            self._again()
        finally:
            self._looking_for = ""


def unfit_name(view: View, member: Machine) -> str:
    """Why the machine's present name cannot be that of a member; empty where it can, or is already."""
    name = view.name
    taken = {m.name.casefold() for m in view.state.machines.values() if m.serial != member.serial}
    if name == member.name:
        return ""
    if name == FACTORY_NAME or name.casefold() in taken:
        reason = "no member can be called so" if name == FACTORY_NAME else "another member is called so"
        kept = f"The cluster goes on calling this machine {member.name}, not {name}"
        return f"{kept}: {reason}. Choose another name."
    return ""


def renamed(member: Machine, name: str, *, by_address: bool) -> Machine:
    """The entry under that name; members who call by the old name call by the new one then."""
    follows = not by_address and member.address.casefold() == member.name.casefold()
    return replace(member, name=name, address=name if follows else member.address)


def moved_entry(
    view: View,
    doors: Collection[Door],
    former: Mapping[str, str] | None = None,
    named: Machine | None = None,
) -> Machine | None:
    """This machine's entry as it answers now; None where it says so already (CL-15, TRL-34).

    An address that is none of its own interfaces and was none (`former`, with the interface that had it),
    behind a translator for instance, is left alone. A name may lead to any of them: the ports stay those of
    one interface, of the same service if that is on still. `named` is the entry under the present name.
    """
    member = named or view.member
    if member is None:
        return None
    found = list(_entries(view, member, doors)) or list(_elsewhere(view, member, doors, former or {}))
    same = [each for each in found if (each.ccs_port is None) == (member.ccs_port is None)]
    wanted = next(iter([each for each in found if each == member] or same or found), member)
    return None if wanted == view.member else wanted


def _entries(view: View, member: Machine, doors: Collection[Door]) -> Iterator[Machine]:
    """The entry with the ports of each interface to which its address leads, where doors are open."""
    for each in view.interfaces.interfaces:
        known = (each.ip, each.hostname, member.name if not view.state.by_address else "")
        if member.address in known and _is_open(each.ip, doors):
            yield _entry_at(member, each.ip, doors)


def _elsewhere(
    view: View, member: Machine, doors: Collection[Door], former: Mapping[str, str]
) -> Iterator[Machine]:
    """The entry at each interface with an open door, where its address is one of before; the likely first."""
    if not view.state.by_address or member.address not in former:
        return
    interfaces = sorted(
        view.interfaces.interfaces,
        key=lambda each: (each.name != former[member.address], not each.ccs.enabled, not each.ssh.enabled),
    )
    for each in interfaces:
        if _is_open(each.ip, doors):
            yield replace(_entry_at(member, each.ip, doors), address=each.ip)


def _is_open(ip: str, doors: Collection[Door]) -> bool:
    return any(ip == address for _kind, address, _port in doors)


def _entry_at(member: Machine, address: str, doors: Collection[Door]) -> Machine:
    """The entry with the ports that are open at that address; that of SSH stays where SSH is off."""
    ports = {kind: port for kind, ip, port in doors if ip == address}
    return replace(member, port=ports.get(ServiceKind.SSH, member.port), ccs_port=ports.get(ServiceKind.CCS))


def former_addresses(view: View) -> Mapping[str, str]:
    """The addresses that this machine's interfaces have or had, each with the interface's name. Blocks.

    None of them counts if a person has given the entry its address since the interfaces are as they are: such
    an address is a translator's, even if it was the machine's own once.
    """
    own = settings_at(machine(view.serial), INTERFACECONFIG.name)
    now = view.state.entries.get(own)
    said = _said_since(view)
    if now is not None and now.by is not None and said is not None and said.time > now.by.time:
        return {}
    found: dict[str, str] = {}
    versions = sorted(replicas.versions_of(view.replica_id, own), key=lambda each: each.time)
    for version in versions:
        for interface in (version.value or {}).get("interfaces", []):
            found[interface["ip"]] = interface["name"]
    return found


def _said_since(view: View) -> Version | None:
    """The version of the entry that gave it its present address, as far as the log tells."""
    entry = Address(Kind.MACHINE, view.serial)
    found = None
    for version in sorted(
        replicas.versions_of(view.replica_id, entry), key=lambda each: each.time, reverse=True
    ):
        if view.member is None or (version.value or {}).get("address") != view.member.address:
            break
        found = version
    return found
