"""Raw edits: every table is here. An edit of settings is a commit by the admin; the log is read-only."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clusters import drafts, models, replicas, versions
from clusters.acceptance import checked
from clusters.differences import masked, unmasked
from clusters.naming import moment
from clusters.raw_edits import CAREFUL_JSON, NeverAdded, ReadInline, ReadOnly
from clusters.refusals import REFUSALS
from clusters.versions import Address, Change, Kind, canonical, digest


@admin.display(description=_("time"), ordering="wall")
def made_at(row: models.AuthorshipFields) -> str:
    """When a row's commit was made."""
    return f"{moment(row.time):%Y-%m-%d %H:%M:%S}"


@admin.register(models.Replica)
class ReplicaAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["__str__", "origin", "cluster_id", "revision"]
    search_fields = ["name", "origin", "cluster_id"]


@admin.display(description=_("value"))
def shown_value(row: models.ValueOfEntry) -> str:
    """The value of an entry with its secrets hidden."""
    return "" if row.value is None else json.dumps(masked(row.value, set(row.secrets)), ensure_ascii=False)


def columns(*named: Any) -> Any:
    """What a form shows; Django takes functions beside names there, its types do not."""
    return list(named)


class ChangeInline(ReadInline):
    model = models.Change
    fields = readonly_fields = columns("address", shown_value, "replaces")


@admin.register(models.Commit)
class CommitAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["__str__", "replica", made_at, "user", "host", "comment"]
    list_filter = ["replica", "user"]
    search_fields = ["comment", "user", "host"]
    ordering = ["-wall", "-counter"]
    inlines = [ChangeInline]


@admin.register(models.Change)
class ChangeAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["address", "commit", "replaces"]
    fields = readonly_fields = columns("commit", "address", shown_value, "replaces")
    list_select_related = ["commit"]
    search_fields = ["address"]


@admin.register(models.Superseded)
class SupersededAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["address", "replica", "commit_id", made_at]
    fields = readonly_fields = columns("replica", "address", "user", "host", "comment", shown_value)
    search_fields = ["address"]


@admin.register(models.HeldCommit)
class HeldCommitAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["__str__", "replica", "since"]
    fields = readonly_fields = columns("replica", "since", "entries")

    @admin.display(description=_("entries"))
    def entries(self, row: models.HeldCommit) -> str:
        """What it would change, without the values."""
        return ", ".join(change["address"] for change in row.wire["changes"])


@admin.register(models.RollbackPoint)
class RollbackPointAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["commit", "replica"]


class ValueForm(forms.ModelForm):
    """The value of an entry, checked as a commit checks it."""

    class Meta:
        fields = ["value"]
        help_texts = {"value": _("Empty makes the entry absent: it inherits again.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.value is not None:
            self.initial["value"] = masked(self.instance.value, self.instance.secrets)

    def clean_value(self) -> Any:
        """The value in its normal form; raises ValidationError for what a commit would refuse."""
        row = self.instance.replica
        value = unmasked(self.cleaned_data["value"], self.instance.value, self.instance.secrets)
        try:
            address = Address.parse(self.instance.address)
            return None if value is None else checked(row, replicas.state_of(row), address, value)
        except REFUSALS as error:
            raise ValidationError(str(error)) from None


class EntryForm(ValueForm):
    """An entry; saving it makes a commit."""

    commit_comment = forms.CharField(
        label=_("comment"),
        required=False,
        max_length=versions.MAX_TEXT,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("Saving commits at once, on every machine. The cluster's commit policy is not asked."),
    )

    class Meta(ValueForm.Meta):
        model = models.Head

    def clean(self) -> dict[str, Any] | None:
        """Raises ValidationError when another commit has replaced the version that the form shows."""
        models.Replica.objects.select_for_update(no_key=True).get(pk=self.instance.replica_id)
        if not models.Head.objects.filter(pk=self.instance.pk).exists():
            raise ValidationError(_("This entry has been changed meanwhile. Open it again and compare."))
        return super().clean()


@admin.register(models.Head)
class HeadAdmin(ReadOnly, admin.ModelAdmin):
    """Entries: settings in force can be edited, the rest has its own operations."""

    form = EntryForm
    formfield_overrides = CAREFUL_JSON
    list_display = ["address", "replica", "rank", "commit_id", made_at, "user"]
    list_filter = ["replica", "rank"]
    search_fields = ["address"]
    readonly_fields = columns("replica", "address", "rank", "user", "host", shown_value)

    def get_fields(self, request: HttpRequest, obj: models.Head | None = None) -> list[Any]:
        """The value to be edited where that is allowed, else to be read."""
        edited = ["value", "commit_comment"] if self.has_change_permission(request, obj) else [shown_value]
        return ["replica", "address", "rank", "user", "host", *edited]

    def has_change_permission(self, request: HttpRequest, obj: models.Head | None = None) -> bool:
        """Only for settings, and only for the version that is in force."""
        editable = obj is None or (obj.rank == 0 and Address.parse(obj.address).kind is Kind.SETTINGS)
        return editable and admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: models.Head, form: EntryForm, change: bool) -> None:
        """Commit the value in the name of the admin, on top of the version that the form showed."""
        made = Change(Address.parse(obj.address), form.cleaned_data["value"], obj.commit_id)
        host = replicas.state(obj.replica_id).portals.get(obj.replica.serial)
        replicas.commit(
            obj.replica_id,
            [made],
            user=request.user.get_username(),
            host=host.name if host else obj.replica.serial,
            comment=form.cleaned_data["commit_comment"],
        )

    def response_change(self, request: HttpRequest, obj: models.Head) -> HttpResponse:
        """Back to the list: the commit has made a new row."""
        self.message_user(request, _("%(entry)s was committed.") % {"entry": obj.address})
        return HttpResponseRedirect(reverse("admin:clusters_head_changelist"))


def _mark(row: models.Draft) -> str:
    """Tells whether a draft is the one that a form showed."""
    return digest([canonical(row.value), row.base])[:16]


class DraftForm(ValueForm):
    """A pending change."""

    shown = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["shown"] = _mark(self.instance)

    def clean(self) -> dict[str, Any] | None:
        """Raises ValidationError when its user has changed the draft since the form showed it (TRL-09)."""
        # Held until it is saved: the admin site saves in the transaction in which it checks.
        models.Replica.objects.select_for_update(no_key=True).get(pk=self.instance.replica_id)
        now = models.Draft.objects.filter(pk=self.instance.pk).first()
        if now is None or _mark(now) != self.cleaned_data.get("shown"):
            raise ValidationError(_("This draft has been changed meanwhile. Open it again and compare."))
        return super().clean()

    class Meta(ValueForm.Meta):
        model = models.Draft


@admin.register(models.Draft)
class DraftAdmin(NeverAdded, admin.ModelAdmin):
    """Drafts begin with an edit of settings; here they are changed or dropped."""

    form = DraftForm
    formfield_overrides = CAREFUL_JSON
    list_display = ["address", "replica", "user", "updated"]
    list_filter = ["replica", "user"]
    search_fields = ["address", "user"]
    fields = ["replica", "user", "address", "base", "value", "shown"]
    readonly_fields = ["replica", "user", "address", "base"]

    def save_model(self, request: HttpRequest, obj: models.Draft, form: DraftForm, change: bool) -> None:
        """Keep the value as its user's edit; one that changes nothing drops the draft."""
        address = Address.parse(obj.address)
        drafts.edit_entry(obj.replica_id, obj.user, address, form.cleaned_data["value"])
