"""Members: create, join, list, detach, remove: operations of `clusterconfig` (CR, JN, RM, SYN-14)."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from appliances.cli.commands import status
from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.grouping import needed
from appliances.cli.login_host import JoinRequest
from appliances.cli.presenting import moment
from appliances.cli.session import Session
from appliances.links.identity import fingerprint
from appliances.machine.status import now
from clusters import membership
from clusters.addressing import require_release
from clusters.modes import CLUSTER, Level
from clusters.state import Machine


class _Words(argparse.ArgumentParser):
    """Options of an operation; a mistake is one line, never an exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def new(session: Session, words: list[str]) -> None:
    """Creates a cluster of this machine (CR-02, CR-07)."""
    by_address = "--by-address" in words
    names = [word for word in words if word not in ("--by-address", "--by-name")]
    (name,) = needed(session, names, _("name of the cluster"))
    if session.dialogue.interactive and len(names) == len(words):
        session.dialogue.say(_("How do the machines reach one another?"))
        by_address = choose(session.dialogue, [_("by host name"), _("by IP address")]) == 2
    machine = session.host.as_machine(by_address=by_address)
    membership.create(
        session.replica_id,
        name=name,
        machine=machine,
        by_address=by_address,
        user=session.user,
        host=session.host.name,
    )
    session.mode = CLUSTER
    session.dialogue.say(_("New cluster committed: {time}").format(time=moment(now())))
    session.dialogue.say(_("This takes effect at once; no commit is needed."))


def join(session: Session, words: list[str]) -> None:
    """Makes this machine a member (JN-01..JN-09)."""
    told = _join_words(words)
    dialogue = session.dialogue
    membership_notice(session)
    if dialogue.interactive and not words:
        told.address = dialogue.ask(_("IP address of a member of the cluster"))
        told.port = int(dialogue.ask(_("Port of its SSH service"), "22"))
        told.user = dialogue.ask(_("Administrator of the cluster"), told.user)
    if not told.address:
        raise UsageError(_("Name the address of a member."))
    request = JoinRequest(told.address, told.port, told.user, _passphrase(session, told), told.group)
    name = session.host.join(request, lambda seen: _accepts(session, told.fingerprint, seen))
    session.mode = CLUSTER
    dialogue.say(_("Joined the cluster {name}: {time}").format(name=name, time=moment(now())))
    dialogue.say(_("This takes effect at once; no commit is needed."))


def membership_notice(session: Session) -> None:
    """What the person has to know before a join (JN-02, JN-03)."""
    session.dialogue.warn(
        _(
            "Joining replaces all settings of this machine that are not of its own network by those of the "
            "cluster, users and passphrases too. See that they suit this network, for instance its DNS."
        )
    )


def _join_words(words: list[str]) -> argparse.Namespace:
    parser = _Words(add_help=False)
    parser.add_argument("address", nargs="?", default="")
    parser.add_argument("--port", type=int, default=22)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--group", default="")
    parser.add_argument("--fingerprint", default="")
    parser.add_argument("--passphrase-stdin", action="store_true")
    return parser.parse_args(words)


def _passphrase(session: Session, told: argparse.Namespace) -> str:
    if told.passphrase_stdin:
        lines = session.dialogue.input_text().splitlines()
        return lines[0] if lines else ""
    if not session.dialogue.interactive:
        raise UsageError(_("Add --passphrase-stdin, or use a terminal (ssh -t)."))
    return session.dialogue.secret(_("Passphrase of {user}").format(user=told.user))


def _accepts(session: Session, expected: str, seen: str) -> bool:
    if expected:
        return expected == seen
    if not session.dialogue.interactive:
        session.dialogue.warn(
            _("The member's host key is {seen}; add it as --fingerprint.").format(seen=seen)
        )
        return False
    session.dialogue.say(_("Host key fingerprint of the member: {seen}").format(seen=seen))
    return confirm(session.dialogue, _("Is this the right fingerprint?"), default=True)


def prepjoin(session: Session, words: list[str]) -> None:
    """What a member has to know of this machine (JN-14)."""
    if [word.casefold() for word in words] != ["print"]:
        raise UsageError(_("prepjoin takes `print`."))
    host_key, user_key = session.host.own_keys()
    value = {
        "host": session.host.name,
        "serial": session.host.serial,
        "user_key": user_key,
        "fingerprint": fingerprint(host_key),
    }
    if session.as_json:
        say_json(session.dialogue, value)
        return
    session.dialogue.say(f"Host: {value['host']}\nSerial Number: {value['serial']}\nUser Key:\n{user_key}")
    session.dialogue.say(f"Host Key Fingerprint: {value['fingerprint']}")


def list_members(session: Session, words: list[str]) -> None:
    """Cluster, groups, machines with serial numbers (GRP-09)."""
    _list(session, detailed=False)


def listdetail(session: Session, words: list[str]) -> None:
    """The same with address, ports, key and state of each."""
    _list(session, detailed=True)


def _list(session: Session, *, detailed: bool) -> None:
    state = session.state
    if session.as_json:
        value = {
            "cluster": state.name,
            "groups": [
                {"name": group.name, "machines": [_json_of(m) for m in state.members(group.id)]}
                for group in state.groups.values()
            ],
            "portals": [{"serial": portal.serial, "name": portal.name} for portal in state.portals.values()],
        }
        say_json(session.dialogue, value)
        return
    session.dialogue.say(f"cluster = {state.name}")
    if detailed:
        for portal in state.portals.values():
            session.dialogue.say(
                _("Portal {name} (Serial #: {serial})").format(name=portal.name, serial=portal.serial)
            )
    for group in state.groups.values():
        session.dialogue.say(f"Group {group.name}:")
        for member in state.members(group.id):
            session.dialogue.say(f"    Machine {member.name} (Serial #: {member.serial})")
            if detailed:
                _say_detail(session, member)


def _json_of(member: Machine) -> dict[str, Any]:
    value = {"serial": member.serial, **member.to_value()}
    return {**value, "fingerprint": fingerprint(member.host_key)} if member.host_key else value


def _say_detail(session: Session, member: Machine) -> None:
    say = session.dialogue.say
    ccs = member.ccs_port or _("off")
    say(
        _("        address {address} port {port}, CCS {ccs}").format(
            address=member.address, port=member.port, ccs=ccs
        )
    )
    say(_("        host key {fingerprint}").format(fingerprint=fingerprint(member.host_key)))
    if member.disconnected:
        say(_("        disconnected on purpose"))


def connstatus(session: Session, words: list[str]) -> None:
    """The table of links (T15)."""
    status.connstatus(session, words)


def disconnect(session: Session, words: list[str]) -> None:
    """Detaches members for a while; they stay members (SYN-14)."""
    _set_disconnected(session, words, disconnected=True)


def reconnect(session: Session, words: list[str]) -> None:
    """Takes members back; refused for one that runs another release (UPG-08)."""
    _set_disconnected(session, words, disconnected=False)


def _set_disconnected(session: Session, words: list[str], *, disconnected: bool) -> None:
    hosts = words or needed(session, words, _("host"))
    serials = [session.state.mode_named(Level.MACHINE, host).id for host in hosts]
    if not disconnected:
        for serial in serials:
            if known := session.host.heard().get(serial):
                require_release(session.host.release, known.release, known.name)
    made = membership.set_disconnected(
        session.replica_id, serials, disconnected, user=session.user, host=session.host.name
    )
    names = ", ".join(session.state.machines[serial].name for serial in serials)
    if made is None:
        session.dialogue.say(_("Nothing to do for {names}.").format(names=names))
    elif disconnected:
        session.dialogue.say(_("Disconnected: {names}. No commit is needed.").format(names=names))
    else:
        session.dialogue.say(_("Reconnected: {names}. No commit is needed.").format(names=names))


def removemachine(session: Session, words: list[str]) -> None:
    """Removes a member for good; it goes on alone with what it has (RM-01..RM-04)."""
    (host,) = needed(session, words, _("host"))
    member = session.state.machines[session.state.mode_named(Level.MACHINE, host).id]
    if session.dialogue.interactive and not _confirms_removal(session, member):
        raise CommandError(_("Nothing was changed."))
    membership.remove_machine(session.replica_id, member.serial, user=session.user, host=session.host.name)
    session.dialogue.say(_("{name} is removed. No commit is needed.").format(name=member.name))


def removeportal(session: Session, words: list[str]) -> None:
    """A portal no longer follows the cluster."""
    (name,) = needed(session, words, _("name of the portal"))
    known = session.state.portals.values()
    found = next((p for p in known if name in (p.name, p.serial)), None)
    if found is None:
        raise CommandError(_("No portal {name} follows this cluster.").format(name=name))
    membership.remove_portal(session.replica_id, found.serial, user=session.user, host=session.host.name)
    session.dialogue.say(_("{name} is removed. No commit is needed.").format(name=found.name))


def _confirms_removal(session: Session, member: Machine) -> bool:
    session.dialogue.warn(
        _("{name} leaves the cluster for good and keeps the settings that it has now as its own.").format(
            name=member.name
        )
    )
    if len(session.state.machines) == 1:
        session.dialogue.warn(_("It is the last machine: the cluster ends with it."))
    return confirm(session.dialogue, _("Remove it?"), default=False)
