"""The rows of the audit log that a person asks for."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date

from portal.audit.log import Action, AuditRow, Outcome
from portal.tenants import Tenant


def rows_of(tenant: Tenant, asked: Any) -> QuerySet[AuditRow]:
    """The tenant's rows that a query asks for: `q`, `action`, `outcome`, `since`, `until`."""
    found = AuditRow.objects.filter(tenant=tenant)
    text = asked.get("q", "").replace("\0", "")[:200]
    if text:
        found = found.filter(
            Q(actor__icontains=text) | Q(target__icontains=text) | Q(address__startswith=text)
        )
    if asked.get("action") in Action.values:
        found = found.filter(action=asked["action"])
    if asked.get("outcome") in Outcome.values:
        found = found.filter(outcome=asked["outcome"])
    if since := _day(asked.get("since", "")):
        found = found.filter(at__date__gte=since)
    if until := _day(asked.get("until", "")):
        found = found.filter(at__date__lte=until)
    return found


def _day(text: str) -> Any:
    try:
        return parse_date(text)
    except ValueError:
        return None
