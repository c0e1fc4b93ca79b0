"""API tokens: a person's key for scripts, shown once and kept as a hash (design, section 9)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PREFIX = "gatefold_"
_USE_NOTED_EVERY = timedelta(minutes=1)


class ApiToken(models.Model):
    """One token of a person. It may do what the person may; one that is read-only may only look."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(_("read-only"), default=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)
    used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering: ClassVar[list[str]] = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


def issue(
    user: Any, name: str, *, read_only: bool = True, expires: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new token of the person, and its text, which is known at this moment only."""
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user, name=name, digest=_digest(text), read_only=read_only, expires=expires
    )
    return row, text


def holder(text: str) -> ApiToken | None:
    """The token with that text, noted as used; None if unknown, expired, or of a closed account."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(text)).first()
    now = timezone.now()
    if row is None or not row.user.is_active or (row.expires is not None and row.expires <= now):
        return None
    if row.used is None or now - row.used > _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(used=now)
    return row


def _digest(text: str) -> str:
    # The text is random and long: a slow hash would add nothing.
    return hashlib.sha256(text.encode()).hexdigest()
