"""Creating a cluster on a standalone machine: the same command, shown and then run there (CR-01..CR-08)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.debug import sensitive_post_parameters

from appliances.links.errors import LinkError
from clusters.addressing import check_name
from clusters.phrases import phrase
from clusters.refusals import REFUSALS, refusals_and
from portal.guided import commands
from portal.guided.checklist import blocked
from portal.guided.commands import Typed, over_ssh
from portal.guided.joining import of_machine, who_is
from portal.guided.running import job_of, run
from portal.jobs.rows import Job
from portal.pages.access import fresh, guided
from portal.pages.doors import LoginForm, WhereForm
from portal.tenants import Right, Tenant, tenants_with


class CreateForm(LoginForm):
    """What a new cluster needs (CR-02, CR-07), and the tenant in whose name it is done."""

    fields: dict[str, Any]

    tenant = forms.ModelChoiceField(Tenant.objects.none(), label=gettext_lazy("Tenant"), empty_label=None)
    name = forms.CharField(label=gettext_lazy("Name of the cluster"), max_length=255)
    style = forms.ChoiceField(
        label=gettext_lazy("How the machines reach one another"),
        choices=[("name", gettext_lazy("by host name")), ("address", gettext_lazy("by IP address"))],
        help_text=gettext_lazy("One style for the whole cluster; it can be changed later."),
    )

    def __init__(self, *args: Any, tenants: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tenant"].queryset = tenants

    def clean_name(self) -> str:
        try:
            return check_name(self.cleaned_data["name"])
        except REFUSALS as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def command(self) -> str:
        """What will be typed there; of a valid form."""
        return commands.create(self.cleaned_data["name"], by_address=self.cleaned_data["style"] == "address")


@sensitive_post_parameters("passphrase")
@guided
@fresh
def create(request: HttpRequest) -> HttpResponse:
    """Ask where (GET), show the fingerprint (look), what would be typed (check), and type it (run)."""
    mine = tenants_with(request.user, Right.ADMINISTER)
    if not mine.exists():
        raise PermissionDenied
    step = request.POST.get("step", "")
    if step == "look":
        return _look(request, mine)
    if step in ("check", "run"):
        form = CreateForm(request.POST, tenants=mine)
        if not form.is_valid():
            return _show(request, "who", 422, form=form)
        return (_check if step == "check" else _run)(request, form)
    return _show(request, "where", form=WhereForm())


def _show(request: HttpRequest, step: str, status: int = 200, **more: Any) -> HttpResponse:
    return render(
        request, "membership/create.html", {"step": step, "section": "create", **more}, status=status
    )


def _look(request: HttpRequest, mine: Any) -> HttpResponse:
    form = WhereForm(request.POST)
    if not form.is_valid():
        return _show(request, "where", 422, form=form)
    try:
        initial = form.look()
    except LinkError as error:
        return _show(request, "where", 422, form=form, trouble=error)
    form = CreateForm(tenants=mine, initial={**initial, "tenant": mine.first()})
    return _show(request, "who", form=form)


def _check(request: HttpRequest, form: CreateForm) -> HttpResponse:
    try:
        checks = list(of_machine(who_is(form.door())))
    except refusals_and(LinkError) as error:
        return _show(request, "who", 422, form=form, trouble=error)
    return _show(request, "confirm", form=form, checks=checks, blocked=blocked(checks), **_lines(form))


def _lines(form: CreateForm) -> dict[str, Any]:
    told = form.cleaned_data
    shown = [(form.command, over_ssh(told["address"], told["port"], told["user"], form.command))]
    return {"lines": shown, "carried": form.carried()}


def _run(request: HttpRequest, form: CreateForm) -> HttpResponse:
    told = form.cleaned_data
    job = job_of(told["tenant"], None, request.user, form.command)
    try:
        run(job, form.door(), [Typed(form.command)])
    except refusals_and(LinkError) as error:
        return _show(request, "confirm", 422, form=form, trouble=error, job=job, **_lines(form))
    job.end(Job.State.DONE, phrase(gettext_noop("Created the cluster %(name)s")) % {"name": told["name"]})
    messages.success(request, _("The cluster %(name)s exists now.") % {"name": told["name"]})
    return _show(request, "done", form=form, job=job, output=job.lines.all())
