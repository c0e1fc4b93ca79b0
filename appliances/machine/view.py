"""What this machine's replica says at one moment: its cluster, how far it is, and what holds here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db import transaction

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import InterfaceSettings
from clusters import effective, installed, membership, models, replicas
from clusters.modes import machine
from clusters.state import ClusterState, Machine


@dataclass(frozen=True)
class View:
    """The replica of the machine with this serial number, read in one transaction.

    `removed` says that the cluster has let this machine go (RM-01), and it has not gone on alone yet.
    """

    serial: str
    replica_id: int
    cluster_id: str
    vector: dict[str, int]
    state: ClusterState
    removed: bool = False

    @cached_property
    def effective(self) -> effective.Effective:
        """All settings that hold on this machine."""
        return effective.effective(self.state, machine(self.serial), installed.catalogue())

    @property
    def fingerprint(self) -> str:
        return self.effective.fingerprint

    @property
    def name(self) -> str:
        """The main host name (COM-06)."""
        return str(self.effective.documents["sethostname"]["hostname"])

    @property
    def interfaces(self) -> InterfaceSettings:
        return INTERFACECONFIG.read(self.effective.documents["interfaceconfig"])

    @property
    def member(self) -> Machine | None:
        """This machine as the cluster knows it; None while standalone, and once it was removed."""
        return self.state.machines.get(self.serial)


def read(serial: str) -> View:
    """The view now; a home holds one replica for its whole life."""
    with transaction.atomic():
        row = models.Replica.objects.get()
        state = replicas.state_of(row)
        gone = membership.is_removed(row.pk)
        return View(serial, row.pk, str(row.cluster_id), dict(row.vector), state, gone)
