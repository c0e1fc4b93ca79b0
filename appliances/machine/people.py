"""Who may log in: the users of the settings in force, the same on every member (CL-07)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from django.utils.translation import gettext as _

from appliances.features.userconfig import ADMINISTRATOR, FEATURE, User, UserSettings, is_bounded
from appliances.links.peer import Login
from clusters import drafts, replicas
from clusters.acceptance import require_staying
from clusters.catalogue import Document
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER
from clusters.naming import authorship_label
from clusters.refusals import Refused
from clusters.replicas import DjangoStore
from clusters.state import ClusterState
from clusters.versions import Change, Commit, Heads, settings_at

MIN_PASSPHRASE = 8
USERS = settings_at(CLUSTER, FEATURE.name)
_HASHER = PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that takes as long to check as anybody's."""
    return _HASHER.hash("a passphrase that nobody has")


def hashed(passphrase: str) -> str:
    """The Argon2 hash of a passphrase, as `userconfig` keeps it."""
    return _HASHER.hash(passphrase)


def matches(passphrase_hash: str, passphrase: str) -> bool:
    """Whether that is the passphrase; takes as long for a user who has none, or a hash beyond all bounds.

    What another member wrote was not checked here: its costs are looked at before they are paid.
    """
    known = passphrase_hash if is_bounded(passphrase_hash) else ""
    try:
        found = _HASHER.verify(known or _nobody(), passphrase)
    except (Argon2Error, InvalidHashError):
        return False
    return found and bool(known)


class PassphraseRefused(Refused):
    """The passphrase is too short, the old one wrong, or the user not there."""


def change_passphrase(
    replica_id: int, name: str, new: str, *, old: str | None, user: str, host: str
) -> Commit:
    """Give a user another passphrase by one commit on the spot: a guest cannot commit (CL-07, RES-04).

    `old` is the present one; None where an administrator gives it to somebody else. All other users are what
    they are at the moment of the commit, and what others have pending of them goes on upon it (TRL-09).
    Raises PassphraseRefused, also while the users are in conflict, and Leaving; nothing has changed then.
    """
    require_length(new)
    before = require_passphrase(replica_id, name, old)
    after = hashed(new)  # takes its time, as `matches` does: never while the replica is held
    with replicas.opened(replica_id) as replica:
        assert isinstance(replica.store, DjangoStore)
        row, heads = replica.store.row, replica.store.heads([USERS]).get(USERS, ())
        require_staying(row)
        _require_no_conflict(heads)
        users = _users(replicas.state_of(row))
        if old is not None and _hash_in(users, name) != before:
            text = _("The passphrase of {name} was changed meanwhile; this change was not made.")
            raise PassphraseRefused(text.format(name=name))
        base = heads[0].id if heads else None
        change = Change(USERS, catalogue().check(FEATURE.name, CLUSTER, _with_hash(users, name, after)), base)
        text = _("Passphrase of {name} changed").format(name=name)
        made = replica.commit([change], user=user, host=host, comment=text)
        drafts.follow(row, USERS, base, made.id, lambda mine: _carried(mine, name, before, after))
        return made


def require_length(passphrase: str) -> None:
    """See that a new passphrase is long enough; raises PassphraseRefused."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise PassphraseRefused(
            _("A passphrase has at least {count} characters.").format(count=MIN_PASSPHRASE)
        )


def require_passphrase(replica_id: int, name: str, old: str | None) -> str:
    """The hash of a user's passphrase, which `old` has to be unless it is None; raises PassphraseRefused."""
    before = _hash_in(_users(replicas.state(replica_id)), name)
    if old is not None and not matches(before, old):
        raise PassphraseRefused(_("The old passphrase is wrong; nothing was changed."))
    return before


def _require_no_conflict(heads: Heads) -> None:
    """A commit upon a conflict ends it, and this one would drop other users' changes unsaid (TRL-09)."""
    if len(heads) > 1:
        who = "; ".join(map(authorship_label, heads))
        text = _(
            "The passphrase was not changed: the users were changed in two places at once ({who}), and nobody"
            " has decided which of these changes stay. An administrator sees them with showconflicts"
            " and decides with settleconflict; change the passphrase then."
        )
        raise PassphraseRefused(text.format(who=who))


def _users(state: ClusterState) -> Document:
    return setting_at(state, CLUSTER, FEATURE.name, catalogue()).value


def _hash_in(users: Document, name: str) -> str:
    found = next((each for each in users["users"] if each["name"] == name), None)
    if found is None:
        raise PassphraseRefused(_("There is no user {name}.").format(name=name))
    return str(found["passphrase_hash"])


def _with_hash(users: Document, name: str, passphrase_hash: str) -> Document:
    changed = [
        {**each, "passphrase_hash": passphrase_hash} if each["name"] == name else each
        for each in users["users"]
    ]
    return {**users, "users": changed}


def _carried(mine: Document, name: str, before: str, after: str) -> Document | None:
    """Somebody's draft with the same passphrase changed; None where it changes that one itself."""
    theirs = {each["name"]: each["passphrase_hash"] for each in mine["users"]}
    return _with_hash(mine, name, after) if theirs.get(name, before) == before else None


class People:
    """Logins from the users in force; satisfies `links.peer.Logins`. `users` gives the document now."""

    def __init__(self, users: Callable[[], Document]) -> None:
        self._users = users

    def named(self, name: str) -> User | None:
        """The user of that name now."""
        return UserSettings.model_validate(self._users()).named(name)

    async def by_passphrase(self, user: str, passphrase: str) -> Login | None:
        """The login of that user with that passphrase; None for any other."""
        found = self.named(user)
        known = found.passphrase_hash if found else ""
        right = await asyncio.to_thread(matches, known, passphrase)
        return _login(found) if found and right else None

    async def by_key(self, user: str, public_key: str) -> Login | None:
        """The login of that user with that key (`ssh-ed25519 AAAA...`, no comment)."""
        found = self.named(user)
        keys = [" ".join(key.split()[:2]) for key in found.authorised_keys] if found else []
        return _login(found) if found and public_key in keys else None


def _login(user: User) -> Login:
    return Login(user.name, user.role, user.role == ADMINISTRATOR)
