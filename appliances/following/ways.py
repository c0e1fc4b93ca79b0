"""How a portal and its people come to a machine that has SSH on one address and CCS on another (COM-14)."""

from __future__ import annotations

from dataclasses import replace

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import Interface
from clusters.catalogue import InvalidDocument
from clusters.modes import machine
from clusters.state import ClusterState, Machine


def link_port(state: ClusterState, member: Machine) -> int:
    """The port for links: of SSH, which may be open to a portal alone; of CCS where SSH is off."""
    return member.ccs_port if member.ccs_port and _without_ssh(state, member) else member.port


def for_logins(state: ClusterState, member: Machine) -> Machine:
    """The member with the address and port where people log in."""
    if _without_ssh(state, member):
        for each in _interfaces(state, member):
            if each.ssh.enabled:
                return replace(member, address=each.ip, port=each.ssh.port)
    return member


def _without_ssh(state: ClusterState, member: Machine) -> bool:
    """Whether members call it over CCS at an interface of its own on which SSH is off."""
    found = _interfaces(state, member) if member.ccs_port else []
    by_name = member.address == member.name
    met = next(
        (i for i in found if (i.ccs.enabled if by_name else member.address in (i.ip, i.hostname))), None
    )
    return met is not None and not met.ssh.enabled


def _interfaces(state: ClusterState, member: Machine) -> list[Interface]:
    """Those of the machine; none where another release has written them so that this one cannot read them."""
    own = state.defined(machine(member.serial), INTERFACECONFIG.name)
    try:
        return list(INTERFACECONFIG.read(own.value).interfaces) if own else []
    except InvalidDocument:
        return []
