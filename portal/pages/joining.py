"""A machine joins this cluster: looked at first, then the same command, typed there (JN-01..JN-16)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.debug import sensitive_post_parameters

from appliances.following.ways import for_logins
from appliances.links.errors import LinkError
from clusters.catalogue import Scope
from clusters.installed import catalogue
from clusters.phrases import phrase
from clusters.refusals import refusals_and
from clusters.state import ClusterState
from portal.guided import commands, joining
from portal.guided.checklist import blocked
from portal.guided.commands import over_ssh
from portal.guided.joining import Plan
from portal.guided.running import job_of, run
from portal.jobs.rows import Job
from portal.pages.access import cluster_page, fresh, guided
from portal.pages.doors import LoginForm, PassphraseField, WhereForm
from portal.place import Place
from portal.tenants import Right


class JoinForm(LoginForm):
    """Who joins, at which member, into which group, and with whose consent."""

    fields: dict[str, Any]

    member = forms.ChoiceField(
        label=gettext_lazy("Member that lets it in"),
        help_text=gettext_lazy("Its host key is known here; the joining machine is told its fingerprint."),
    )
    group = forms.ChoiceField(
        label=gettext_lazy("Group"),
        required=False,
        help_text=gettext_lazy("It uses the settings of this group from the first moment."),
    )
    way = forms.ChoiceField(
        label=gettext_lazy("How it is let in"),
        choices=[
            ("passphrase", gettext_lazy("with the passphrase of an administrator of this cluster")),
            ("prepared", gettext_lazy("with its key, which this portal enters as a prepared join")),
        ],
    )
    cluster_user = forms.CharField(
        label=gettext_lazy("Administrator of this cluster"), max_length=64, initial="admin", required=False
    )
    cluster_passphrase = PassphraseField(
        label=gettext_lazy("Passphrase in this cluster"),
        required=False,
        help_text=gettext_lazy("Not needed with a prepared key."),
    )

    keep = forms.MultipleChoiceField(
        label=gettext_lazy("Settings that it takes along"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Its present ones, as overrides of its own. All else comes from the cluster."),
    )

    def __init__(self, *args: Any, state: ClusterState, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = state
        connected = [m for m in state.machines.values() if not m.disconnected]
        self.fields["member"].choices = [(m.serial, m.name) for m in connected]
        known: list[Any] = [each for each in catalogue() if each.scope is Scope.CLUSTERABLE]
        self.fields["keep"].choices = [(each.name, _(each.title)) for each in known]
        groups = [(g.id, g.name) for g in state.groups.values() if not g.initial]
        self.fields["group"].choices = [("", state.initial_group.name if state.groups else "–"), *groups]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("way") == "passphrase" and not told.get("cluster_passphrase"):
            self.add_error("cluster_passphrase", _("Type the passphrase, or choose the prepared key."))
        return told

    def plan(self) -> Plan:
        """The join as it was chosen; of a valid form."""
        told = self.cleaned_data
        group = self.state.groups[told["group"]].name if told["group"] else ""
        member = self.state.machines[told["member"]]
        user = told["cluster_user"] or "admin"
        return Plan(member, group, told["way"] == "prepared", user, tuple(told["keep"]))


@sensitive_post_parameters("passphrase", "cluster_passphrase")
@guided
@cluster_page(Right.ADMINISTER)
@fresh
def join(request: HttpRequest, place: Place) -> HttpResponse:
    """Ask where (GET), show the fingerprint (look), all that a join would mean (check), and join (run)."""
    step = request.POST.get("step", "")
    if step == "look":
        return _look(request, place)
    if step in ("check", "run"):
        form = JoinForm(request.POST, state=place.state)
        if not form.is_valid():
            return _show(request, place, "who", 422, form=form)
        return (_check if step == "check" else _run)(request, place, form)
    return _show(request, place, "where", form=WhereForm())


def _show(request: HttpRequest, place: Place, step: str, status: int = 200, **more: Any) -> HttpResponse:
    context = {"place": place, "step": step, "section": "membership", **more}
    return render(request, "membership/join.html", context, status=status)


def _look(request: HttpRequest, place: Place) -> HttpResponse:
    form = WhereForm(request.POST)
    if not form.is_valid():
        return _show(request, place, "where", 422, form=form)
    try:
        initial = form.look()
    except LinkError as error:
        return _show(request, place, "where", 422, form=form, trouble=error)
    return _show(request, place, "who", form=JoinForm(state=place.state, initial=initial))


def _check(request: HttpRequest, place: Place, form: JoinForm) -> HttpResponse:
    door, plan = form.door(), form.plan()
    try:
        if plan.prepared and joining.admit(place.cluster, place.state, request.user, joining.who_is(door)):
            joining.wait_until_heard(door, plan)
        found = joining.look(place.cluster, place.state, door, plan, form.cleaned_data["cluster_passphrase"])
    except refusals_and(LinkError) as error:
        return _show(request, place, "who", 422, form=form, trouble=error)
    more = {"look": found, "blocked": blocked(found.checks), **_lines(place.state, form, found.who)}
    return _show(request, place, "confirm", form=form, **more)


def _lines(state: ClusterState, form: JoinForm, who: joining.Who | None = None) -> dict[str, Any]:
    told, plan = form.cleaned_data, form.plan()
    shown = [(plan.command, over_ssh(told["address"], told["port"], told["user"], plan.command))]
    if plan.prepared and who is not None:
        text = commands.prepare(who.host, who.serial, who.user_key)
        member = for_logins(state, plan.member)
        shown.insert(0, (text, over_ssh(member.address, member.port, "admin", text)))
    return {"lines": shown, "carried": form.carried(), "plan": plan}


def _run(request: HttpRequest, place: Place, form: JoinForm) -> HttpResponse:
    told, plan = form.cleaned_data, form.plan()
    job = job_of(place.cluster.tenant, place.cluster, request.user, plan.command)
    try:
        run(job, form.door(), [plan.typed(told["cluster_passphrase"])])
    except refusals_and(LinkError) as error:
        return _show(
            request, place, "confirm", 422, form=form, trouble=error, job=job, **_lines(place.state, form)
        )
    job.end(Job.State.DONE, phrase(gettext_noop("Joined at %(name)s")) % {"name": plan.member.name})
    messages.success(request, _("It has joined. It appears here as soon as the portal has heard of it."))
    return redirect("job", job.pk)
