"""Joining a cluster from this machine: the questions in their order, the one line, what it would do (JN)."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from appliances.cli.colours import of_difference
from appliances.cli.communicating import ask_for_ccs, enable_ccs, has_ccs
from appliances.cli.dialogue import announce, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.login_host import JoinRequest
from appliances.cli.presenting import change_line, moment
from appliances.cli.session import Session
from appliances.machine.status import now
from clusters import membership
from clusters.differences import differences
from clusters.effective import Difference
from clusters.enrolment import ADVISED_MACHINES
from clusters.installed import catalogue
from clusters.membership import JoinPreview
from clusters.modes import CLUSTER
from clusters.operations import require_no_drafts

MOST_LINES = 8
SSH_PORT, CCS_PORT = 22, 2222


class Words(argparse.ArgumentParser):
    """Options of an operation; a mistake is one line, never an exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def join(session: Session, words: list[str]) -> None:
    """Makes this machine a member (JN-01..JN-09, JN-16)."""
    told = _told(words)
    require_no_drafts(session.replica_id)
    _notice(session)
    if session.dialogue.interactive and not words:
        _ask(session, told)
    _join(session, told)


def join_over_ccs(session: Session) -> None:
    """The questions of a join over CCS (JN-11, JN-15); a member has been prepared for this machine's key."""
    told = _told(["--ccs", "--prepared", "--port", str(CCS_PORT)])
    dialogue = session.dialogue
    require_no_drafts(session.replica_id)
    _notice(session)
    dialogue.say(_("This is for sites whose firewalls let no SSH pass: a CCS port takes no logins."))
    told.own_ccs = _wants_own_ccs(session)
    told.address = dialogue.ask(_("Enter the IP address of a machine in the cluster."))
    told.port = _port(dialogue.ask(_("Enter the remote CCS port to connect to."), str(CCS_PORT)))
    _join(session, told)


def _told(words: list[str]) -> argparse.Namespace:
    """The one line, also as scripts have it: `join ADDRESS USER PASSPHRASE GROUP`."""
    parser = Words(add_help=False)
    for name, default in (("address", ""), ("user", "admin"), ("passphrase", ""), ("group", "")):
        parser.add_argument(name, nargs="?", default=default)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", dest="user_option", default="")
    parser.add_argument("--group", dest="group_option", default="")
    parser.add_argument("--fingerprint", default="")
    parser.add_argument("--keep", default="")
    for flag in ("passphrase-stdin", "prepared", "ccs", "dry-run"):
        parser.add_argument(f"--{flag}", action="store_true")
    told = parser.parse_args(words)
    told.user, told.group = told.user_option or told.user, told.group_option or told.group
    told.prepared = told.prepared or told.ccs
    told.own_ccs = False
    told.port = told.port or (CCS_PORT if told.ccs else SSH_PORT)
    return told


def _notice(session: Session) -> None:
    """What the person has to know before the first question (JN-02, JN-03)."""
    session.dialogue.warn(
        _(
            "You need: the address of a member; the fingerprint of its host key, which "
            "`clusterconfig listdetail` shows there; and the passphrase of an administrator of the cluster, "
            "or a key that was prepared."
        )
    )
    session.dialogue.warn(
        _(
            "Joining replaces all settings of this machine that are not of its own network by those of the "
            "cluster, users and passphrases too. See that they suit this network, for instance its DNS."
        )
    )


def _ask(session: Session, told: argparse.Namespace) -> None:
    """Questions 3 to 6 of JN-03."""
    dialogue = session.dialogue
    told.own_ccs = _wants_own_ccs(session)
    told.address = dialogue.ask(_("Enter the IP address of a machine in the cluster."))
    dialogue.say(_("The port has to be that of the SSH service for administrators, not of CCS."))
    told.port = _port(dialogue.ask(_("Enter the remote port to connect to."), str(SSH_PORT)))
    question = _("Would you like to join this machine to the cluster with a pre-shared key?")
    told.prepared = confirm(dialogue, question, default=False)
    if told.prepared:
        say_identity(session)
        dialogue.say(
            _(
                "On a member, enter these with `clusterconfig prepjoin new`, and `commit` there, "
                "before you go on."
            )
        )
        if not confirm(dialogue, _("Would you like to continue?"), default=True):
            raise CommandError(_("Not joined; nothing was changed."))


def _wants_own_ccs(session: Session) -> bool:
    """The answer is carried out once this machine has joined: what fails before changes nothing (JN-04)."""
    if has_ccs(session):
        session.dialogue.say(_("CCS is on here already."))
        return False
    question = _("Do you want to enable the Cluster Communication Service on {host}?")
    question = question.format(host=session.host.name)
    return confirm(session.dialogue, question, default=False)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise UsageError(_("{text} is no port.").format(text=text))
    return int(text)


def _join(session: Session, told: argparse.Namespace) -> None:
    if not told.address:
        raise UsageError(_("Name the address of a member."))
    kept = [catalogue()[name].name for name in told.keep.split(",") if name]
    membership.kept_settings(session.replica_id, kept)  # an unknown name is refused before anybody is called
    passphrase = "" if told.prepared else _passphrase(session, told)
    request = JoinRequest(told.address, told.port, told.user, passphrase, told.group, told.prepared, told.ccs)

    looked_at: list[JoinPreview] = []

    def consent(preview: JoinPreview) -> Collection[str] | None:
        looked_at.append(preview)
        return _consent(session, preview, kept, looking=told.dry_run)

    announce(
        session.dialogue, _("Calling {address} port {port}...").format(address=told.address, port=told.port)
    )
    try:
        name = session.host.join(request, lambda seen: _accepts(session, told, seen), consent)
    except CommandError:
        if told.dry_run and looked_at:
            return  # who only wanted to look has seen it
        raise
    session.stand(CLUSTER)
    session.dialogue.say(_("Joined the cluster {name}: {time}").format(name=name, time=moment(now())))
    session.dialogue.say(_("This takes effect at once; no commit is needed."))
    if told.own_ccs:
        enable_ccs(session, "", CCS_PORT)
    if session.dialogue.interactive:
        ask_for_ccs(session)


def _passphrase(session: Session, told: argparse.Namespace) -> str:
    if told.passphrase_stdin:
        lines = session.dialogue.input_text().splitlines()
        return lines[0] if lines else ""
    if told.passphrase:
        return str(told.passphrase)
    if not session.dialogue.interactive:
        raise UsageError(_("Add --passphrase-stdin or --prepared, or use a terminal (ssh -t)."))
    question = _("Enter the passphrase of {user} for the cluster.")
    return session.dialogue.secret(question.format(user=told.user))


def _accepts(session: Session, told: argparse.Namespace, seen: str) -> bool:
    service = "CCS" if told.ccs else "SSH"
    text = _("{address} port {port} answers as the {service} service of a machine.")
    if not session.as_json:
        session.dialogue.say(text.format(address=told.address, port=told.port, service=service))
    if told.fingerprint:
        return bool(told.fingerprint == seen)
    if not session.dialogue.interactive:
        session.dialogue.warn(
            _("The member's host key is {seen}; add it as --fingerprint.").format(seen=seen)
        )
        return False
    session.dialogue.say(_("Host key fingerprint of the member: {seen}").format(seen=seen))
    return confirm(session.dialogue, _("Is this a valid key for this host?"), default=True)


def _consent(
    session: Session, preview: JoinPreview, kept: list[str], *, looking: bool
) -> Collection[str] | None:
    """What the join would do here; then the person's word (a script has given it with its line)."""
    dialogue = session.dialogue
    if looking and session.as_json:
        say_json(dialogue, _preview_json(preview, kept))
        return None
    dialogue.say(_("The member lets this machine in: release, name and serial number are right."))
    _say_preview(session, preview, kept)
    if looking:
        return None
    if dialogue.interactive and not kept:
        kept = _ask_what_to_keep(session, preview)
    if dialogue.interactive and not confirm(dialogue, _("Join?"), default=True):
        return None
    return kept


def _ask_what_to_keep(session: Session, preview: JoinPreview) -> list[str]:
    if not preview.differences:
        return []
    question = _("Features whose present settings this machine keeps as its own, by name; Enter keeps none")
    return session.dialogue.ask(question).replace(",", " ").split()


def _changed(preview: JoinPreview, kept: Collection[str]) -> list[Difference]:
    """What the join changes here: what this machine keeps as its own stays as it is (TRL-36)."""
    return [found for found in preview.differences if found.feature not in kept]


def _say_preview(session: Session, preview: JoinPreview, kept: Collection[str]) -> None:
    say = session.dialogue.say
    say(_("Joining group {group} of the cluster {name}.").format(group=preview.group, name=preview.cluster))
    if preview.crowded:
        session.dialogue.warn(
            _(
                "The cluster has {count} machines already. More than {most} are allowed; expect "
                "communication errors."
            ).format(count=len(preview.members), most=ADVISED_MACHINES)
        )
    if kept:
        say(_("Kept as this machine's own: {names}").format(names=", ".join(kept)))
    if not (changed := _changed(preview, kept)):
        say(_("No setting of this machine changes."))
        return
    say(_("What this machine loses (-) and gains (+):"))
    for found in changed:
        say(f"  {found.feature}")
        lines = _lines(found)
        for line in lines[:MOST_LINES]:
            say(of_difference(f"    {line}"))
        if len(lines) > MOST_LINES:
            say(_("    ... and {count} more lines").format(count=len(lines) - MOST_LINES))


def _lines(found: Difference) -> list[str]:
    secrets = catalogue()[found.feature].secrets
    return [change_line(c) for c in differences(found.before.value, found.after.value, secrets)]


def _preview_json(preview: JoinPreview, kept: Collection[str]) -> dict[str, Any]:
    return {
        "cluster": preview.cluster,
        "group": preview.group,
        "members": list(preview.members),
        "kept": list(kept),
        "changes": {found.feature: _lines(found) for found in _changed(preview, kept)},
    }


def say_identity(session: Session) -> None:
    """Who this machine is: what a member has to know to let it in with its key (JN-14)."""
    _host_key, user_key = session.host.own_keys()
    session.dialogue.say(f"Host: {session.host.name}\nSerial Number: {session.host.serial}")
    session.dialogue.say(f"User Key:\n{user_key}")
