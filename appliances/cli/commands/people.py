"""`passwd`: one's own passphrase, the same on every member (CL-07, RES-04)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.machine.people import MIN_PASSPHRASE, hashed, matches
from clusters import replicas
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER
from clusters.versions import Change, settings_at

FEATURE = "userconfig"


def _passwd(session: Session, words: list[str]) -> None:
    from_input = "--passphrase-stdin" in words
    names = [word for word in words if word != "--passphrase-stdin"]
    if len(names) > 1:
        raise UsageError(_("passwd takes at most one user name."))
    name = names[0] if names else session.user
    if name != session.user and session.right < Right.ADMINISTER:
        raise CommandError(_("Only an administrator changes the passphrase of somebody else."))
    old, new = _told(session, name, from_input)
    _change(session, name, old, new)
    session.dialogue.say(_("Passphrase of {name} changed on every machine.").format(name=name))


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
    new = session.dialogue.secret(_("New passphrase"))
    if session.dialogue.secret(_("New passphrase again")) != new:
        raise CommandError(_("The two differ; nothing was changed."))
    return old, new


def _change(session: Session, name: str, old: str, new: str) -> None:
    """One commit on the spot: a guest cannot commit, and nobody wants an old passphrase to linger."""
    if len(new) < MIN_PASSPHRASE:
        raise CommandError(_("A passphrase has at least {count} characters.").format(count=MIN_PASSPHRASE))
    document = setting_at(session.state, CLUSTER, FEATURE, catalogue()).value
    users: list[dict[str, Any]] = [dict(user) for user in document["users"]]
    found = next((user for user in users if user["name"] == name), None)
    if found is None:
        raise CommandError(_("There is no user {name}.").format(name=name))
    if name == session.user and not matches(found["passphrase_hash"], old):
        raise CommandError(_("The old passphrase is wrong; nothing was changed."))
    found["passphrase_hash"] = hashed(new)
    address = settings_at(CLUSTER, FEATURE)
    heads = replicas.heads(session.replica_id, [address]).get(address)
    change = Change(
        address, catalogue().check(FEATURE, CLUSTER, {"users": users}), heads[0].id if heads else None
    )
    replicas.commit(
        session.replica_id,
        [change],
        user=session.user,
        host=session.host.name,
        comment=_("Passphrase of {name} changed").format(name=name),
    )


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
