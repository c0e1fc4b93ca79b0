"""API tokens: a person's key for scripts, shown once and kept as a hash (design, section 9)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.audit import log
from portal.audit.log import Action
from portal.tenants import Limits, ManagedCluster, Tenant, account_in, limit

PREFIX = "gatefold_"
_USE_NOTED_EVERY = timedelta(minutes=1)


class ApiToken(models.Model):
    """One token of a person. It may do what the person may, where it is not limited; or only look."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(_("read-only"), default=True)
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("only this tenant")
    )
    clusters = models.ManyToManyField(
        ManagedCluster, blank=True, related_name="+", verbose_name=_("only these clusters")
    )
    narrow = models.BooleanField(_("limited to clusters"), default=False, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)
    used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering: ClassVar[list[str]] = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


@transaction.atomic
def issue(
    user: Any,
    name: str,
    *,
    read_only: bool = True,
    expires: datetime | None = None,
    tenant: Tenant | None = None,
    clusters: Collection[ManagedCluster] = (),
) -> tuple[ApiToken, str]:
    """A new token of the person, and its text, which is known at this moment only.

    `tenant` and `clusters` limit it; a limit to what the person cannot see opens nothing.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=name,
        digest=_digest(text),
        read_only=read_only,
        expires=expires,
        tenant=tenant,
        narrow=bool(clusters),
    )
    row.clusters.set(clusters)
    return row, text


@transaction.atomic
def make(request: Any, name: str, **more: Any) -> tuple[ApiToken, str]:
    """Issue a token to the person of the request, with its row in the audit log."""
    row, text = issue(request.user, name, **more)
    limits = [row.tenant.slug] if row.tenant else []
    limits += list(row.clusters.values_list("slug", flat=True))
    facts = {"change": "made", "name": name, "read_only": row.read_only, "limits": limits}
    log.record_person(request.user, Action.TOKEN, **facts)
    return row, text


@transaction.atomic
def revoke(request: Any, number: int) -> None:
    """Take back a token of the person; Http404."""
    row = account_in(request).api_tokens.filter(pk=number).first()
    if row is None:
        raise Http404
    name = row.name
    row.delete()
    log.record_person(request.user, Action.TOKEN, change="revoked", name=name)


def holder(text: str) -> ApiToken | None:
    """The token with that text, noted as used, its person narrowed to its limits.

    None if it is unknown, expired, or of a closed account.
    """
    row = ApiToken.objects.select_related("user").filter(digest=_digest(text)).first()
    now = timezone.now()
    if row is None or not row.user.is_active or (row.expires is not None and row.expires <= now):
        return None
    if row.used is None or now - row.used > _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(used=now)
    limit(row.user, Limits(row.tenant_id, _clusters(row)))
    return row


def _clusters(row: ApiToken) -> frozenset[int]:
    """Those it is limited to. One whose clusters are all gone opens none, and not all."""
    if not row.narrow:
        return frozenset()
    return frozenset(row.clusters.values_list("pk", flat=True)) or frozenset({0})


def _digest(text: str) -> str:
    # The text is random and long: a slow hash would add nothing.
    return hashlib.sha256(text.encode()).hexdigest()
