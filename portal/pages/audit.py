"""The audit log of a tenant, for its administrators: filter, pages, and all of it as CSV or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.audit.log import Action, Outcome, exported, record
from portal.audit.rows import rows_of
from portal.pages.people import choose_tenant, tenant_page
from portal.tenants import Tenant

PER_PAGE = 50
COLUMNS = (
    "number", "at", "who", "from", "action", "object", "tenant", "outcome", "facts", "before", "hash",
)  # fmt: skip


@require_safe
def tenants(request: HttpRequest) -> HttpResponse:
    """Whose log?"""
    return choose_tenant(request, "audit_of")


@require_safe
@tenant_page
def audit(request: HttpRequest, tenant: Tenant) -> HttpResponseBase:
    """A page of it; `?format=csv` or `json` gives all rows asked for, and is itself recorded."""
    found = rows_of(tenant, request.GET)
    if request.GET.get("format") in FORMATS:
        return _export(request, tenant, found, request.GET["format"])
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "tenant": tenant,
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "actions": Action.choices,
        "outcomes": Outcome.choices,
        "asked": request.GET,
        "query": query.urlencode(),
        "filtered": any(query.values()),
        "section": "audit",
    }
    return render(request, "people/audit.html", context)


def _export(request: HttpRequest, tenant: Tenant, found: Any, form: str) -> HttpResponseBase:
    last = record(request, Action.EXPORT, "audit log", tenant, format=form)
    lines, kind = FORMATS[form]
    name = f"audit-{tenant.slug}-{last.number}.{form}"
    rows = exported(found.filter(number__lt=last.number))
    return StreamingHttpResponse(
        lines(rows),
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Line:
    """What the csv module writes to: it gives each line back."""

    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    write = csv.writer(_Line()).writerow
    yield str(write(COLUMNS))
    for row in rows:
        facts = json.dumps(row["facts"], ensure_ascii=False, sort_keys=True)
        yield str(write([_harmless({**row, "facts": facts}[name]) for name in COLUMNS]))


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _json(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield ("," if number else "") + "\n" + json.dumps(row, ensure_ascii=False, sort_keys=True)
    yield "\n]\n"


FORMATS = {"csv": (_csv, "text/csv; charset=utf-8"), "json": (_json, "application/json")}
