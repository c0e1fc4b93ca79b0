"""Configuration files: saved as text, loaded as your pending changes (LOAD-01..LOAD-11)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clusters.config_files import loading
from clusters.config_files.loading import Assignment
from clusters.config_files.reading import read
from clusters.installed import catalogue
from clusters.modes import Level, Mode
from portal.api.base import ClusterView, told
from portal.api.changes import pending_answer
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import asked, lists, page_of
from portal.api.shapes import ImpactShape, PendingAnswer, Shape
from portal.config_files.backups import Backup, keep
from portal.config_files.review import review
from portal.config_files.saving import name_of, text_of
from portal.config_files.uploads import MOST_BYTES
from portal.editing.menu import require_mode
from portal.tenants import Right

SECRET: dict[str, Any] = {
    "required": False,
    "default": "",
    "max_length": 1024,
    "trim_whitespace": False,
    "allow_blank": True,
}


class FileShape(Shape):
    """A configuration file as text."""

    name = serializers.CharField(help_text="What a saved copy would be called.")
    text = serializers.CharField(help_text="XML; its schema is on the page Configuration File.")


class SaveInput(Shape):
    """Encrypts the secrets of the file, so that it can be loaded again; without, they are masked."""

    passphrase = serializers.CharField(**SECRET)


class LoadInput(Shape):
    """A file of a cluster and where its parts go. Groups and machines that are not named keep what they have.

    Without both maps: groups of the same name, machines of the same serial number.
    """

    text = serializers.CharField(max_length=MOST_BYTES, trim_whitespace=False)
    passphrase = serializers.CharField(**SECRET)
    groups = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Id of a group here to one of the file."
    )
    machines = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Serial number here to one of the file."
    )
    cluster = serializers.BooleanField(default=True, help_text="Load the cluster's own settings too.")
    dry_run = serializers.BooleanField(default=False, help_text="Only what it would change.")


class FileCheckShape(Shape):
    """A line of the pre-flight list."""

    title = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["ok", "warn", "bad", "unknown"])
    text = serializers.CharField()
    remedy = serializers.CharField()


class LoadedShape(Shape):
    """What a load changes, and what to look at before the commit."""

    entries = serializers.ListField(child=serializers.CharField())
    checks = FileCheckShape(many=True)
    impact = ImpactShape(many=True)
    pending = PendingAnswer(allow_null=True, help_text="Null for a dry run.")


class BackupShape(Shape):
    """A version that is kept here."""

    number = serializers.IntegerField()
    made = serializers.DateTimeField()
    same = serializers.DateTimeField(help_text="When it was last found to be what holds.")
    why = serializers.CharField()


class ConfigurationFile(ClusterView):
    """The configuration of the cluster as a file, or of one machine flattened."""

    rights: ClassVar = {"GET": Right.EDIT, "POST": Right.EDIT}

    @extend_schema(responses={200: FileShape, 404: Refusal})
    def get(self, request: Request, slug: str, mode: Mode) -> Response:
        """With masked secrets."""
        return self._answer(mode, "")

    @extend_schema(request=SaveInput, responses={200: FileShape, 404: Refusal, 422: Refusal})
    def post(self, request: Request, slug: str, mode: Mode) -> Response:
        """With secrets encrypted under a passphrase, which is not kept."""
        return self._answer(mode, told(SaveInput, request)["passphrase"])

    def _answer(self, mode: Mode, passphrase: str) -> Response:
        require_mode(self.place.state, mode)
        if mode.level is Level.GROUP:
            raise Http404
        return Response({"name": name_of(self.place, mode), "text": text_of(self.place, mode, passphrase)})


class LoadFile(ClusterView):
    """Make pending what a file says (LOAD-08)."""

    rights: ClassVar = {"POST": Right.ADMINISTER}

    @extend_schema(request=LoadInput, responses={200: LoadedShape, 422: Refusal})
    @once
    def post(self, request: Request, slug: str) -> Response:
        """Nothing is active before the commit; a backup of what holds is kept first."""
        sent, place = told(LoadInput, request), self.place
        file = read(sent["text"], catalogue(), sent["passphrase"])
        wanted = loading.alike(place.state, file, cluster=sent["cluster"])
        if "groups" in sent or "machines" in sent:
            wanted = Assignment(sent.get("groups", {}), sent.get("machines", {}), sent["cluster"])
        found = review(place.state, file, wanted, place.replica_id, place.user)
        if not sent["dry_run"]:
            with transaction.atomic():
                keep(place.cluster, Backup.Why.LOAD, request.user)
                loading.stage(place.replica_id, place.user, loading.plan(place.state, file, wanted))
        return Response(self._told(found, dry_run=sent["dry_run"]))

    def _told(self, found: Any, *, dry_run: bool) -> dict[str, Any]:
        return {
            "entries": [str(entry.address) for entry in found.entries],
            "checks": FileCheckShape(found.checks, many=True).data,
            "impact": ImpactShape(found.impacts, many=True).data,
            "pending": None if dry_run else pending_answer(self.place).data,
        }


class Backups(ClusterView):
    """The versions that are kept here, the latest first; POST makes one of what holds now."""

    rights: ClassVar = {"GET": Right.EDIT, "POST": Right.EDIT}

    @lists(BackupShape, operation_id="clusters_backups_list")
    def get(self, request: Request, slug: str) -> Response:
        found = Backup.objects.filter(cluster=self.place.cluster).defer("text")
        return page_of(request, found, BackupShape, asked(request))

    @extend_schema(request=None, responses=BackupShape)
    @once
    def post(self, request: Request, slug: str) -> Response:
        """The last version again where nothing has changed since."""
        return Response(BackupShape(keep(self.place.cluster, Backup.Why.PERSON, request.user)).data)
