"""System Administration > Configuration File: save, backups, and where loading begins (LOAD-01..LOAD-11)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from clusters.config_files.schema import schema
from clusters.config_files.sealing import MIN_PASSPHRASE
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, Mode
from clusters.refusals import REFUSALS
from portal.config_files import uploads
from portal.config_files.backups import KEPT, Backup, keep
from portal.config_files.saving import name_of, text_of
from portal.config_files.uploads import Upload
from portal.editing.menu import entries, require_mode, tabs
from portal.login.freshness import ask_again, is_fresh
from portal.pages.access import cluster_page
from portal.pages.doors import PassphraseField
from portal.place import Place
from portal.tenants import Right


class SaveForm(forms.Form):
    """How the secrets of the file are kept (LOAD-10)."""

    secrets = forms.ChoiceField(
        label=gettext_lazy("Secrets"),
        choices=[
            ("masked", gettext_lazy("masked: to read and compare, not to load")),
            ("encrypted", gettext_lazy("encrypted with a passphrase: to load again")),
        ],
    )
    passphrase = PassphraseField(
        label=gettext_lazy("Passphrase of the file"),
        required=False,
        help_text=gettext_lazy("Only for encrypted secrets. It is not kept: without it nobody opens them."),
    )

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("secrets") != "encrypted":
            return {**told, "passphrase": ""}
        if len(told.get("passphrase", "")) < MIN_PASSPHRASE:
            text = _("The passphrase of a file has at least %(count)d characters.") % {
                "count": MIN_PASSPHRASE
            }
            self.add_error("passphrase", text)
        return told


class LoadForm(forms.Form):
    """The file, and whether all of it or one appliance is loaded."""

    choice = forms.ChoiceField(label=gettext_lazy("What to load"), choices=Upload.Choice.choices)
    file = forms.FileField(label=gettext_lazy("Configuration file"), max_length=255)
    file_passphrase = PassphraseField(
        label=gettext_lazy("Passphrase of the file"),
        required=False,
        help_text=gettext_lazy("Where its secrets are encrypted. Never stored, never logged."),
    )


@sensitive_post_parameters("passphrase", "file_passphrase")
@cluster_page(Right.EDIT)
def configuration_file(request: HttpRequest, place: Place, mode: Mode) -> HttpResponse:
    """The page in a mode (LOAD-05); POST does what the pressed button says."""
    require_mode(place.state, mode)
    if request.method != "POST":
        return _show(request, place, mode)
    asked = request.POST.get("do", "save")
    if asked == "save" and mode.level is not Level.GROUP:
        return _save(request, place, mode)
    if mode == CLUSTER and asked in ACTIONS:
        return ACTIONS[asked](request, place)
    return _show(request, place, mode)


def _show(
    request: HttpRequest, place: Place, mode: Mode, status: int = 200, **forms_: forms.Form
) -> HttpResponse:
    whole = mode == CLUSTER
    context = {
        "place": place,
        "mode": mode,
        "modes": place.draft.modes(),
        "mode_page": "configuration_file",
        "tabs": list(tabs(entries(place, mode))),
        "section": "configuration_file",
        "whole": whole,
        "save_form": SaveForm(),
        "load_form": LoadForm() if place.may(Right.ADMINISTER) else None,
        "may_load": place.may(Right.ADMINISTER),
        "backups": Backup.objects.filter(cluster=place.cluster).defer("text") if whole else (),
        "kept": KEPT,
        "most": uploads.MOST_BYTES // 1024 // 1024,
        **forms_,
    }
    return render(request, "config_files/page.html", context, status=status)


def _save(request: HttpRequest, place: Place, mode: Mode) -> HttpResponse:
    form = SaveForm(request.POST)
    if not form.is_valid():
        return _show(request, place, mode, 422, save_form=form)
    if form.cleaned_data["passphrase"] and not is_fresh(request):
        return ask_again(request)
    try:
        text = text_of(place, mode, form.cleaned_data["passphrase"])
    except REFUSALS as error:
        form.add_error("secrets", str(error))
        return _show(request, place, mode, 422, save_form=form)
    return _attachment(text, name_of(place, mode))


def _attachment(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/xml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}"'
    return response


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in name)


def _load(request: HttpRequest, place: Place) -> HttpResponse:
    place.require(Right.ADMINISTER)
    form = LoadForm(request.POST, request.FILES)
    if form.is_valid():
        told = form.cleaned_data
        sent = told["file"]
        raw = sent.read(uploads.MOST_BYTES + 1)
        try:
            made = uploads.receive(
                place.cluster, request.user, sent.name, raw, told["file_passphrase"], told["choice"]
            )
            return redirect("load_file", place.cluster.slug, made.pk)
        except REFUSALS as error:
            form.add_error("file", str(error))
    return _show(request, place, CLUSTER, 422, load_form=form)


def _back_up(request: HttpRequest, place: Place) -> HttpResponse:
    made = keep(place.cluster, Backup.Why.PERSON, request.user)
    messages.success(request, _("Version %(number)d is what holds now.") % {"number": made.number})
    return redirect(request.path)


ACTIONS = {"load": _load, "back_up": _back_up}


@sensitive_post_parameters("passphrase")
@require_POST
@cluster_page(Right.EDIT)
def backup(request: HttpRequest, place: Place, number: int) -> HttpResponse:
    """One version: `do` is download, or load, which begins the steps with it (restore)."""
    found = Backup.objects.filter(cluster=place.cluster, number=number).select_related("cluster").first()
    if found is None:
        raise Http404
    if request.POST.get("do") == "load":
        return _restore(request, place, found)
    form = SaveForm(request.POST)
    if not form.is_valid():
        for text in form.errors.values():
            messages.error(request, " ".join(map(str, text)))
        return redirect("configuration_file", place.cluster.slug, CLUSTER)
    return _attachment(found.given(form.cleaned_data["passphrase"]), found.file_name)


def _restore(request: HttpRequest, place: Place, found: Backup) -> HttpResponse:
    place.require(Right.ADMINISTER)
    try:
        made = uploads.keep(
            place.cluster, request.user, found.file_name, found.opened(), Upload.Choice.CLUSTER
        )
    except REFUSALS as error:
        messages.error(request, str(error))
        return redirect("configuration_file", place.cluster.slug, CLUSTER)
    return redirect("load_file", place.cluster.slug, made.pk)


@require_safe
@cluster_page(Right.SEE_SETTINGS)
def xsd(request: HttpRequest, place: Place) -> HttpResponse:
    """The schema of configuration files, from the catalogue."""
    return _attachment(schema(catalogue()), "gatefold-configuration.xsd")
