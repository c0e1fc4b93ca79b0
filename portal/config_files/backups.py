"""Backups: each version of a cluster's configuration as a row, the last thirty (section 5, row 3)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appliances.machine.release import release
from clusters import replicas
from clusters.config_files.errors import TooLong
from clusters.config_files.reading import ConfigFile, read
from clusters.config_files.resealing import resealed
from clusters.config_files.saving import save_cluster
from clusters.config_files.sealing import Sealing
from clusters.installed import catalogue
from portal.audit.log import Action, record
from portal.config_files import keys
from portal.tenants import ManagedCluster, Person, account_of

logger = logging.getLogger(__name__)

KEPT = 30
EVERY = timedelta(days=1)


class Backup(models.Model):
    """One version of a cluster's configuration; its secrets are encrypted with the portal's key."""

    class Why(models.TextChoices):
        CLOCK = "clock", _("by the clock")
        PERSON = "person", _("by a person")
        LOAD = "load", _("before a load")

    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="backups")
    number = models.PositiveIntegerField(_("version"))
    made = models.DateTimeField(_("made"))
    same = models.DateTimeField(_("still the same"))
    why = models.CharField(_("why"), max_length=8, choices=Why.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(_("digest of all entries"), max_length=64)
    text = models.TextField(_("file"))

    class Meta:
        verbose_name = _("backup of a configuration")
        verbose_name_plural = _("backups of configurations")
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["cluster", "number"], name="one_backup_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.cluster} {self.number}"

    @property
    def file_name(self) -> str:
        """What a downloaded copy is called."""
        return f"{self.cluster.slug}-{self.number:04}-{self.made:%Y%m%dT%H%M%SZ}.xml"

    def opened(self) -> ConfigFile:
        """What it says; raises the refusals of reading where the catalogue has changed since."""
        return read(self.text, catalogue(), keys.passphrase())

    def given(self, passphrase: str = "") -> str:
        """The file for a person: secrets masked, or under their own passphrase; raises WrongPassphrase."""
        wanted = Sealing.new(passphrase) if passphrase else None
        return resealed(self.text, keys.passphrase(), wanted, self.made)


def keep(cluster: ManagedCluster, why: Backup.Why, person: Person | None = None) -> Backup:
    """The backup of what holds now: a new version, or the last one where nothing has changed since."""
    with transaction.atomic():
        # `no_key`: jobs and rows of the audit log that name the cluster are written meanwhile.
        locked = ManagedCluster.everything.select_for_update(of=("self",), no_key=True)
        row = locked.select_related("replica").get(pk=cluster.pk)
        now, digest = timezone.now(), replicas.entries_digest(row.replica_id)
        last = Backup.objects.filter(cluster=row).first()
        if last is not None and last.digest == digest:
            # What stood before a load is found again as that, whoever had kept it first.
            last.same, last.why = now, why if why == Backup.Why.LOAD else last.why
            last.save(update_fields=["same", "why"])
            _noted(last, person)
            return last
        sealing = Sealing.new(keys.passphrase())
        made = Backup.objects.create(
            cluster=row,
            number=last.number + 1 if last else 1,
            made=now,
            same=now,
            why=why,
            by=account_of(person),
            digest=digest,
            text=save_cluster(
                replicas.state_of(row.replica), catalogue(), sealing=sealing, release=release()
            ),
        )
        Backup.objects.filter(cluster=row, number__lte=made.number - KEPT).delete()
        _noted(made, person)
        return made


def _noted(made: Backup, person: Person | None) -> None:
    """What the clock keeps is in no person's name, and is seen in the list."""
    if person is not None:
        record(person, Action.BACKUP, made.cluster, made.cluster.tenant, version=made.number)


def keep_due() -> int:
    """A backup of every followed cluster whose last one is a day old; returns how many were looked at."""
    recent = Backup.objects.filter(same__gt=timezone.now() - EVERY).values("cluster")
    followed = ManagedCluster.everything.filter(state=ManagedCluster.State.FOLLOWED)
    due = list(followed.exclude(pk__in=recent))
    for cluster in due:
        try:
            keep(cluster, Backup.Why.CLOCK)
        except TooLong as error:  # the others are kept all the same
            logger.warning("no backup of %s: %s", cluster.slug, error)
    return len(due)
