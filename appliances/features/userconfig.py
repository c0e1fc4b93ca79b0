"""Users of the cluster: who may log in, on every machine alike (cluster only; CL-07, RES-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field

from appliances.features.feature import MailFeature, Settings, Tab, repeated
from appliances.features.fields import Line, hint, line
from appliances.features.wording import _, say
from clusters.catalogue import Document, Problem, Scope

ADMINISTRATOR = "administrator"
RESERVED = "cluster"
_LOGIN = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=\d{1,3}\$m=(\d{1,9}),t=(\d{1,5}),p=(\d{1,3})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
MOST_COST = (256 * 1024, 10, 16)
"""KiB, rounds and lanes of a hash: four times ours. Every login at that name pays them, a guess too."""


def _login(text: str) -> str:
    if not _LOGIN.fullmatch(text):
        raise ValueError(
            say(_("must be lower-case letters, digits, dot, - or _, at most 32, and begin with a letter"))
        )
    if text == RESERVED:
        raise ValueError(say(_("is the name by which machines call one another; choose another one")))
    return text


def _argon2(text: str) -> str:
    if not text:
        return text
    found = _ARGON2.fullmatch(text)
    if not found:
        raise ValueError(
            say(_("must be an Argon2 hash; set the passphrase with the command passwd or on its page"))
        )
    if not is_bounded(text):
        raise ValueError(
            say(_("costs too much at each login: at most m=262144, t=10 and p=16; set the passphrase anew"))
        )
    return text


def is_bounded(passphrase_hash: str) -> bool:
    """Whether a login with that hash costs no more than a machine bears."""
    found = _ARGON2.fullmatch(passphrase_hash)
    costs = [int(cost) for cost in found.groups()] if found else []
    return bool(costs) and all(cost <= most for cost, most in zip(costs, MOST_COST, strict=True))


def _public_key(text: str) -> str:
    try:
        load_ssh_public_key(line(text).encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(say(_("is not an SSH public key such as 'ssh-ed25519 AAAA... name'"))) from None
    return text


Login = Annotated[
    str, Field(min_length=1, max_length=32, json_schema_extra=hint(format="login")), AfterValidator(_login)
]
PassphraseHash = Annotated[
    str, Field(max_length=300, json_schema_extra=hint(format="argon2", secret=True)), AfterValidator(_argon2)
]
PublicKey = Annotated[
    str,
    Field(min_length=1, max_length=3000, json_schema_extra=hint(format="ssh_public_key")),
    AfterValidator(_public_key),
]


class User(Settings):
    """One person or script."""

    name: Login = Field(title=_("User name"), json_schema_extra=hint(item=True))
    full_name: Line = Field(default="", title=_("Full name"))
    role: Literal["administrator", "operator", "readonly", "guest"] = Field(
        default="readonly", title=_("Role")
    )
    passphrase_hash: PassphraseHash = Field(
        default="",
        title=_("Passphrase"),
        description=_("Stored as an Argon2 hash. Without one the user can only log in with a key."),
    )
    authorised_keys: list[PublicKey] = Field(default=[], max_length=50, title=_("SSH keys"))


class UserSettings(Settings):
    """The one user database of the cluster."""

    users: list[User] = Field(default=[], max_length=1000, title=_("Users"))

    def named(self, name: str) -> User | None:
        """The user of that login name; None where there is none."""
        return next((each for each in self.users if each.name == name), None)

    def problems(self) -> Iterator[Problem]:
        """Doubled names, and nobody who could mend things."""
        yield from repeated(
            "users.{}.name", [each.name for each in self.users], say(_("this user exists already"))
        )
        if not any(user.role == ADMINISTRATOR and _can_log_in(user) for user in self.users):
            message = say(_("at least one administrator with a passphrase or a key must stay"))
            yield Problem("users", message)


def _can_log_in(user: User) -> bool:
    return bool(user.passphrase_hash or user.authorised_keys)


def initial_users(passphrase_hash: str, name: str = "admin") -> Document:
    """The document of a new cluster: one administrator; raises InvalidDocument for a bad hash."""
    return FEATURE.check(
        {"users": [{"name": name, "role": ADMINISTRATOR, "passphrase_hash": passphrase_hash}]}
    )


FEATURE = MailFeature(
    name="userconfig",
    title=_("Users"),
    help=_("Who may log in. The cluster has one user database: a user is known on every machine."),
    scope=Scope.CLUSTER,
    tab=Tab.SYSTEM_ADMINISTRATION,
    page="system_administration/users",
    position=10,
    model=UserSettings,
    factory=None,
    blank={},
)
