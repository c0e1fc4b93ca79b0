"""Making and revoking API tokens, with their rows in the audit log."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404

from portal.audit import log as audit
from portal.audit.log import Action
from portal.people.tokens import ApiToken, issue
from portal.tenants import account_in


@transaction.atomic
def make(request: Any, name: str, **more: Any) -> tuple[ApiToken, str]:
    """Issue a token to the person of the request, with its row in the audit log."""
    row, text = issue(request.user, name, **more)
    limits = [row.tenant.slug] if row.tenant else []
    limits += list(row.clusters.values_list("slug", flat=True))
    facts = {"change": "made", "name": name, "read_only": row.read_only, "limits": limits}
    audit.record_person(request.user, Action.TOKEN, **facts)
    return row, text


@transaction.atomic
def revoke(request: Any, number: int) -> None:
    """Take back a token of the person; Http404."""
    row = account_in(request).api_tokens.filter(pk=number).first()
    if row is None:
        raise Http404
    name = row.name
    row.delete()
    audit.record_person(request.user, Action.TOKEN, change="revoked", name=name)
