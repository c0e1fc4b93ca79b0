"""Membership: groups, machines, who waits to join; operations with their outcome shown first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from appliances.following.ways import for_logins
from appliances.links.identity import InvalidKey, fingerprint
from clusters.membership import pending_joins, withdraw_join
from clusters.refusals import REFUSALS
from portal.guided.commands import over_ssh
from portal.guided.operations import OPERATIONS, Operation, carry_out, preview
from portal.machines.choosing import Sieve
from portal.machines.seen import machines_seen
from portal.pages.access import cluster_page, guided
from portal.pages.paging import MACHINES, MANY, page_of
from portal.place import Place
from portal.tenants import Right


@guided
@cluster_page(Right.EDIT)
def membership(request: HttpRequest, place: Place) -> HttpResponse:
    """The members (GET); an operation is shown with its outcome, and done once it is confirmed (POST)."""
    if request.POST.get("do") == "withdraw":
        return _withdraw(request, place)
    build = OPERATIONS.get(request.POST.get("do", ""))
    if request.method != "POST" or build is None:
        return _show(request, place)
    told = {**request.POST.dict(), "machines": request.POST.getlist("machines")}
    try:
        found = build(place.state, told)
        if request.POST.get("confirmed") == "yes":
            return _carry_out(request, place, found)
        return _ask(request, place, found)
    except REFUSALS as error:
        messages.error(request, str(error))
        return _show(request, place, 422)


def _withdraw(request: HttpRequest, place: Place) -> HttpResponse:
    """A host may no longer join with its key; like the whole list it waits for a commit (JN-13, T17)."""
    try:
        withdraw_join(place.replica_id, place.user, request.POST.get("serial", ""))
    except REFUSALS as error:
        messages.error(request, str(error))
        return _show(request, place, 422)
    messages.success(request, _("Kept as a pending change; commit it."))
    return redirect("pending", place.cluster.slug)


def _show(request: HttpRequest, place: Place, status: int = 200) -> HttpResponse:
    state, seen = place.state, {one.status.serial: one for one in machines_seen(place)}
    sieve = Sieve.of(request.GET)
    wanted = {one.status.serial for one in sieve.sift(seen.values())} if sieve.narrows else state.machines
    members = [m for each in state.groups.values() for m in state.members(each.id) if m.serial in wanted]
    page = page_of(request, members, MACHINES)
    by_group: dict[str, list[Any]] = {each: [] for each in state.groups}
    for m in page:
        by_group[m.group].append((m, seen.get(m.serial), _print(m.host_key)))
    some = sieve.narrows or page.paginator.num_pages > 1
    context = {
        "place": place,
        "section": "membership",
        "groups": [(state.groups[each], rows) for each, rows in by_group.items() if rows or not some],
        "page": page,
        "sieve": sieve,
        "many": len(state.machines) >= MANY,
        "live": ",".join(f"#connection-{seen[m.serial].status.pk}" for m in page if m.serial in seen),
        "now": timezone.now(),
        "waiting": pending_joins(state),
        "portals": state.portals.values(),
    }
    return render(request, "membership/members.html", context, status=status)


def _print(host_key: str) -> str:
    try:
        return fingerprint(host_key)
    except InvalidKey:
        return ""


def _ask(request: HttpRequest, place: Place, found: Operation) -> HttpResponse:
    member = next(iter(place.state.machines.values()), None)
    at = member and for_logins(place.state, member)
    command = over_ssh(at.address, at.port, "admin", found.command) if at else found.command
    kept = {k: request.POST.getlist(k) for k in ("do", "name", "group", "target", "machines")}
    context: dict[str, Any] = {
        "place": place,
        "section": "membership",
        "found": preview(place.replica_id, found),
        "lines": [(found.command, command)],
        "carried": [(name, value) for name, values in kept.items() for value in values],
    }
    return render(request, "membership/confirm.html", context)


def _carry_out(request: HttpRequest, place: Place, found: Operation) -> HttpResponse:
    job = carry_out(place.cluster, request.user, found)
    messages.success(request, _("Done: %(what)s") % {"what": job.message})
    return redirect("membership", place.cluster.slug)
