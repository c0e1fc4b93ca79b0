"""Upgrades of a cluster: the run-book before it begins, and the job that is under way (UPG-01..UPG-10)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from portal.machines.choosing import Sieve
from portal.pages.access import PageRequest, cluster_page, fresh
from portal.pages.paging import MACHINES, MANY, page_of
from portal.place import Place
from portal.tenants import Right
from portal.upgrades import run_book
from portal.upgrades.run_book import Book, Candidate, NotNow, Plan

PLANS = "upgrades"
"""Where a session has what its person has planned, by cluster."""


@cluster_page(Right.SEE_STATE)
@fresh
def upgrades(request: PageRequest, place: Place) -> HttpResponse:
    """The run-book; htmx gets its live part alone; POST plans, begins, reverts or reconnects one machine."""
    if request.method == "POST":
        place.require(Right.ADMINISTER)
        return _act(request, place)
    if not request.htmx:
        run_book.ask(place)
    template = "upgrades/live.html" if request.htmx else "upgrades/upgrades.html"
    return render(request, template, _context(request, place, _book(request, place)))


def _book(request: PageRequest, place: Place) -> Book:
    return run_book.book(place, request.GET.get("release", ""), _plan(request, place))


def _plan(request: PageRequest, place: Place) -> Plan:
    """What the person has planned here since the login, or until a run of it began."""
    kept = request.session.get(PLANS, {}).get(str(place.cluster.pk))
    return Plan(tuple(kept["order"]), frozenset(kept["left_out"])) if kept else run_book.EVERYBODY


def _keep(request: PageRequest, place: Place, plan: Plan) -> None:
    plans, name = dict(request.session.get(PLANS, {})), str(place.cluster.pk)
    plans.pop(name, None)
    if plan != run_book.EVERYBODY:
        plans[name] = {"order": plan.order, "left_out": sorted(plan.left_out)}
    request.session[PLANS] = plans


def _context(request: PageRequest, place: Place, book: Book) -> dict[str, Any]:
    listed, sieve = _listed(request, book)
    return {
        "place": place,
        "section": "upgrades",
        "book": book,
        "now": timezone.now(),
        "sieve": sieve,
        "many": len(book.candidates) >= MANY,
        "page": page_of(request, listed, MACHINES),
        "planned": _plan(request, place) != run_book.EVERYBODY,
        "may_upgrade": place.may(Right.ADMINISTER),
    }


def _listed(request: PageRequest, book: Book) -> tuple[list[Candidate], Sieve]:
    """The machines that the filter lets through, on all pages."""
    sieve = Sieve.of(request.GET)
    return sieve.sift_heard(book.candidates), sieve


def _act(request: PageRequest, place: Place) -> HttpResponse:
    told = request.POST
    try:
        if told.get("do") == "revert":
            return _revert(request, place)
        if told.get("do") == "reconnect":
            return redirect("job", run_book.reconnect(place, request.user, told.get("serial", "")).pk)
        if told.get("do") == "begin":
            return _begin(request, place)
    except NotNow as error:
        messages.error(request, str(error))
        return redirect("upgrades", place.cluster.slug)
    _keep(request, place, _planned(request, place))
    return redirect(request.get_full_path())


def _planned(request: PageRequest, place: Place) -> Plan:
    """The plan after the button that was pressed."""
    told, plan, book = request.POST, _plan(request, place), _book(request, place)
    listed = [each.heard.serial for each in _listed(request, book)[0]]
    match told.get("do"):
        case "leave":
            return plan.leaving(listed)
        case "take":
            return plan.taking(listed)
        case "forget":
            return run_book.EVERYBODY
    plan = plan.leaving(told.getlist("leave")).taking(told.getlist("take"))
    for name, step in (("up", -1), ("down", 1)):
        if name in told:
            return Plan(book.moved(told[name], step), plan.left_out)
    return plan


def _begin(request: PageRequest, place: Place) -> HttpResponse:
    """What is confirmed is what was shown: it names its machines, whatever has become of the plan."""
    told = request.POST
    release, serials = told.get("release", ""), told.getlist("machine")
    if told.get("confirmed") != "yes":
        book = run_book.book(place, release, _plan(request, place))
        return render(request, "upgrades/confirm.html", _context(request, place, book))
    job = run_book.begin(place, request.user, release, serials)
    _keep(request, place, run_book.EVERYBODY)
    return redirect("job", job.pk)


def _revert(request: PageRequest, place: Place) -> HttpResponse:
    serial = request.POST.get("serial", "")
    if request.POST.get("confirmed") == "yes":
        return redirect("job", run_book.revert(place, request.user, serial).pk)
    book = run_book.book(place)
    candidate = next((c for c in book.candidates if c.heard.serial == serial), None)
    if candidate is None:
        raise NotNow("")
    return render(request, "upgrades/revert.html", {**_context(request, place, book), "candidate": candidate})
