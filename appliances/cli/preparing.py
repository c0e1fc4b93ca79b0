"""`clusterconfig prepjoin`: who may join with a key (JN-12..JN-15); the list waits for `commit` (T17)."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from appliances.cli.dialogue import answered, choose, operation, say_json
from appliances.cli.errors import CommandError, GroundChanged, Left, UsageError
from appliances.cli.joining import say_identity
from appliances.cli.session import Session
from appliances.cli.suggesting import suggestion
from appliances.links.identity import fingerprint
from clusters import membership
from clusters.addressing import check_host, check_key, check_serial
from clusters.joining import PendingJoin
from clusters.membership_refusals import BadKey
from clusters.refusals import refusals_and


def prepjoin(session: Session, words: list[str]) -> None:
    """`print` on the machine that will join; `new` and `delete` on a member."""
    verb = words[0].casefold() if words else ""
    if verb == "print" and len(words) == 1:
        _print(session)
    elif session.state.standalone:
        raise CommandError(_("This machine is in no cluster; here is only `clusterconfig prepjoin print`."))
    elif verb == "new":
        _new(session, words[1:])
    elif verb == "delete":
        _delete(session, words[1:])
    elif not words:
        _menu(session)
    else:
        raise UsageError(_("prepjoin takes `print`, `new HOST SERIAL KEY` or `delete HOST`."))


def _print(session: Session) -> None:
    host_key, user_key = session.host.own_keys()
    if session.as_json:
        value = {
            "host": session.host.name,
            "serial": session.host.serial,
            "user_key": user_key,
            "fingerprint": fingerprint(host_key),
        }
        say_json(session.dialogue, value)
        return
    say_identity(session)
    session.dialogue.say(_("Host Key Fingerprint: {seen}").format(seen=fingerprint(host_key)))


def _waiting(session: Session) -> list[PendingJoin]:
    return membership.pending_joins(session.draft_state)


def _show(session: Session) -> list[PendingJoin]:
    found = _waiting(session)
    if session.as_json:
        rows = [{"host": p.host, "serial": p.serial, "user_key": p.user_key} for p in found]
        say_json(session.dialogue, rows)
        return found
    if not found:
        session.dialogue.say(_("No host entries waiting to be added to the cluster."))
    for number, each in enumerate(found, 1):
        session.dialogue.say(f"{number}. {each.host} ({each.serial})")
    return found


def _menu(session: Session) -> None:
    while True:
        session.dialogue.say(_("Prepare Cluster Join Over SSH or CCS"))
        found = _show(session)
        if not session.dialogue.interactive or session.as_json:
            return
        operations = {"new": _("Add a new host that will join the cluster.")}
        if found:
            operations["delete"] = _("Remove a host from the pending join list.")
        words = operation(session.dialogue, operations)
        if not words:
            return
        try:
            _do(session, words, operations)
        except GroundChanged:
            raise
        except refusals_and(CommandError) as error:
            # A mistake does not throw the person out of the menu.
            session.dialogue.warn(str(error))


def _do(session: Session, words: list[str], operations: Collection[str]) -> None:
    verb = words[0].casefold()
    if verb not in operations:
        text = _("Please answer one of: {verbs}.").format(verbs=", ".join(operations).upper())
        raise UsageError(text + suggestion(verb, operations))
    (_new if verb == "new" else _delete)(session, words[1:])


def _new(session: Session, words: list[str]) -> None:
    if not words and session.dialogue.interactive:
        return _asked(session)
    if len(words) < 3:
        raise UsageError(
            _("This is typed as: clusterconfig {form}").format(form="prepjoin new HOST SERIAL KEY")
        )
    host, serial, *key = words
    return _prepare(session, host, serial, " ".join(key))


def _prepare(session: Session, host: str, serial: str, key: str) -> None:
    membership.prepare_join(session.replica_id, session.user, host=host, serial=serial, user_key=key)
    session.dialogue.say(_("Host {host} added. It may join once this is committed.").format(host=host))


def _asked(session: Session) -> None:
    """Host, serial number and key; a wrong one is asked again, and the others are kept."""
    dialogue = session.dialogue
    host = answered(dialogue, _("Enter the hostname of the system you want to add."), check_host)
    question = _("Enter the serial number of the host {host}.").format(host=host)
    serial = answered(dialogue, question, check_serial)
    text = _(
        'Enter the user key of the host {host}. This can be obtained by typing "clusterconfig prepjoin '
        'print" in the CLI on {host}. Press enter on a blank line to finish.'
    )
    dialogue.say(text.format(host=host))
    while key := dialogue.input_text():
        try:
            return _prepare(session, host, serial, check_key(key))
        except BadKey as error:
            dialogue.warn(str(error))
    raise Left(_("Left; nothing more was done."))


def _delete(session: Session, words: list[str]) -> None:
    found = _waiting(session)
    if not words and session.dialogue.interactive:
        words = [_picked(session, found)]
    if len(words) != 1:
        raise UsageError(_("This is typed as: clusterconfig {form}").format(form="prepjoin delete HOST"))
    chosen = next((p for n, p in enumerate(found, 1) if words[0] in (p.host, p.serial, str(n))), None)
    if chosen is None:
        raise CommandError(_("{host} is not on the list.").format(host=words[0]))
    membership.withdraw_join(session.replica_id, session.user, chosen.serial)
    session.dialogue.say(_("{host} may no longer join, once this is committed.").format(host=chosen.host))


def _picked(session: Session, found: list[PendingJoin]) -> str:
    """The serial number of a host that is chosen by number or name."""
    names = [each.host for each in found]
    number = choose(session.dialogue, names, default=None, question=_("Which host?"))
    if not number:
        raise CommandError(_("Nothing was changed."))
    return found[number - 1].serial
