"""Removing a machine for good: what it keeps, and the same command, typed on a machine (RM-01..RM-06)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.debug import sensitive_post_parameters

from appliances.following.ways import for_logins
from appliances.links.client import Passphrase
from appliances.links.errors import LinkError
from clusters.phrases import phrase
from clusters.refusals import refusals_and
from clusters.state import ClusterState, Machine
from portal.guided import commands
from portal.guided.commands import Typed, over_ssh
from portal.guided.leaving import ends_cluster, flattened
from portal.guided.running import Door, job_of, run
from portal.jobs.rows import Job
from portal.pages.access import cluster_page, fresh, guided
from portal.pages.doors import PassphraseField
from portal.place import Place
from portal.tenants import Right


class RemoveForm(forms.Form):
    """On which member the command is typed, and by whom."""

    fields: dict[str, Any]

    member = forms.ChoiceField(
        label=gettext_lazy("Machine on which it is typed"),
        help_text=gettext_lazy("The machine itself, or another member where it does not answer."),
    )
    user = forms.CharField(
        label=gettext_lazy("Administrator of this cluster"), max_length=64, initial="admin"
    )
    passphrase = PassphraseField(
        label=gettext_lazy("Passphrase in this cluster"),
        help_text=gettext_lazy("Used once over the encrypted link. Never stored, never logged."),
    )
    understood = forms.BooleanField(
        label=gettext_lazy("I understand that it leaves for good and that this cannot be taken back")
    )

    losing = forms.BooleanField(
        label=gettext_lazy("Changes that people have not committed on it may be lost"), required=False
    )

    def __init__(self, *args: Any, state: ClusterState, leaving: Machine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = [m for m in state.machines.values() if m is not leaving]
        self.fields["member"].choices = [(m.serial, m.name) for m in [leaving, *others]]


@sensitive_post_parameters("passphrase")
@guided
@cluster_page(Right.ADMINISTER)
@fresh
def remove(request: HttpRequest, place: Place, serial: str) -> HttpResponse:
    """What a removal means (GET), and the removal (POST)."""
    leaving = place.state.machines.get(serial)
    if leaving is None:
        raise Http404
    if request.method != "POST":
        return _show(request, place, leaving, RemoveForm(state=place.state, leaving=leaving))
    form = RemoveForm(request.POST, state=place.state, leaving=leaving)
    if not form.is_valid():
        return _show(request, place, leaving, form, 422)
    return _run(request, place, leaving, form)


def _show(
    request: HttpRequest, place: Place, leaving: Machine, form: RemoveForm, status: int = 200, **more: Any
) -> HttpResponse:
    text, at = commands.remove(leaving.name), for_logins(place.state, leaving)
    context = {
        "place": place,
        "section": "membership",
        "leaving": leaving,
        "form": form,
        "kept": flattened(place.state, leaving.serial),
        "ends": ends_cluster(place.state),
        "lines": [(text, over_ssh(at.address, at.port, "admin", text))],
        **more,
    }
    return render(request, "membership/remove.html", context, status=status)


def _run(request: HttpRequest, place: Place, leaving: Machine, form: RemoveForm) -> HttpResponse:
    told = form.cleaned_data
    at = for_logins(place.state, place.state.machines[told["member"]])
    door = Door(at.address, at.port, at.host_key, Passphrase(told["user"], told["passphrase"]))
    command = commands.remove(leaving.name, losing=told["losing"])
    job = job_of(place.cluster.tenant, place.cluster, request.user, command)
    try:
        run(job, door, [Typed(command)])
    except refusals_and(LinkError) as error:
        return _show(request, place, leaving, form, 422, trouble=error, job=job)
    job.end(Job.State.DONE, phrase(gettext_noop("Removed %(name)s")) % {"name": leaving.name})
    messages.success(request, _("%(name)s is removed and goes on alone.") % {"name": leaving.name})
    return redirect("job", job.pk)
