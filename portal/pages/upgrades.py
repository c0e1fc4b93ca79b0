"""Upgrades of a cluster: the run-book before it begins, and the job that is under way (UPG-01..UPG-10)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from portal import upgrades as domain
from portal.pages.access import Place, cluster_page, fresh
from portal.tenants import Right
from portal.upgrades import Book, NotNow


@cluster_page(Right.SEE_STATE)
@fresh
def upgrades(request: HttpRequest, place: Place) -> HttpResponse:
    """The run-book; htmx gets its live part alone; POST begins it, reverts or reconnects one machine."""
    if request.method == "POST":
        place.require(Right.ADMINISTER)
        return _act(request, place)
    if not request.htmx:
        domain.ask(place)
    template = "upgrades/live.html" if request.htmx else "upgrades/upgrades.html"
    return render(request, template, _context(request, place, _book(request.GET, place)))


def _book(told: Any, place: Place) -> Book:
    order = told.getlist("order")
    included = told.getlist("machine") if order else None
    return domain.book(place, told.get("release", ""), order, included)


def _context(request: HttpRequest, place: Place, book: Book) -> dict[str, Any]:
    return {
        "place": place,
        "section": "upgrades",
        "book": book,
        "now": timezone.now(),
        "query": request.GET.urlencode(),
        "may_upgrade": place.may(Right.ADMINISTER),
    }


def _act(request: HttpRequest, place: Place) -> HttpResponse:
    told = request.POST
    try:
        if told.get("do") == "revert":
            return _revert(request, place)
        if told.get("do") == "reconnect":
            return redirect("job", domain.reconnect(place, request.user, told.get("serial", "")).pk)
        if told.get("do") != "begin":
            return _plan(told, place)
        marked = set(told.getlist("machine"))
        serials = [serial for serial in told.getlist("order") if serial in marked]
        if told.get("confirmed") != "yes":
            book = domain.book(place, told.get("release", ""), told.getlist("order"), serials)
            return render(request, "upgrades/confirm.html", _context(request, place, book))
        job = domain.begin(place, request.user, told.get("release", ""), serials)
    except NotNow as error:
        messages.error(request, str(error))
        return redirect("upgrades", place.cluster.slug)
    return redirect("job", job.pk)


def _plan(told: Any, place: Place) -> HttpResponse:
    """The same page with another release or order; the address keeps it."""
    order = domain.moved(told.getlist("order"), told.get("up", ""), told.get("down", ""))
    query = {"release": told.get("release", ""), "order": order, "machine": told.getlist("machine")}
    return redirect(f"{reverse('upgrades', args=[place.cluster.slug])}?{urlencode(query, doseq=True)}")


def _revert(request: HttpRequest, place: Place) -> HttpResponse:
    serial = request.POST.get("serial", "")
    if request.POST.get("confirmed") == "yes":
        return redirect("job", domain.revert(place, request.user, serial).pk)
    book = domain.book(place)
    candidate = next((c for c in book.candidates if c.heard.serial == serial), None)
    if candidate is None:
        raise NotNow("")
    return render(request, "upgrades/revert.html", {**_context(request, place, book), "candidate": candidate})
