"""`clusterconfig prepjoin`: who may join with a key (JN-12..JN-15); the list waits for `commit` (T17)."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from appliances.cli.dialogue import operation, say_json
from appliances.cli.errors import CommandError, GroundChanged, UsageError
from appliances.cli.joining import say_identity
from appliances.cli.session import Session
from appliances.cli.suggesting import suggestion
from appliances.links.identity import fingerprint
from clusters import membership
from clusters.joining import PendingJoin
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
        words = _asked(session)
    if len(words) < 3:
        raise UsageError(_("Needed: host name, serial number and user key of the machine."))
    host, serial, *key = words
    membership.prepare_join(
        session.replica_id, session.user, host=host, serial=serial, user_key=" ".join(key)
    )
    session.dialogue.say(_("Host {host} added. It may join once this is committed.").format(host=host))


def _asked(session: Session) -> list[str]:
    dialogue = session.dialogue
    host = dialogue.ask(_("Enter the host name of the system you want to add."))
    serial = dialogue.ask(_("Enter the serial number of the host {host}.").format(host=host))
    text = _(
        'Enter the user key of the host {host}. "clusterconfig prepjoin print" shows it in the CLI on {host}.'
    )
    dialogue.say(text.format(host=host))
    return [host, serial, dialogue.input_text()]


def _delete(session: Session, words: list[str]) -> None:
    found = _waiting(session)
    if not words and session.dialogue.interactive:
        words = [session.dialogue.ask(_("Host to take off the list, by name or number"))]
    if len(words) != 1:
        raise UsageError(_("Name the host to take off the list."))
    chosen = next((p for n, p in enumerate(found, 1) if words[0] in (p.host, p.serial, str(n))), None)
    if chosen is None:
        raise CommandError(_("{host} is not on the list.").format(host=words[0]))
    membership.withdraw_join(session.replica_id, session.user, chosen.serial)
    session.dialogue.say(_("{host} may no longer join, once this is committed.").format(host=chosen.host))
