"""A file that waits to be loaded: read once, kept encrypted in a row of its person, gone after an hour."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.config_files.errors import BadFile, NotForClusters
from clusters.config_files.loading import Assignment
from clusters.config_files.reading import ConfigFile, FileGroup, FileMachine, read
from clusters.config_files.saving import MOST, megabytes
from clusters.installed import catalogue
from clusters.sealed_columns import SealedTextField
from clusters.utf8 import NotUtf8, read_utf8
from portal.tenants import ManagedCluster, Person

LASTING = timedelta(hours=1)
MOST_BYTES = MOST


def _expiry() -> datetime:
    return timezone.now() + LASTING


class Upload(models.Model):
    """A read file between the steps of loading it, and what its person has chosen so far."""

    class Choice(models.TextChoices):
        CLUSTER = "cluster", gettext_lazy("Cluster")
        APPLIANCE = "appliance", gettext_lazy("Appliance in cluster")

    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(gettext_lazy("name of the file"), max_length=255)
    choice = models.CharField(gettext_lazy("what to load"), max_length=16, choices=Choice.choices)
    text = SealedTextField(gettext_lazy("file"))
    chosen = models.JSONField(gettext_lazy("chosen so far"), default=dict)
    expires = models.DateTimeField(gettext_lazy("expires"), default=_expiry)

    class Meta:
        verbose_name = gettext_lazy("file being loaded")
        verbose_name_plural = gettext_lazy("files being loaded")
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def file(self) -> ConfigFile:
        """What the file says."""
        told = json.loads(self.text)
        groups = tuple(FileGroup(**each) for each in told.pop("groups"))
        machines = tuple(FileMachine(**each) for each in told.pop("machines"))
        return ConfigFile(**told, groups=groups, machines=machines)

    @property
    def assignment(self) -> Assignment:
        """The mapping as it was chosen up to now."""
        told = self.chosen
        return Assignment(told.get("groups", {}), told.get("machines", {}), told.get("cluster", False))

    def choose(self, **chosen: Any) -> None:
        """Keep what was chosen in a step."""
        self.chosen = {**self.chosen, **chosen}
        self.save(update_fields=["chosen"])


def receive(
    cluster: ManagedCluster, person: Person, name: str, raw: bytes, passphrase: str, choice: str
) -> Upload:
    """Read a file whole and keep it for its person; nothing of it is loaded.

    Raises BadFile with the line (LOAD-09), MaskedSecret (LOAD-10), WrongPassphrase, and NotForClusters for
    the file of one machine (LOAD-02). The passphrase is not kept.
    """
    if len(raw) > MOST_BYTES:
        raise BadFile(0, _("it has more than %(count)d MB") % {"count": megabytes(MOST_BYTES)})
    try:
        text = read_utf8(raw)
    except NotUtf8 as error:
        raise BadFile(error.line, error.reason) from None
    return keep(cluster, person, name, read(text, catalogue(), passphrase), choice)


def keep(cluster: ManagedCluster, person: Person, name: str, file: ConfigFile, choice: str) -> Upload:
    """Keep what was read for the steps of loading it; raises NotForClusters (LOAD-02)."""
    if file.kind != "cluster":
        raise NotForClusters(
            _("Only the file of a cluster is loaded into a cluster; this is the file of one machine.")
        )
    forget_expired()
    told: dict[str, Any] = {
        "name": name[:255],
        "choice": Upload.Choice(choice),
        "text": json.dumps(asdict(file)),
    }
    return Upload.objects.create(cluster=cluster, person_id=person.pk, **told)


def of_person(cluster: ManagedCluster, person: Person, number: int) -> Upload | None:
    """The waiting file of that number, if it is that person's and not too old."""
    mine = Upload.objects.filter(cluster=cluster, person=person.pk, expires__gt=timezone.now())
    return mine.filter(pk=number).first()


def forget_expired() -> None:
    """Drop what nobody has loaded in time."""
    Upload.objects.filter(expires__lte=timezone.now()).delete()
