"""The audit log: who did what, from where, to what, in a chain in which nothing can be changed unseen.

Each row holds the hash of the row before it. `verify` finds the first row that does not follow; the number
and hash of the last row are also kept in a file, so that a tail cut off is noticed (design, section 9).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.core import context
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from portal.audit.facts import in_words, unknown
from portal.audit.head import Head, keep
from portal.tenants import Tenant

START = "0" * 64
LONGEST = 500


class Action(models.TextChoices):
    """What was done."""

    LOGIN = "login", _("logged in")
    LOGIN_FAILED = "login_failed", _("login failed")
    LOGOUT = "logout", _("logged out")
    SESSION = "session", _("session ended")
    PASSPHRASE = "passphrase", _("passphrase changed")
    SECOND_FACTOR = "second_factor", _("second factor changed")
    SECOND_FACTOR_FAILED = "second_factor_failed", _("second factor refused")
    MEMBER = "member", _("member or role changed")
    INVITATION = "invitation", _("invitation")
    TOKEN = "token", _("API token")
    ADOPTION = "adoption", _("cluster adopted")
    MEMBERSHIP = "membership", _("machines of a cluster changed")
    COMMIT = "commit", _("commit")
    REVERT = "revert", _("revert drafted")
    APPROVAL = "approval", _("approval")
    JOB = "job", _("background task")
    TERMINAL = "terminal", _("terminal")
    RAW_EDIT = "raw_edit", _("raw edit in the admin site")
    EXPORT = "export", _("export")
    SECRET = "secret", _("secret shown or changed")
    ACCOUNT = "account", _("own account changed")
    CHECK = "check", _("clustercheck settled")
    ADVICE = "advice", _("advice put aside or brought back")
    ALERT = "alert", _("alert acknowledged")
    MAINTENANCE = "maintenance", _("maintenance window")
    NOTIFICATION = "notification", _("notifications changed")
    BACKUP = "backup", _("backup kept")
    POLICY = "policy", _("policy changed")


class Outcome(models.TextChoices):
    """How it ended."""

    DONE = "done", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")


class AuditRow(models.Model):
    """One deed. Names and not keys to other tables: what they name may go, the row stays."""

    number = models.PositiveBigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("at"))
    actor = models.CharField(_("who"), max_length=200)
    address = models.CharField(_("from"), max_length=64, blank=True)
    action = models.CharField(_("action"), max_length=32)
    target = models.CharField(_("object"), max_length=LONGEST, blank=True)
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, null=True, db_constraint=False, related_name="+", verbose_name=_("tenant")
    )
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices)
    facts = models.JSONField(_("facts"), default=dict)
    before = models.CharField(_("hash of the row before"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)

    class Meta:
        verbose_name = _("row of the audit log")
        verbose_name_plural = _("audit log")
        ordering: ClassVar[list[str]] = ["-number"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["tenant", "-number"])]

    def __str__(self) -> str:
        return f"#{self.number} {self.label}"

    @property
    def label(self) -> str:
        """The action in words; as it is where this release does not know it."""
        return str(Action(self.action).label) if self.action in Action.values else self.action

    @property
    def facts_in_words(self) -> list[tuple[str, str]]:
        """Name and value of each fact, in the reader's language."""
        return in_words(self.facts)

    def computed(self) -> str:
        """The hash that its contents have."""
        told = [
            self.number, self.at.isoformat(), self.actor, self.address, self.action, self.target,
            self.tenant_id, self.outcome, self.facts, self.before,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class AuditChain(models.Model):
    """The end of the chain: one row, whose lock orders those who append."""

    number = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=START)

    def __str__(self) -> str:
        return f"#{self.number}"


def record(
    who: Any, action: Action, target: object = "", tenant: Tenant | None = None, *,
    outcome: Outcome = Outcome.DONE, **facts: Any,
) -> AuditRow:  # fmt: skip
    """Append a row in the transaction of the deed.

    `who` is the request, or the person, or a name where no person stands behind it. Facts are short values,
    never secrets; what `audit_facts` has no words for raises ValueError.
    """
    if wrong := unknown(facts):
        raise ValueError(f"the audit log has no words for {', '.join(wrong)}")
    actor, address = _actor(who)
    with transaction.atomic():
        AuditChain.objects.get_or_create(pk=1)
        end = AuditChain.objects.select_for_update().get(pk=1)
        row = AuditRow(
            number=end.number + 1, at=timezone.now(), actor=actor[:200], address=address,
            action=action,
            target=_named(target), tenant=tenant, outcome=outcome,
            facts=json.loads(json.dumps(facts, default=str)), before=end.hash,
        )  # fmt: skip
        row.hash = row.computed()
        row.save(force_insert=True)
        AuditChain.objects.filter(pk=1).update(number=row.number, hash=row.hash)
        transaction.on_commit(lambda: keep(Head(row.number, row.hash)))
    return row


def record_person(user: Any, action: Action, **more: Any) -> None:
    """Append what was done to a person's account, a row in each of their tenants, or one in none."""
    who = more.pop("who", user)
    mine = Tenant.objects.filter(members__user=user.pk)
    for tenant in (*mine,) or (None,):
        record(who, action, user, tenant, **more)


def _named(target: object) -> str:
    # In English whoever did it: a row reads the same for everybody, as long as its hash holds.
    with override("en"):
        return str(target)[:LONGEST]


def _actor(who: Any) -> tuple[str, str]:
    """Name and address."""
    request = getattr(who, "_request", who)  # REST framework wraps Django's request
    if not isinstance(request, HttpRequest):
        return _name(who), _address(context.request)
    token = getattr(who, "auth", None)
    name = _name(who.user)
    return f"{name} (token {token})" if token is not None else name, _address(request)


def _name(person: Any) -> str:
    if person is None:
        return "portal"
    return str(person.get_username() if hasattr(person, "get_username") else person)


def _address(request: HttpRequest | None) -> str:
    try:
        return "" if request is None else str(get_adapter().get_client_ip(request))[:64]
    except PermissionDenied:
        return ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that does not follow, and why."""

    number: int
    reason: str


def verify(head: Head | None = None) -> Broken | None:
    """Walk the whole chain; None if each row follows, and the row of `head` is there as it was kept."""
    before, last = START, 0
    for row in AuditRow.objects.order_by("number").iterator(chunk_size=2000):
        if row.number != last + 1:
            return Broken(last + 1, "the row is missing")
        if row.before != before:
            return Broken(row.number, "it does not follow the row before it")
        if row.hash != row.computed():
            return Broken(row.number, "its contents were changed")
        if head is not None and head.number == row.number and head.hash != row.hash:
            return Broken(row.number, "it is not the row whose hash was kept")
        before, last = row.hash, row.number
    end = AuditChain.objects.first()
    written = max(head.number if head else 0, end.number if end else 0)
    if written > last:
        return Broken(last + 1, f"the log ends here, and row {written} was written")
    return None


def exported(rows: models.QuerySet[AuditRow]) -> Iterator[dict[str, Any]]:
    """Each row as plain values, the earliest first, hashes and all."""
    for row in rows.order_by("number").select_related("tenant").iterator(chunk_size=2000):
        yield {
            "number": row.number, "at": row.at.isoformat(), "who": row.actor, "from": row.address,
            "action": row.action, "object": row.target, "tenant": row.tenant.slug if row.tenant else "",
            "outcome": row.outcome, "facts": row.facts, "before": row.before, "hash": row.hash,
        }  # fmt: skip
