"""How members reach one another: CCS on interfaces, names or addresses, ports (COM-11, CR-07, CL-13)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from django.utils.translation import gettext as _

from appliances.cli.dialogue import answered, choose, confirm
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.options import port
from appliances.cli.session import Session
from appliances.features.interfaceconfig import FEATURE
from clusters import commits, drafts, membership
from clusters.addressing import check_address
from clusters.catalogue import Document
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import Level, machine
from clusters.state import Machine

CCS_PORT = 2222


def has_ccs(session: Session) -> bool:
    """Whether an interface of this machine takes cluster traffic over CCS."""
    return any(interface["ccs"]["enabled"] for interface in _interfaces(session, session.host.serial))


def ask_for_ccs(session: Session) -> None:
    """After a join, for each interface: CCS there, and on which port (JN-10)."""
    for interface in _interfaces(session, session.host.serial):
        if interface["ccs"]["enabled"]:
            continue
        question = _(
            "Do you want to enable the Cluster Communication Service on the interface {name} ({ip})?"
        )
        if confirm(session.dialogue, question.format(**interface), default=False):
            question = _("Which port do you want to use for the Cluster Communication Service?")
            enable = partial(_enable_at, session, interface["name"])
            answered(session.dialogue, question, enable, str(CCS_PORT))


def _enable_at(session: Session, name: str, text: str) -> None:
    enable_ccs(session, name, port(text))


def enable_ccs(session: Session, name: str, port: int) -> None:
    """Turns CCS on, on the interface of that name or the first, by a commit of its own.

    Raises InvalidDocument for a port that is taken or none (COM-12).
    """
    with drafts.held(session.replica_id):
        _commit_ccs(session, name, port)


def _commit_ccs(session: Session, name: str, port: int) -> None:
    found = [dict(each) for each in _interfaces(session, session.host.serial)]
    wanted = next((each for each in found if not name or each["name"] == name), None)
    if wanted is None:
        raise CommandError(_("This machine has no interface {name}.").format(name=name))
    wanted["ccs"] = {"enabled": True, "port": port}
    mode = machine(session.host.serial)
    drafts.edit(session.replica_id, session.user, mode, FEATURE.name, {"interfaces": found})
    commits.commit_pending(
        session.replica_id,
        user=session.user,
        host=session.host.name,
        comment=_("Enable CCS on {name}").format(name=wanted["name"]),
    )


def _interfaces(session: Session, serial: str) -> list[Document]:
    setting = setting_at(session.state, machine(serial), FEATURE.name, catalogue())
    found: list[Document] = setting.value["interfaces"]
    return found


def communication(session: Session, words: list[str]) -> None:
    """By address or by host name for all, or address and port of one machine (CR-07)."""
    if not words and session.dialogue.interactive:
        words = _asked(session)
    if words:
        # What is left as it is comes from the same reading as what is changed (TRL-09).
        with drafts.held(session.replica_id):
            _set(session, words)
    _show(session)


def _set(session: Session, words: list[str]) -> None:
    state = session.state
    style = words[0].casefold()
    if style in ("address", "name") and len(words) == 1:
        by_address = style == "address"
        machines = [_reached(session, member, by_address=by_address) for member in state.machines.values()]
    elif len(words) in (2, 3):
        by_address = state.by_address
        member = state.machines[state.mode_named(Level.MACHINE, words[0]).id]
        called = port(words[2]) if len(words) == 3 else member.port
        machines = [replace(member, address=words[1], port=called)]
    else:
        raise UsageError(_("communication takes `address`, `name`, or HOST ADDRESS [PORT]."))
    membership.set_communication(
        session.replica_id,
        by_address=by_address,
        machines=machines,
        user=session.user,
        host=session.host.name,
    )


def _asked(session: Session) -> list[str]:
    _show(session)
    number = choose(
        session.dialogue,
        [_("Communicate by IP address"), _("Communicate by host name"), _("Address and port of one machine")],
        default=2 - session.state.by_address,
    )
    if number < 3:
        return ["address" if number == 1 else "name"]
    state = session.state
    members = list(state.machines.values())
    chosen = members[choose(session.dialogue, [m.name for m in members]) - 1]
    question = _("Address at which the others reach it")
    address = answered(session.dialogue, question, partial(_address, state.by_address), chosen.address)
    called = answered(session.dialogue, _("Port of its SSH service"), port, str(chosen.port))
    return [chosen.name, address, str(called)]


def _address(by_address: bool, text: str) -> str:
    return check_address(text, by_address)


def _reached(session: Session, member: Machine, *, by_address: bool) -> Machine:
    """A member in the other style: its main host name, or its interface that takes links."""
    if not by_address:
        return replace(member, address=member.name)
    met = FEATURE.read({"interfaces": _interfaces(session, member.serial)}).met_at()
    if met is None:
        text = _("{name} has no interface; name its address: clusterconfig communication HOST ADDRESS")
        raise CommandError(text.format(name=member.name))
    return replace(member, address=met.ip)


def _show(session: Session) -> None:
    state = session.state
    style = _("by IP address") if state.by_address else _("by host name")
    session.dialogue.say(_("The machines reach one another {style}.").format(style=style))
    for member in state.machines.values():
        ccs = member.ccs_port or _("off")
        session.dialogue.say(
            _("{name}: {address} port {port}, CCS {ccs}").format(
                name=member.name, address=member.address, port=member.port, ccs=ccs
            )
        )
