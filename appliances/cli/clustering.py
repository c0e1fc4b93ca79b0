"""Members: create, list, detach, remove: operations of `clusterconfig` (CR, RM, SYN-14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.commands import status
from appliances.cli.dialogue import announce, choose, confirm, say_json
from appliances.cli.errors import CommandError
from appliances.cli.grouping import one_word, picked_machine, picked_machines, require_words
from appliances.cli.presenting import moment
from appliances.cli.session import Session
from appliances.links.errors import LinkError
from appliances.links.identity import fingerprint
from appliances.machine.status import now
from clusters import membership
from clusters.addressing import check_name, require_release
from clusters.modes import CLUSTER, Level
from clusters.state import Machine, Portal

REACHING = 20.0
"""Seconds in which a machine that was taken back has to be reached."""


def new(session: Session, words: list[str]) -> None:
    """Creates a cluster of this machine (CR-02, CR-07)."""
    by_address = "--by-address" in words
    names = [word for word in words if word not in ("--by-address", "--by-name")]
    question = _("Enter the name of the new cluster.")
    name = one_word(session, names, "new NAME [--by-name | --by-address]", question, check_name)
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
    session.stand(CLUSTER)
    session.dialogue.say(_("New cluster committed: {time}").format(time=moment(now())))
    session.dialogue.say(_("Creating a cluster takes effect immediately, there is no need to commit."))


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
    verb = "disconnect" if disconnected else "reconnect"
    hosts = picked_machines(session, words) or require_words(words, 1, f"{verb} HOST...")
    serials = [session.state.mode_named(Level.MACHINE, host).id for host in hosts]
    if not disconnected:
        _require_releases(session, serials)
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
        _require_heard(session, serials)


def _require_heard(session: Session, serials: list[str]) -> None:
    """A machine that is apart calls nobody: unless it is reached now, it does not know that it is back."""
    missing = session.host.unreached(serials, REACHING)
    machines = session.state.machines
    for serial, reason in missing.items():
        member = machines[serial]
        if serial == session.host.serial:
            text = _("No other member has heard of it yet: {reason}. They hear of it with the first link.")
        else:
            text = _(
                "{name} has not heard of it: {reason}. It is called at {address} port {port}. Log in there"
                " and type `clusterconfig reconnect {name}`; or say where it answers now, with `clusterconfig"
                " communication {name} ADDRESS PORT`."
            )
        where = {"address": member.address, "port": member.ccs_port or member.port}
        session.dialogue.warn(text.format(name=member.name, reason=reason, **where))
    if missing:
        names = ", ".join(machines[serial].name for serial in missing)
        raise CommandError(_("Taken back and not reached: {names}.").format(names=names))


def _require_releases(session: Session, serials: list[str]) -> None:
    """Each is asked now; one that does not answer is refused later by its own links, if need be (UPG-08)."""
    for serial in serials:
        if serial == session.host.serial:
            continue
        name = session.state.machines[serial].name
        announce(session.dialogue, _("Asking {name} for its release...").format(name=name))
        try:
            theirs = session.host.release_of(serial)
        except LinkError as error:
            session.dialogue.warn(
                _("{name} cannot be asked for its release: {error}").format(name=name, error=error)
            )
        else:
            require_release(session.host.release, theirs, name)


def removemachine(session: Session, words: list[str]) -> None:
    """Removes a member for good; it goes on alone with what it has (RM-01..RM-04).

    Who has uncommitted changes on it is told beforehand, for these are lost (TRL-12).
    """
    agreed = "--yes" in words
    named = [word for word in words if word != "--yes"]
    (host,) = require_words(picked_machine(session, named), 1, "removemachine HOST [--yes]")
    member = session.state.machines[session.state.mode_named(Level.MACHINE, host).id]
    losing = _drafting(session, member)
    if not agreed:
        _agree_to_removal(session, member, losing)
    by = {"user": session.user, "host": session.host.name}
    membership.remove_machine(session.replica_id, member.serial, losing=losing, **by)
    if member.serial == session.host.serial:
        # What is typed next is for the machine that goes on alone, and has to find it.
        session.host.follow()
        session.stand(session.own_mode)
    session.dialogue.say(_("{name} is removed. No commit is needed.").format(name=member.name))


def removeportal(session: Session, words: list[str]) -> None:
    """A portal no longer follows the cluster."""
    found = _portal(session, words)
    membership.remove_portal(session.replica_id, found.serial, user=session.user, host=session.host.name)
    session.dialogue.say(_("{name} is removed. No commit is needed.").format(name=found.name))


def _portal(session: Session, words: list[str]) -> Portal:
    known = list(session.state.portals.values())
    if not known:
        raise CommandError(_("No portal follows this cluster."))
    if not words and session.dialogue.interactive:
        number = choose(session.dialogue, [p.name for p in known], default=None, question=_("Which portal?"))
        words = [known[number - 1].serial] if number else []
        if not words:
            raise CommandError(_("Nothing was changed."))
    (name,) = require_words(words, 1, "removeportal NAME")
    found = next((p for p in known if name in (p.name, p.serial)), None)
    if found is None:
        raise CommandError(_("No portal {name} follows this cluster.").format(name=name))
    return found


def _drafting(session: Session, member: Machine) -> Sequence[str]:
    """Who has uncommitted changes on that machine, as far as it can be asked."""
    try:
        return session.host.drafting(member.serial)
    except LinkError as error:
        text = _("{name} cannot be asked who has uncommitted changes there, which are lost: {error}")
        session.dialogue.warn(text.format(name=member.name, error=error))
        return ()


def _agree_to_removal(session: Session, member: Machine, losing: Sequence[str]) -> None:
    """Raises CommandError for who does not agree, and for a script that would lose changes unasked."""
    told = {"name": member.name, "people": ", ".join(losing)}
    if losing and not session.dialogue.interactive:
        text = _(
            "On {name} there are uncommitted changes of {people}. Commit or clear them there first; "
            "with --yes they are lost."
        )
        raise CommandError(text.format(**told))
    if losing:
        text = _("On {name} there are uncommitted changes of {people}: they would be lost.")
        session.dialogue.warn(text.format(**told))
    if session.dialogue.interactive and not _confirms_removal(session, member):
        raise CommandError(_("Nothing was changed."))


def _confirms_removal(session: Session, member: Machine) -> bool:
    session.dialogue.warn(
        _("{name} leaves the cluster for good and keeps the settings that it has now as its own.").format(
            name=member.name
        )
    )
    if len(session.state.machines) == 1:
        session.dialogue.warn(_("It is the last machine: the cluster ends with it."))
    return confirm(session.dialogue, _("Remove it?"), default=False)
