"""Time travel: settings as they were at a moment (`?at=2026-11-24T12:00`), to look at and to bring back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from clusters import drafts
from clusters.refusals import refusals_and
from portal.editing.menu import has_mode
from portal.editing.past import NoMoment, Picker, forgotten_at, moment, picker
from portal.place import Place
from portal.tenants import Right

if TYPE_CHECKING:
    from portal.pages.settings import SettingsPage


def travelled(request: HttpRequest, place: Place) -> Place:
    """The place at the moment that the address asks for; now, with a message, if that is none."""
    text = request.GET.get("at", "").strip()
    if not text or request.method == "POST":
        return place
    try:
        return replace(place, at=moment(text, timezone.now()))
    except NoMoment as error:
        messages.error(request, str(error))
        return place


def absent(request: HttpRequest, place: Place) -> HttpResponse:
    """A mode that the cluster did not have then."""
    context = {"place": place, "travel": picker(place), "section": "settings"}
    return render(request, "past/absent.html", context, status=404)


def base_to_bring_back_to(page: SettingsPage, travel: Picker, forgotten: bool) -> str:
    """The base of what stands here now, which bringing back what stood here then would replace (TRL-09).

    Empty where the person cannot make that their pending change.
    """
    if page.place.at is None or not page.place.may(Right.EDIT) or forgotten or travel.too_early:
        return ""
    now = replace(page, place=replace(page.place, at=None))
    return now.base if page.allowed and has_mode(now.place.state, page.mode) else ""


def forgotten_here(page: SettingsPage) -> bool:
    """The same for what a page shows."""
    return forgotten_at(page.place, page.mode, page.feature.name)


def bring_back(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    """What this mode defined then becomes one's pending change: a value, or that it defines nothing."""
    try:
        then = replace(page.place, at=moment(request.POST.get("at", ""), timezone.now()))
        if picker(then).too_early or forgotten_here(replace(page, place=then)):
            raise NoMoment(_("What stood here at that moment is not kept in this portal."))
        edited = _draft(page, then, request.POST.get("base"))
    except refusals_and(NoMoment) as error:
        messages.error(request, str(error))
        return redirect(request.path)
    _tell(request, edited)
    return redirect(request.path)


def _draft(page: SettingsPage, then: Place, base: str | None) -> drafts.Edited:
    place, name = page.place, page.feature.name
    found = then.state.defined(page.mode, name)
    with drafts.held(place.replica_id):
        page.require_shown(base)
        if found is None:
            return drafts.remove(place.replica_id, place.user, page.mode, name)
        return drafts.edit(place.replica_id, place.user, page.mode, name, found.value)


def _tell(request: HttpRequest, edited: drafts.Edited) -> None:
    if not edited.pending:
        messages.info(request, _("This is what is in force already; nothing is pending for it."))
        return
    text = _("What stood here then is your pending change now. Look at it and commit.")
    messages.success(request, text)
