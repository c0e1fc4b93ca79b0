"""Advice on the members of a cluster: how they are called, reached, and what they run."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clusters.layout import Advice, Layout, Rule, Severity
from clusters.modes import Mode, group, machine
from clusters.naming import some
from clusters.state import Machine
from clusters.versions import Address, Kind

LABORATORY = re.compile(r"(?:^|[^a-z])(?:lab|test|testing|staging|stage|dev|devel|demo|sandbox)(?:[^a-z]|$)")


def ccs_without_need(layout: Layout) -> Iterator[Advice]:
    """L11: CCS is on although SSH seems to be open everywhere (COM-13)."""
    on = [m for m in layout.state.machines.values() if m.ccs_port is not None]
    if on and layout.facts.reached.issuperset(layout.state.machines):
        text = _("CCS is on at %(names)s although every member answers on its SSH port.")
        yield Advice("L11", Severity.HINT, text % {"names": _names(on)}, _modes(on))


def mixed_addresses(layout: Layout) -> Iterator[Advice]:
    """L13: members are reached by host name or by address, never by both in one cluster (CL-13)."""
    members = [m for m in layout.state.machines.values() if m.address]
    odd = [m for m in members if _is_address(m.address) != layout.state.by_address]
    if odd:
        by_address = _("This cluster talks by address, yet these have a host name: %(names)s.")
        by_name = _("This cluster talks by host name, yet these have an address: %(names)s.")
        text = by_address if layout.state.by_address else by_name
        yield Advice("L13", Severity.WARNING, text % {"names": _names(odd)}, _modes(odd))


def name_is_unknown(layout: Layout) -> Iterator[Advice]:
    """L13: a host name that leads nowhere (COM-06, COM-08, COM-10)."""
    odd = [m for m in layout.state.machines.values() if m.address in layout.facts.unknown]
    if odd:
        text = _("The name servers do not know these names, or did not answer in time: %(names)s.")
        yield Advice("L13", Severity.WARNING, text % {"names": _addresses(odd)}, _modes(odd))


def address_has_another_name(layout: Layout) -> Iterator[Advice]:
    """L13: reverse look-ups that are slow, find nothing, or find another name (COM-07, COM-09)."""
    for member in layout.state.machines.values():
        for address in sorted(layout.facts.leads.get(member.address, {member.address})):
            if address not in layout.facts.called:
                continue
            name = layout.facts.called[address]
            if name is not None and name.casefold().rstrip(".") == member.name.casefold():
                continue
            severity = Severity.HINT if name else Severity.WARNING
            text = _reverse_trouble(name) % {"address": address, "host": member.name, "name": name}
            yield Advice("L13", severity, text, (machine(member.serial),))


def _reverse_trouble(name: str | None) -> str:
    if name is None:
        return _(
            "No name server answers in time for %(address)s of %(host)s; who is called from there waits for"
            " it."
        )
    if not name:
        return _("The address %(address)s of %(host)s has no name: its PTR record is missing.")
    return _("The address %(address)s of %(host)s is called %(name)s: its PTR record says another name.")


def _addresses(members: list[Machine]) -> str:
    return some(m.address for m in members)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def laboratory_among_others(layout: Layout) -> Iterator[Advice]:
    """L15 (BP-07)."""
    members = list(layout.state.machines.values())
    odd = [m for m in members if LABORATORY.search(m.name.partition(".")[0].casefold())]
    if odd and len(odd) < len(members):
        text = _(
            "%(names)s looks like a machine for trials among others that serve; give it another cluster."
        )
        yield Advice("L15", Severity.HINT, text % {"names": _names(odd)}, _modes(odd))


def changes_while_away(layout: Layout) -> Iterator[Advice]:
    """L16: entries that were written while a machine was disconnected on purpose (UPG-06)."""
    entries = layout.state.entries
    for member in layout.state.machines.values():
        left = entries[Address(Kind.MACHINE, member.serial)].by
        if not member.disconnected or left is None:
            continue
        later = sum(1 for found in entries.values() if found.by and found.by.time > left.time)
        if later:
            text = ngettext(
                "%(count)d entry was changed since %(name)s was disconnected; it gets that on return.",
                "%(count)d entries were changed since %(name)s was disconnected; it gets them on return.",
                later,
            )
            message = text % {"count": later, "name": member.name}
            yield Advice("L16", Severity.WARNING, message, (machine(member.serial),))


def releases_differ(layout: Layout) -> Iterator[Advice]:
    """L19: connected members run one release (CL-12)."""
    known = {s: r for s, r in layout.facts.releases.items() if r and s in layout.state.machines}
    found = list(known.values())
    common = max(found, key=found.count, default="")
    odd = [layout.state.machines[serial] for serial, release in known.items() if release != common]
    if odd:
        text = _("Most members run release %(common)s; these run another one: %(names)s.")
        yield Advice("L19", Severity.WARNING, text % {"common": common, "names": _names(odd)}, _modes(odd))


def no_login_host(layout: Layout) -> Iterator[Advice]:
    """L17: a machine on which nobody can log in; the command line of a machine is there over SSH alone."""
    for mode, doors in layout.doors.items():
        if any(door.logins for door in doors):
            continue
        severity = Severity.HINT if doors else Severity.WARNING
        only_ccs = _("Nobody can log in at %(name)s: SSH is off on all its interfaces.")
        closed = _(
            "Nobody can log in at %(name)s, and no member can call it: SSH and CCS are off everywhere."
        )
        text = only_ccs if doors else closed
        yield Advice("L17", severity, text % {"name": layout.state.mode_name(mode)}, (mode,))


def name_leads_elsewhere(layout: Layout) -> Iterator[Advice]:
    """L21: the main host name leads to no address with SSH or CCS on (COM-06, COM-07).

    A member that answers all the same stands behind a translator.
    """
    for mode, doors in layout.doors.items():
        member = layout.state.machines[mode.id]
        places = layout.facts.leads.get(member.address, frozenset())
        known = {door.address for door in doors}
        if not (places and known) or places & known or member.serial in layout.facts.reached:
            continue
        text = _("The name %(name)s leads to %(found)s, and SSH or CCS are on at %(known)s only.")
        found = {"found": ", ".join(sorted(places)), "known": ", ".join(sorted(known))}
        yield Advice("L21", Severity.WARNING, text % {"name": member.address, **found}, (mode,))


def main_group_empty(layout: Layout) -> Iterator[Advice]:
    """BP-04: the main site stays in the group in which machines begin."""
    initial = layout.state.initial_group
    if layout.state.machines and not layout.state.members(initial.id):
        text = _("No machine is in %(name)s, where joining machines begin; the main site belongs there.")
        yield Advice("BP-04", Severity.HINT, text % {"name": initial.name}, (group(initial.id),))


def _names(members: list[Machine]) -> str:
    return some(m.name for m in members)


def _modes(members: list[Machine]) -> tuple[Mode, ...]:
    return tuple(machine(m.serial) for m in members)


MEMBER_RULES: tuple[Rule, ...] = (
    ccs_without_need,
    mixed_addresses,
    name_is_unknown,
    address_has_another_name,
    laboratory_among_others,
    changes_while_away,
    no_login_host,
    releases_differ,
    name_leads_elsewhere,
    main_group_empty,
)
