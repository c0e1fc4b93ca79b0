"""`passwd`: one's own passphrase, the same on every member (CL-07, RES-04)."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import new_secret
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.reaching import is_apart, when_others_follow
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.machine.people import change_passphrase, require_length, require_passphrase


def _passwd(session: Session, words: list[str]) -> None:
    from_input = "--passphrase-stdin" in words
    names = [word for word in words if word != "--passphrase-stdin"]
    if len(names) > 1:
        raise UsageError(_("passwd takes at most one user name."))
    name = names[0] if names else session.user
    if name != session.user and session.right < Right.ADMINISTER:
        raise CommandError(_("Only an administrator changes the passphrase of somebody else."))
    old, new = _told(session, name, from_input)
    change_passphrase(
        session.replica_id,
        name,
        new,
        old=old if name == session.user else None,
        user=session.user,
        host=session.host.name,
    )
    _say_changed(session, name)


def _told(session: Session, name: str, from_input: bool) -> tuple[str, str]:
    """The present passphrase (of one's own) and the new one."""
    own = name == session.user
    if from_input:
        lines = session.dialogue.input_text().splitlines()
        if len(lines) != (2 if own else 1):
            raise UsageError(
                _("Standard input holds the old passphrase (if it is yours) and the new one, a line each.")
            )
        return (lines[0] if own else ""), lines[-1]
    if not session.dialogue.interactive:
        raise UsageError(_("Add --passphrase-stdin, or use a terminal (ssh -t)."))
    old = session.dialogue.secret(_("Old passphrase")) if own else ""
    # Judged before anything more is typed; `change_passphrase` judges both once more.
    require_passphrase(session.replica_id, name, old if own else None)
    question, again = _("New passphrase"), _("New passphrase again")
    return old, new_secret(session.dialogue, question, again, require_length)


def _say_changed(session: Session, name: str) -> None:
    """Whose machines have it, as far as that is true now."""
    if session.state.standalone:
        session.dialogue.say(_("Passphrase of {name} changed.").format(name=name))
    elif is_apart(session):
        text = _("Passphrase of {name} changed on this machine alone: it is disconnected. {others}")
        session.dialogue.say(text.format(name=name, others=when_others_follow(session)))
    elif late := when_others_follow(session):
        text = _("Passphrase of {name} changed on every machine that can be reached.")
        session.dialogue.say(text.format(name=name))
        session.dialogue.warn(late)
    else:
        session.dialogue.say(_("Passphrase of {name} changed on every machine.").format(name=name))


COMMANDS = [
    Command(
        "passwd",
        _passwd,
        gettext_noop("change a passphrase; effective at once"),
        "passwd [USER] [--passphrase-stdin]",
        Place.CLUSTER,
        Right.GUEST,
    )
]
