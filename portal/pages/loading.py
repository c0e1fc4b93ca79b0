"""The steps of loading a file: groups, appliances, review, confirm (LOAD-04, LOAD-06..LOAD-08)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clusters.config_files.loading import alike
from clusters.config_files.reading import ConfigFile, FileGroup, FileMachine
from clusters.modes import CLUSTER
from clusters.refusals import REFUSALS
from clusters.state import Machine
from portal.config_files import preflight, uploads
from portal.config_files.review import confirm, review
from portal.config_files.uploads import Upload
from portal.pages.access import cluster_page
from portal.place import Place
from portal.tenants import Right


@dataclass
class Loading:
    """A file on its way, in the hands of its person; templates call it `loading`."""

    place: Place
    upload: Upload
    file: ConfigFile

    @property
    def whole(self) -> bool:
        """Whether all of the cluster is loaded, and not one appliance's part."""
        return self.upload.choice == Upload.Choice.CLUSTER

    @property
    def steps(self) -> list[str]:
        """The steps of this choice, in their order."""
        return ["groups", "appliances", "review"] if self.whole else ["appliance", "review"]

    def step(self, asked: str) -> str:
        """The step to show: the one asked for, but none before those that it needs."""
        done = {"groups": "groups" in self.upload.chosen, "appliances": "machines" in self.upload.chosen}
        done["appliance"] = done["appliances"]
        for name in self.steps:
            if name == asked or not done.get(name, False):
                return name
        return self.steps[-1]

    def offered(self, member: Machine) -> list[FileMachine]:
        """The appliances that a machine may get: those of the group that its own group gets (LOAD-06)."""
        wanted = self.upload.assignment
        return [each for each in self.file.machines if wanted.offers(member.group, each)]


@cluster_page(Right.ADMINISTER)
def load_file(request: HttpRequest, place: Place, number: int) -> HttpResponse:
    """The present step; POST takes what was chosen and goes on."""
    found = uploads.of_person(place.cluster, request.user, number)
    if found is None:
        messages.warning(
            request, _("This file is no longer here: it was loaded, or waited too long. Choose it again.")
        )
        return redirect("configuration_file", place.cluster.slug, CLUSTER)
    loading = Loading(place, found, found.file)
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("do", ""))
        if action is not None:
            return action(request, loading)
    return _show(request, loading, loading.step(request.GET.get("step", "")))


def _show(request: HttpRequest, loading: Loading, step: str, status: int = 200) -> HttpResponse:
    place = loading.place
    context: dict[str, Any] = {
        "place": place,
        "loading": loading,
        "step": step,
        "section": "configuration_file",
        "checks": preflight.of_file(place.state, loading.file),
    }
    try:
        context |= CONTEXTS[step](loading)
    except REFUSALS as error:
        context |= {"refused": str(error)}
    return render(request, f"config_files/{step}.html", context, status=status)


def _groups(loading: Loading) -> dict[str, Any]:
    like = alike(loading.place.state, loading.file).groups
    chosen = loading.upload.chosen.get("groups", like)
    rows = [(each, chosen.get(each.id, "")) for each in loading.place.state.groups.values()]
    counted = Counter(each.name for each in loading.file.groups)
    offered = [
        (each, each.name if counted[each.name] == 1 else f"{each.name} ({each.id})")
        for each in loading.file.groups
    ]
    return {"rows": rows, "offered": offered, "shared": loading.upload.chosen.get("cluster", True)}


def _titled(groups: Sequence[FileGroup]) -> list[tuple[FileGroup, str]]:
    """The groups of a file with their names; groups of one name also with their ids."""
    counted = Counter(each.name for each in groups)
    return [(each, each.name if counted[each.name] == 1 else f"{each.name} ({each.id})") for each in groups]


def _appliances(loading: Loading) -> dict[str, Any]:
    state = loading.place.state
    like = alike(state, loading.file).machines
    chosen = loading.upload.chosen.get("machines", like)
    rows = [(each, loading.offered(each), chosen.get(each.serial, "")) for each in state.machines.values()]
    return {"rows": rows, "groups": state.groups}


def _appliance(loading: Loading) -> dict[str, Any]:
    ((here, there),) = list(loading.upload.chosen.get("machines", {}).items())[:1] or [("", "")]
    return {"here": here, "there": there}


def _review(loading: Loading) -> dict[str, Any]:
    place = loading.place
    wanted = loading.upload.assignment
    found = review(place.state, loading.file, wanted, place.replica_id, place.user)
    names = {each.serial: each.name for each in loading.file.machines}
    machines = [(m, names.get(wanted.machines.get(m.serial, ""), "")) for m in place.state.machines.values()]
    return {"found": found, "machines": machines}


CONTEXTS: dict[str, Callable[[Loading], dict[str, Any]]] = {
    "groups": _groups,
    "appliances": _appliances,
    "appliance": _appliance,
    "review": _review,
}


def _go(loading: Loading, step: str) -> HttpResponse:
    response = redirect("load_file", loading.place.cluster.slug, loading.upload.pk)
    response.headers["Location"] += f"?step={step}"
    return response


def _choose_groups(request: HttpRequest, loading: Loading) -> HttpResponse:
    known = {each.id for each in loading.file.groups}
    told = {here: request.POST.get(f"group.{here}", "") for here in loading.place.state.groups}
    groups = {here: there for here, there in told.items() if there in known}
    loading.upload.choose(groups=groups, cluster=request.POST.get("cluster") == "on")
    return _go(loading, "appliances")


def _choose_appliances(request: HttpRequest, loading: Loading) -> HttpResponse:
    machines = {}
    for member in loading.place.state.machines.values():
        there = request.POST.get(f"machine.{member.serial}", "")
        if there in {each.serial for each in loading.offered(member)}:
            machines[member.serial] = there
    loading.upload.choose(machines=machines)
    return _go(loading, "review")


def _choose_appliance(request: HttpRequest, loading: Loading) -> HttpResponse:
    here, there = request.POST.get("here", ""), request.POST.get("there", "")
    known = {each.serial for each in loading.file.machines}
    if here not in loading.place.state.machines or there not in known:
        messages.error(request, _("Choose an appliance of the file and the machine that gets its settings."))
        return _go(loading, "appliance")
    loading.upload.choose(groups={}, machines={here: there}, cluster=False)
    return _go(loading, "review")


def _confirm(request: HttpRequest, loading: Loading) -> HttpResponse:
    place = loading.place
    try:
        seen = request.POST.get("seen", "")
        count = confirm(loading.upload, place.cluster, place.state, request.user, seen)
    except REFUSALS as error:
        messages.error(request, str(error))
        return _show(request, loading, "review", 409)
    text = ngettext("%d setting is pending.", "%d settings are pending.", count) % count
    messages.success(request, f"{text} {_('Look at the network settings once more, then commit.')}")
    return redirect("pending", place.cluster.slug)


def _drop(request: HttpRequest, loading: Loading) -> HttpResponse:
    loading.upload.delete()
    messages.info(request, _("Nothing was loaded."))
    return redirect("configuration_file", loading.place.cluster.slug, CLUSTER)


ACTIONS: dict[str, Callable[[HttpRequest, Loading], HttpResponse]] = {
    "groups": _choose_groups,
    "appliances": _choose_appliances,
    "appliance": _choose_appliance,
    "confirm": _confirm,
    "drop": _drop,
}
