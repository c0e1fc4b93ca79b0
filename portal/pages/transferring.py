"""Manage Settings: delete here, copy or move to another mode (GUI-12, SET-03..SET-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from clusters import drafts
from clusters.modes import CLUSTER, InvalidMode, Mode
from clusters.naming import mode_label
from clusters.refusals import REFUSALS
from clusters.transfers import Action, Plan, carry_out, plan

if TYPE_CHECKING:
    from portal.pages.settings import SettingsPage


def act(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    """Copy, move or delete here, as pending changes.

    What replaces settings, breaks a reference or empties machines is asked first (SET-05, SET-07, SET-08);
    and again where it would be another by the time of the answer. What the page showed of these settings has
    to stand here still (TRL-09).
    """
    action = Action(request.POST["do"])
    try:
        targets = [] if action is Action.DELETE else [Mode.parse(request.POST.get("target", ""))]
        with drafts.held(page.place.replica_id):
            page.require_shown(request.POST.get("base"))
            told = (action, page.feature.name, page.mode, targets)
            planned = plan(page.place.replica_id, page.place.user, *told)
            if agreed := not _risky(planned) or request.POST.get("confirmed") == planned.mark:
                carry_out(page.place.replica_id, page.place.user, planned)
    except InvalidMode:
        messages.error(request, _("Choose the mode that shall get these settings."))
        return redirect(request.path)
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect(request.path)
    if not agreed:
        return _ask(request, page, planned)
    messages.success(request, _words(page, planned))
    return redirect(_after(page, planned))


def _risky(planned: Plan) -> bool:
    return bool(planned.replaced or planned.broken or planned.emptied or takes_from_the_cluster(planned))


def takes_from_the_cluster(planned: Plan) -> bool:
    """Whether the cluster would have no settings any more: an exception is better copied (BP-02, BP-08)."""
    return planned.source == CLUSTER and planned.action is not Action.COPY


def _ask(request: HttpRequest, page: SettingsPage, planned: Plan) -> HttpResponse:
    state = page.place.draft
    names = {m.serial: m.name for m in state.machines.values()}
    broken = [(names.get(found.serial, found.serial), found) for found in planned.broken]
    context = {
        "place": page.place,
        "page": page,
        "mode": page.mode,
        "modes": state.modes(),
        "current": page.feature,
        "section": "settings",
        "planned": planned,
        "broken": broken,
        "takes": takes_from_the_cluster(planned),
        "target": planned.targets[0] if planned.targets else None,
    }
    return render(request, "settings/confirm.html", context)


def _words(page: SettingsPage, planned: Plan) -> str:
    if not planned.targets:
        return _("Deleted here, as a pending change: this mode will inherit again.")
    target = mode_label(page.place.draft, planned.targets[0])
    return _("Pending: %(target)s gets these settings.") % {"target": target}


def _after(page: SettingsPage, planned: Plan) -> str:
    mode = planned.targets[0] if planned.targets else page.mode
    return reverse("feature", args=[page.place.cluster.slug, mode, *page.feature.page.split("/")])
