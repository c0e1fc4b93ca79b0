"""The facts that a row of the audit log may hold, and how they read in each language.

Rows keep the plain words of this file, so that their hashes and exports are the same for every reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.tenants import Role, Tenant

# No fact is named after what is secret: what is not in this table is refused.
FACTS: dict[str, Promise] = {
    "address": _("address"),
    "by": _("by way of"),
    "change": _("change"),
    "cluster": _("cluster"),
    "command": _("command"),
    "commit": _("commit"),
    "ended": _("sessions ended"),
    "entries": _("entries"),
    "format": _("format"),
    "kind": _("kind"),
    "limits": _("only in"),
    "name": _("name"),
    "now": _("now"),
    "policy": _("policy"),
    "port": _("port"),
    "proposal": _("proposal"),
    "read_only": _("read-only"),
    "reason": _("reason"),
    "roles": _("roles"),
    "row": _("row"),
    "table": _("table"),
    "version": _("version"),
    "was": _("before"),
}

WORDS: dict[str, Promise] = {
    "accepted": _("accepted"),
    "added": _("added"),
    "approval": _("a second person must approve"),
    "approved": _("approved"),
    "at once": _("at once"),
    "brought back": _("brought back"),
    "cancelled": _("cancelled"),
    "changed": _("changed"),
    "channel": _("channel"),
    "commits": _("commits"),
    "conflicts": _("conflicts"),
    "deleted": _("deleted"),
    "digest": _("daily digest"),
    "ended": _("ended"),
    "ignored": _("ignored"),
    "made": _("made"),
    "made anew": _("made anew"),
    "passphrase": _("passphrase"),
    "paused": _("paused"),
    "planned": _("planned"),
    "proposed": _("proposed"),
    "provider": _("another login"),
    "put aside": _("put aside"),
    "recovery_codes": _("recovery codes"),
    "refused": _("refused"),
    "removed": _("removed"),
    "resumed": _("resumed"),
    "revoked": _("revoked"),
    "roles": _("roles"),
    "second factor": _("second factor"),
    "sent": _("sent"),
    "skipped": _("skipped"),
    "subscription": _("subscription"),
    "started": _("started"),
    "stopped": _("stopped"),
    "taken back": _("taken back"),
    "tested": _("tested"),
    "totp": _("authenticator app"),
    "try first": _("some machines try first"),
    "webauthn": _("passkey"),
    "withdrawn": _("withdrawn"),
    **{choice.value: choice.label for choice in (*Role, *Tenant.SecondFactor)},
}

# The other facts hold names that people gave: a cluster may be called "sent".
_IN_WORDS = frozenset({"by", "change", "kind", "now", "policy", "roles", "was"})


def unknown(facts: Mapping[str, Any]) -> list[str]:
    """What of the facts no reader would understand: names, and changes, that are not in the tables above."""
    change = facts.get("change", "changed")
    return sorted(facts.keys() - FACTS.keys()) + ([] if change in WORDS else [change])


def in_words(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each fact's name and value in the reader's language, in the order in which they were written."""
    return [(str(FACTS.get(name, name)), _value(name, value)) for name, value in facts.items()]


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(name, one) for one in value) or "–"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name not in _IN_WORDS:
        return str(value)
    where, colon, role = str(value).rpartition(": ")
    return f"{where}{colon}{WORDS.get(role, role)}"
