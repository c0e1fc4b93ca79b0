"""The queues of a cluster, and suspending mail on its machines (GUI-03, BP-10, GUI-19)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from appliances.postfix.queue import QUEUES
from appliances.postfix.selecting import TERMS
from portal.machines import suspension
from portal.machines.choosing import Sieve
from portal.machines.queues import (
    FOR_EVER,
    SHOWN,
    VERBS,
    Choice,
    NothingChosen,
    ask,
    chosen,
    look,
    matching,
    terms_of,
    work,
)
from portal.pages.access import PageRequest, cluster_page
from portal.pages.paging import MACHINES, MANY, page_of
from portal.place import Place
from portal.tenants import Right


@cluster_page(Right.SEE_STATE)
def queues(request: PageRequest, place: Place) -> HttpResponse:
    """Every machine's queue and the messages that match; htmx gets the answers alone; POST works on them."""
    if request.method == "POST":
        place.require(Right.EDIT)
        return _work(request, place)
    try:
        terms = terms_of(request.GET)
    except NothingChosen as error:
        messages.error(request, str(error))
        return redirect("queues", place.cluster.slug)
    if not request.htmx:
        ask(place, terms)
    template = "queues/live.html" if request.htmx else "queues/queues.html"
    return render(request, template, _context(request, place, terms))


def _context(request: PageRequest, place: Place, terms: list[str]) -> dict[str, Any]:
    search = {term: request.GET.get(term, "") for term in TERMS}
    found, sieve = look(place, terms), Sieve.of(request.GET)
    machines = sieve.sift_heard(found.machines)
    return {
        "place": place,
        "section": "queues",
        "now": timezone.now(),
        "search": search,
        "searching": bool(terms),
        "states": QUEUES,
        "verbs": VERBS.items(),
        "found": found,
        "sieve": sieve,
        "many": len(found.machines) >= MANY,
        "page": page_of(request, machines, MACHINES),
        "messages_page": page_of(request, found.messages, SHOWN, "messages"),
    }


def _work(request: PageRequest, place: Place) -> HttpResponse:
    verb = request.POST.get("do", "")
    try:
        choice = _choice(request, place)
        if verb in FOR_EVER and request.POST.get("confirmed") != "yes":
            return _confirm(request, place, verb, choice)
        job = work(place, request.user, verb, choice)
    except NothingChosen as error:
        messages.error(request, str(error))
        return redirect("queues", place.cluster.slug)
    return redirect("job", job.pk)


def _choice(request: PageRequest, place: Place) -> Choice:
    if request.POST.get("scope") == "matching":
        return matching(place, terms_of(request.POST), request.POST.getlist("machine"))
    return chosen(place, request.POST.getlist("message"))


def _confirm(request: PageRequest, place: Place, verb: str, choice: Choice) -> HttpResponse:
    context = {
        "place": place,
        "section": "queues",
        "verb": verb,
        "label": VERBS[verb],
        "choice": choice,
        "marked": request.POST.getlist("message"),
        "search": {term: request.POST.get(term, "") for term in TERMS},
        "expected": _expected(place, choice),
    }
    return render(request, "queues/confirm.html", context)


def _expected(place: Place, choice: Choice) -> list[tuple[str, int | None]]:
    """How many messages on which machine; of a search, as the machines answered last."""
    if choice.ids is not None:
        return [(name, len(choice.ids[serial])) for serial, name in choice.machines]
    held = {each.heard.serial: each.matching for each in look(place, choice.terms).machines}
    return [(name, held.get(serial)) for serial, name in choice.machines]


@require_POST
@cluster_page(Right.EDIT)
def suspend(request: PageRequest, place: Place) -> HttpResponse:
    """Suspend or resume mail on the marked machines; what stops mail is confirmed first."""
    do, serials = request.POST.get("do", ""), request.POST.getlist("machine")
    try:
        machines = suspension.machines_of(place, serials)
        if do in suspension.STOPS_MAIL and request.POST.get("confirmed") != "yes":
            context = {"place": place, "section": "queues", "do": do, "machines": machines}
            return render(request, "queues/suspend.html", context)
        job = suspension.tell(place, request.user, do, serials)
    except NothingChosen as error:
        messages.error(request, str(error))
        return redirect("queues", place.cluster.slug)
    return redirect("job", job.pk)
