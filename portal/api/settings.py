"""Settings of a feature in a mode: the mode is part of every address."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clusters import drafts, effective, replicas
from clusters.commits import PastIsGone
from clusters.differences import masked, unmasked
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.naming import authorship_label
from clusters.transfers import Action, carry_out, plan
from clusters.versions import Version, settings_at
from portal.api.authentication import FreshToWrite
from portal.api.base import ClusterView, told
from portal.api.errors import Refusal, StaleVersion
from portal.api.idempotency import once
from portal.api.listing import Query, Words, YesOrNo, asked, lists, page_of
from portal.api.shapes import EditedShape, SettingInput, SettingShape, SettingSummary, TransferInput
from portal.editing.past import NoMoment, forgotten_at, moment
from portal.modes import ModeConverter
from portal.tenants import Right

THEN = "As it was at that moment, such as 2026-11-24T12:00Z."
AT = OpenApiParameter("at", str, description=THEN)

SEEN = "What GET told; another one in force is answered with 409."
VERSION = OpenApiParameter("version", str, description=SEEN)


class SettingsQuery(Query):
    """Which features, and when."""

    at = Words(help_text=THEN)
    defined = YesOrNo(help_text="Whether this mode itself defines it.")
    pending = YesOrNo()


class ModeView(ClusterView):
    """A view of one mode of a cluster; GET with `at` tells of the past."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.mode: Mode = kwargs["mode"]
        at = request.query_params.get("at", "")
        if at and request.method == "GET":
            try:
                self.place = replace(self.place, at=moment(at, timezone.now()))
            except NoMoment as error:
                raise ValidationError({"at": str(error)}) from None
        self.place.draft.mode_name(self.mode)

    def summary(self, name: str) -> dict[str, Any]:
        """Where the value of a feature in this mode comes from, pending changes of the caller included."""
        draft, state = self.place.draft, self.place.state
        mine = draft.defined(self.mode, name)
        setting = effective.setting_at(draft, self.mode, name, catalogue())
        return {
            "feature": name,
            "defined": mine is not None,
            "pending": mine != state.defined(self.mode, name),
            "origin": setting.origin,
        }

    def head(self, name: str) -> Version | None:
        """The newest version of what this mode defines; None where it defines nothing."""
        address = settings_at(self.mode, name)
        head = replicas.heads(self.place.replica_id, [address]).get(address, (None,))[0]
        return head if head is not None and head.value is not None else None

    def require_seen(self, name: str, version: str | None) -> None:
        """See that the caller's version is the newest; none is none to compare. Raises StaleVersion."""
        head = self.head(name)
        if version is None or version == (str(head.id) if head else ""):
            return
        who = _("now in force: {made}").format(made=authorship_label(head)) if head else _("now deleted")
        raise StaleVersion(
            _("Not kept: these settings were changed since version {version}; {who}.").format(
                version=version[:80] or "-", who=who
            ),
            head,
        )


class ModeSettings(ModeView):
    """Every feature that can be set in this mode, and where its value comes from."""

    @lists(SettingSummary, SettingsQuery, "clusters_settings_list")
    def get(self, request: Request, slug: str, mode: Mode) -> Response:
        wanted = asked(request, SettingsQuery)
        names = [f.name for f in catalogue() if catalogue().allows(f.name, mode)]
        found = [
            told
            for told in map(self.summary, names)
            if wanted["defined"] in (None, told["defined"]) and wanted["pending"] in (None, told["pending"])
        ]
        return page_of(request, found, SettingSummary, wanted)


class FeatureSettings(ModeView):
    """One feature in one mode. What you write is pending until you commit."""

    rights: ClassVar = {"PUT": Right.EDIT, "DELETE": Right.EDIT}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.feature = catalogue()[kwargs["feature"]]
        fresh = FreshToWrite()
        if self.feature.secrets and not fresh.has_permission(request, self):
            raise PermissionDenied(fresh.message)

    @extend_schema(responses={200: SettingShape, 404: Refusal, 422: Refusal}, parameters=[AT])
    def get(self, request: Request, slug: str, mode: Mode, feature: str) -> Response:
        draft = self.place.draft
        setting = effective.setting_at(draft, mode, feature, catalogue())
        overrides = effective.overrides(draft, mode, feature)
        if forgotten_at(self.place, mode, feature):
            raise PastIsGone(_("What stood here at that moment is not kept in this portal."))
        head = None if self.place.at else self.head(feature)
        found = {
            **self.summary(feature),
            "mode": mode,
            "value": masked(setting.value, self.feature.secrets),
            "version": str(head.id) if head else "",
            "story": setting.story,
            "reached": [m.serial for m in effective.reached(draft, mode, feature)],
            "overrides": [*overrides.groups, *overrides.machines],
            "flags": [flag.message for flag in effective.flags_at(draft, mode, feature, catalogue())],
        }
        return Response(SettingShape(found).data)

    @extend_schema(
        request=SettingInput, responses={200: EditedShape, 404: Refusal, 409: Refusal, 422: Refusal}
    )
    def put(self, request: Request, slug: str, mode: Mode, feature: str) -> Response:
        sent = told(SettingInput, request)
        with drafts.held(self.place.replica_id):
            self.require_seen(feature, sent.get("version"))
            # Read afresh: what was read before may be older than what is in force now (TRL-09).
            held = effective.setting_at(replace(self.place).draft, mode, feature, catalogue()).value
            document = unmasked(sent["value"], held, self.feature.secrets)
            edited = drafts.edit(self.place.replica_id, self.place.user, mode, feature, document)
        return _edited(edited)

    @extend_schema(responses={200: EditedShape, 404: Refusal, 409: Refusal}, parameters=[VERSION])
    def delete(self, request: Request, slug: str, mode: Mode, feature: str) -> Response:
        """As a pending change: this mode no longer defines the feature and inherits."""
        with drafts.held(self.place.replica_id):
            self.require_seen(feature, request.query_params.get("version"))
            edited = drafts.remove(self.place.replica_id, self.place.user, mode, feature)
        return _edited(edited)


class Transfer(ModeView):
    """Copy or move what this mode defines to another mode, as pending changes (SET-03..SET-08)."""

    rights: ClassVar = {"POST": Right.EDIT}

    @extend_schema(
        request=TransferInput, responses={200: EditedShape, 404: Refusal, 409: Refusal, 422: Refusal}
    )
    @once
    def post(self, request: Request, slug: str, mode: Mode, feature: str) -> Response:
        sent = told(TransferInput, request)
        target = ModeConverter().to_python(sent["target"])
        place = self.place
        with drafts.held(place.replica_id):
            self.require_seen(feature, sent.get("version"))
            planned = plan(place.replica_id, place.user, Action(sent["action"]), feature, mode, [target])
            risks = risks_of(planned)
            if risks and not (sent["agreed"] and sent["mark"] in (None, planned.mark)):
                refused = {"detail": " ".join(risks), "mark": planned.mark}
                return Response(refused, status=status.HTTP_409_CONFLICT)
            edited = carry_out(place.replica_id, place.user, planned)
        return _edited(edited[0])


def risks_of(planned: Any) -> list[str]:
    """What a transfer would replace, break or empty, in sentences."""
    found = []
    if planned.replaced:
        found.append(_("The target has settings of its own, which would be replaced."))
    if planned.broken:
        found.append(_("What they refer to is missing at the target."))
    if planned.emptied:
        names = ", ".join(m.name for m in planned.emptied)
        found.append(_("These machines would fall back to an empty table: {names}.").format(names=names))
    return [*found, _("Send it again with agreed=true if that is meant.")] if found else []


def _edited(edited: drafts.Edited) -> Response:
    found = SimpleNamespace(
        pending=edited.pending,
        reached=[m.serial for m in edited.reached],
        overrides=[*edited.overrides.groups, *edited.overrides.machines],
        settles=edited.settles,
    )
    return Response(EditedShape(found).data)
