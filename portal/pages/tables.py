"""Long tables of a settings page: one window of them, and many lines that become rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from appliances.features.lines import UnreadableLines, rows_of
from clusters.installed import catalogue
from portal.editing.fields import Builder, table_at
from portal.editing.references import choices_at

if TYPE_CHECKING:
    from portal.pages.settings import SettingsPage

MOST_AT_ONCE = 100
"""Pasted lines that become rows of the page; more wait as text until the form is submitted."""


def asked(request: HttpRequest) -> bool:
    """Whether a page asks for a part of itself."""
    return request.method == "GET" and bool(request.GET.get("rows"))


def window(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    """Part of one table, or the one row, that `rows` names; Http404 where there is none.

    A page that is older than the settings is told so: its rows would be mixed with others.
    """
    context = {"place": page.place, "page": page}
    path = page.looking.path
    if page.editable and request.GET.get("base", page.base) != page.base:
        return render(request, "settings/window.html", {**context, "stale": True})
    if (found := page.form.row(path)) is not None:
        table, row = found
        name = "settings/card_row.html" if page.editable else "settings/values_item.html"
        return render(request, name, {**context, "field": table, "row": row, "open": True})
    table_ = page.form.part(path)
    if table_ is None or table_.window is None:
        raise Http404
    name = "settings/window.html" if page.editable else "settings/values_window.html"
    return render(request, name, {**context, "field": table_})


def lines(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    """Lines of text as rows for the form, or all that is wrong with them, by line; nothing is kept here."""
    path, text = request.POST.get("table", ""), request.POST.get("text", "")
    start = request.POST.get("column", "0")
    found = table_at(page.feature.schema, path)
    if found is None or not start.isdecimal() or len(start) > 3:
        raise Http404
    part, depth = found
    context = {"place": page.place, "page": page, "path": path, "text": text}
    try:
        rows = rows_of(part, text, int(start), gettext)
    except UnreadableLines as error:
        return render(
            request, "settings/lines_read.html", {**context, "problems": error.problems}, status=422
        )
    if len(rows) > MOST_AT_ONCE:
        return render(request, "settings/lines_read.html", {**context, "count": len(rows)})
    choices = choices_at(page.place.draft, page.mode, catalogue())
    in_part = request.POST.get("part") == "yes"
    field = Builder(choices).read_rows(part, path, rows, depth, in_part=in_part)
    return render(request, "settings/lines_read.html", {**context, "field": field, "rows": field.rows})
