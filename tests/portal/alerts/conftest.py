"""A clock that tests turn by hand, and what they do with rows of machines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from appliances.models import Connection, MachineStatus, Worker
from portal.alerts import notices, watching
from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert
from portal.alerts.kinds import Severity
from portal.alerts.routing import Channel, Subscription
from portal.tenants import ManagedCluster, Tenant

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class World:
    """Moves the clock, and keeps what workers write as fresh as a living worker would."""

    def __init__(self) -> None:
        self.now = NOON
        Worker.objects.create(name="host/1", started=NOON - timedelta(days=1), seen=NOON)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        Worker.objects.update(seen=self.now)
        MachineStatus.objects.exclude(checked=None).update(checked=self.now)

    def set(self, cluster: ManagedCluster, name: str, connection: Connection, **columns: object) -> None:
        rows = MachineStatus.objects.filter(replica=cluster.replica_id)
        rows = rows.filter(name=name) if name else rows
        told = {"reason": "", "remedy": "", **columns}
        rows.update(connection=connection, since=self.now, checked=self.now, **told)

    def look(self) -> None:
        watching.look_at_everything(self.now)

    def told(self) -> list[Delivery]:
        """Queue what is due and return it."""
        before = set(Delivery.everything.values_list("pk", flat=True))
        for alert in notices.due(self.now):
            notices.tell(alert, self.now)
        return list(Delivery.everything.exclude(pk__in=before).order_by("pk"))


@pytest.fixture
def earth(db: None) -> World:
    return World()


@pytest.fixture
def healthy(earth: World, europe: ManagedCluster) -> ManagedCluster:
    """Europe, all of whose machines are connected and run what is wanted."""
    for row in MachineStatus.objects.filter(replica=europe.replica_id):
        row.enforced = row.wanted
        row.save()
    earth.set(europe, "", Connection.CONNECTED)
    return europe


def channel(tenant: Tenant, name: str = "Ops", **subscription: object) -> Channel:
    """A mail channel that is subscribed to everything."""
    made = Channel(tenant=tenant, name=name, way="mail")
    made.enter({"recipients": "ops@example.com"})
    made.save()
    wanted = {"minimum": Severity.NOTICE, **subscription}
    Subscription.everything.create(tenant=tenant, channel=made, **wanted)
    return made


def lasting(**wanted: object) -> list[str]:
    """The kinds of open alerts."""
    return sorted(Alert.everything.filter(closed=None, **wanted).values_list("kind", flat=True))
