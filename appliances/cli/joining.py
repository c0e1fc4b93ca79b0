"""Joining a cluster from this machine: the questions in their order, the one line, what it would do (JN)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.colours import of_difference
from appliances.cli.communicating import ask_for_ccs, enable_ccs, has_ccs
from appliances.cli.dialogue import announce, answered, confirm, say_json
from appliances.cli.errors import CommandError, Left, UsageError
from appliances.cli.login_host import Consent, JoinRequest
from appliances.cli.options import Options, port
from appliances.cli.presenting import all_change_lines, moment
from appliances.cli.session import Session
from appliances.links.errors import AuthenticationFailed, LinkError, Silent, Unreachable, WrongService
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
_NONE = "-"
"""The answer that keeps no feature."""


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
    _ask_where(session, told)
    _join(session, told)


def _told(words: list[str]) -> Namespace:
    """The one line, also as scripts have it: `join ADDRESS USER PASSPHRASE GROUP`."""
    parser = Options("clusterconfig join")
    for name, default in (("address", ""), ("user", "admin"), ("passphrase", ""), ("group", "")):
        parser.add_argument(name, nargs="?", default=default)
    parser.add_argument("--port", type=port, default=0)
    parser.add_argument("--user", dest="user_option", default="")
    parser.add_argument("--group", dest="group_option", default="")
    parser.add_argument("--fingerprint", default="")
    parser.add_argument("--keep", default="")
    for flag in ("passphrase-stdin", "prepared", "ccs", "dry-run"):
        parser.add_argument(f"--{flag}", action="store_true")
    told = parser.told(words)
    told.user, told.group = told.user_option or told.user, told.group_option or told.group
    told.prepared = told.prepared or told.ccs
    told.own_ccs = told.asked = False
    told.accepted = ""
    told.port = told.port or (CCS_PORT if told.ccs else SSH_PORT)
    return told


def _notice(session: Session) -> None:
    """What the person has to know before the first question (JN-02, JN-03)."""
    session.dialogue.warn(
        _(
            "While joining a cluster, you will need to validate the SSH host key of the remote machine to "
            "which you are joining. To get its fingerprint, log in to the cluster and run: "
            "clusterconfig -> listdetail. You will need the passphrase of an administrator of the cluster "
            "too, or a key that was prepared there."
        )
    )
    session.dialogue.warn(
        _(
            "WARNING: All non-network settings will be lost. This machine will inherit the values set at the "
            "group or cluster mode for the non-network settings, users and passphrases too. Ensure that the "
            "cluster settings are compatible with your network settings (e.g. its DNS)."
        )
    )


def _ask(session: Session, told: Namespace) -> None:
    """Questions 3 to 6 of JN-03."""
    dialogue = session.dialogue
    told.own_ccs = _wants_own_ccs(session)
    _ask_where(session, told)
    question = _("Would you like to join this machine to a cluster using pre-shared keys?")
    told.prepared = confirm(dialogue, question, default=False)
    if told.prepared:
        _say_how_to_prepare(session)
        if not confirm(dialogue, _("Would you like to continue?"), default=True):
            raise CommandError(_("Not joined; nothing was changed."))


def _ask_where(session: Session, told: Namespace) -> None:
    """Address and port of a member; what was answered before is the default."""
    dialogue = session.dialogue
    told.asked = True
    question = _("Enter the IP address of a machine in the cluster.")
    told.address = answered(dialogue, question, str, told.address)
    question = _(
        "Enter the remote port to connect to. This must be the normal admin SSH port, not the CCS port."
    )
    if told.ccs:
        question = _("Enter the remote CCS port to connect to.")
    told.port = answered(dialogue, question, port, str(told.port))


def _say_how_to_prepare(session: Session) -> None:
    say = session.dialogue.say
    say(
        _(
            "To join this machine to a cluster using pre-shared keys, log in to the cluster machine, run the "
            "clusterconfig > prepjoin > new command, enter the following details, and commit your changes."
        )
    )
    say_identity(session)
    say(
        _(
            "Before you proceed to the next step, make sure you add the 'Host', 'Serial Number' and "
            "'User Key' details to the cluster machine."
        )
    )


def _wants_own_ccs(session: Session) -> bool:
    """The answer is carried out once this machine has joined: what fails before changes nothing (JN-04)."""
    if has_ccs(session):
        session.dialogue.say(_("CCS is on here already."))
        return False
    question = _("Do you want to enable the Cluster Communication Service on {host}?")
    question = question.format(host=session.host.name)
    return confirm(session.dialogue, question, default=False)


def _join(session: Session, told: Namespace) -> None:
    if not told.address:
        raise UsageError(_("Name the address of a member."))
    kept = _kept(session, told.keep)  # an unknown name is refused before anybody is called
    told.passphrase = "" if told.prepared else _passphrase(session, told)
    looked_at: list[JoinPreview] = []

    def consent(preview: JoinPreview) -> Collection[str] | None:
        looked_at.append(preview)
        return _consent(session, preview, kept, looking=told.dry_run)

    try:
        name = _called(session, told, consent)
    except CommandError:
        if told.dry_run and looked_at:
            return  # who only wanted to look has seen it
        raise
    session.stand(CLUSTER)
    session.dialogue.say(_("Joined the cluster {name}: {time}").format(name=name, time=moment(now())))
    session.dialogue.say(_("Joining a cluster takes effect immediately, there is no need to commit."))
    if told.own_ccs:
        enable_ccs(session, "", CCS_PORT)
    if session.dialogue.interactive:
        ask_for_ccs(session)


def _called(session: Session, told: Namespace, consent: Consent) -> str:
    """The cluster's name, once a member has let this machine in.

    Who was asked corrects what does not lead there: where it is, or the passphrase; the rest is kept.
    """
    while True:
        text = _("Calling {address} port {port}...")
        announce(session.dialogue, text.format(address=told.address, port=told.port))
        where = (told.address, told.port, told.user, told.passphrase, told.group)
        request = JoinRequest(*where, told.prepared, told.ccs)
        try:
            return session.host.join(request, lambda seen: _accepts(session, told, seen), consent)
        except (Unreachable, Silent, WrongService, AuthenticationFailed) as error:
            if not told.asked or (told.prepared and isinstance(error, AuthenticationFailed)):
                raise
            _ask_again(session, told, error)


def _ask_again(session: Session, told: Namespace, error: LinkError) -> None:
    session.dialogue.warn(str(error))
    if isinstance(error, AuthenticationFailed):
        told.passphrase = _asked_passphrase(session, told)
    else:
        _ask_where(session, told)


def _passphrase(session: Session, told: Namespace) -> str:
    if told.passphrase_stdin:
        lines = session.dialogue.input_text().splitlines()
        return lines[0] if lines else ""
    if told.passphrase:
        return str(told.passphrase)
    if not session.dialogue.interactive:
        raise UsageError(_("Add --passphrase-stdin or --prepared, or use a terminal (ssh -t)."))
    return _asked_passphrase(session, told)


def _asked_passphrase(session: Session, told: Namespace) -> str:
    question = _("Enter the {user} passphrase for the cluster.")
    if typed := session.dialogue.secret(question.format(user=told.user)):
        return typed
    raise Left(_("Left; nothing more was done."))


def _accepts(session: Session, told: Namespace, seen: str) -> bool:
    service = "CCS" if told.ccs else "SSH"
    text = _("{address} port {port} answers as the {service} service of a machine.")
    if not session.as_json:
        session.dialogue.say(text.format(address=told.address, port=told.port, service=service))
    if told.fingerprint or seen == told.accepted:
        return seen in (told.fingerprint, told.accepted)
    if not session.dialogue.interactive:
        session.dialogue.warn(
            _("The member's host key is {seen}; add it as --fingerprint.").format(seen=seen)
        )
        return False
    text = _("Please verify the SSH host key for {address}:")
    session.dialogue.say(text.format(address=told.address))
    session.dialogue.say(_("Public host key fingerprint: {seen}").format(seen=seen))
    if not confirm(session.dialogue, _("Is this a valid key for this host?"), default=True):
        return False
    told.accepted = seen  # not asked again where only the passphrase was wrong
    return True


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
    return answered(session.dialogue, question, lambda names: _kept(session, names), _NONE)


def _kept(session: Session, names: str) -> list[str]:
    """The features of an answer; raises UnknownFeature, and what `membership.kept_settings` raises."""
    kept = [] if names == _NONE else [catalogue()[name].name for name in names.replace(",", " ").split()]
    membership.kept_settings(session.replica_id, kept)
    return kept


def _changed(preview: JoinPreview, kept: Collection[str]) -> list[Difference]:
    """What the join changes here: what this machine keeps as its own stays as it is (TRL-36)."""
    return [found for found in preview.differences if found.feature not in kept]


def _say_preview(session: Session, preview: JoinPreview, kept: Collection[str]) -> None:
    say = session.dialogue.say
    text = _("Joining cluster group {group} of the cluster {name}.")
    say(text.format(group=preview.group, name=preview.cluster))
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
    return all_change_lines(differences(found.before.value, found.after.value, secrets))


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
