"""When who is told: growing intervals, acknowledgement, maintenance windows, subscriptions, digests."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User

from appliances.models import Connection, MachineStatus
from portal.alerts import digests, notices, windows
from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert, acknowledge
from portal.alerts.kinds import Severity
from portal.alerts.routing import Digest
from portal.alerts.windows import MaintenanceWindow
from portal.tenants import ManagedCluster, Tenant
from tests.portal.alerts.conftest import NOON, World, channel

FLAPPING = 12 * 60


def refuse(refused: bool) -> None:
    MachineStatus.objects.filter(name="rome.example").update(error="refused" if refused else "")


def seconds(earth: World) -> int:
    return int((earth.now - NOON).total_seconds())


def test_flapping_is_told_with_growing_intervals(earth: World, healthy: ManagedCluster, acme: Tenant) -> None:
    """SYN-16: 5, 15, 35, 75, 155, 315 seconds after the first, though it flips every third second."""
    channel(acme)
    moments = []
    for second in range(FLAPPING):
        if second % 3 == 0:
            refuse(second % 6 == 0)
            earth.look()
        if earth.told():
            moments.append(seconds(earth))
        earth.later(1)
    assert moments == [0, 5, 15, 35, 75, 155, 315, 635]
    assert Alert.everything.count() == 1
    assert Alert.everything.get().count == FLAPPING / 6


def test_interval_has_a_cap(earth: World, healthy: ManagedCluster, acme: Tenant) -> None:
    """SYN-16."""
    channel(acme)
    moments = []
    for minute in range(6 * 60):
        refuse(minute % 2 == 0)
        earth.look()
        if earth.told():
            moments.append(minute)
        earth.later(60)
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps[-1] == gaps[-2] == 60


def test_what_lasts_is_told_again_ever_more_rarely(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    """SYN-16, with a base of five minutes for what lasts."""
    channel(acme)
    refuse(True)
    moments = []
    for _minute in range(400):
        earth.look()
        if earth.told():
            moments.append(seconds(earth) // 60)
        earth.later(60)
    assert moments == [0, 5, 15, 35, 75, 155, 315]


def test_machine_that_is_back_within_a_minute_troubles_nobody(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    channel(acme)
    earth.set(healthy, "rome.example", Connection.DOWN)
    earth.look()
    earth.later(40)
    earth.set(healthy, "rome.example", Connection.CONNECTED)
    earth.look()
    earth.later(600)
    assert earth.told() == []
    assert Alert.everything.get().closed is not None


def test_end_is_told_to_those_who_were_told_of_the_beginning(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    channel(acme)
    channel(acme, "Silent at the end", recovery=False)
    refuse(True)
    earth.look()
    assert len(earth.told()) == 2
    earth.later(120)
    refuse(False)
    earth.look()
    over = earth.told()
    assert [row.channel.name for row in over] == ["Ops"]
    assert over[0].title.startswith("[over] rome.example")
    assert over[0].data["event"] == "closed"
    earth.later(3600)
    assert earth.told() == []


def test_acknowledged_incident_is_told_no_more_until_it_is_over(
    earth: World, healthy: ManagedCluster, acme: Tenant, bob: User
) -> None:
    channel(acme)
    refuse(True)
    earth.look()
    assert len(earth.told()) == 1
    acknowledge(Alert.everything.get(), bob, "", earth.now)
    earth.later(24 * 3600)
    earth.look()
    assert earth.told() == []
    refuse(False)
    earth.look()
    assert len(earth.told()) == 1


def test_outage_that_comes_back_is_told_although_the_last_one_was_acknowledged(
    earth: World, healthy: ManagedCluster, acme: Tenant, bob: User
) -> None:
    """TRL-33: somebody took care of the first outage; of the second nobody knows."""
    channel(acme)
    refuse(True)
    earth.look()
    assert len(earth.told()) == 1
    acknowledge(Alert.everything.get(), bob, "mine", earth.now)
    refuse(False)
    earth.later(60)
    earth.look()
    assert len(earth.told()) == 1
    refuse(True)
    earth.later(60)
    earth.look()

    (told,) = earth.told()
    assert told.data["event"] != "closed"
    found = Alert.everything.get()
    assert (found.acknowledged, found.acknowledged_by, found.note) == (None, None, "")


def test_maintenance_is_recorded_and_told_at_its_end_where_it_still_lasts(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    channel(acme)
    ends = earth.now + timedelta(hours=2)
    MaintenanceWindow.everything.create(
        tenant=acme, cluster=healthy, begins=earth.now, ends=ends, reason="New switches"
    )
    refuse(True)
    earth.set(healthy, "paris.example", Connection.DOWN)
    earth.look()
    assert Alert.everything.filter(closed=None).count() == 2
    earth.later(3600)
    assert earth.told() == []
    earth.set(healthy, "paris.example", Connection.CONNECTED)
    earth.look()
    assert earth.told() == []
    earth.later(3601)
    assert [row.data["name"] for row in earth.told()] == ["rome.example"]


def test_window_of_one_machine_leaves_the_others_loud_and_ends_early(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    channel(acme)
    rome = MachineStatus.objects.get(name="rome.example").serial
    window = MaintenanceWindow.everything.create(
        tenant=acme,
        cluster=healthy,
        serial=rome,
        begins=earth.now - timedelta(hours=1),
        ends=earth.now + timedelta(hours=9),
        reason="Disk",
    )
    MachineStatus.objects.filter(name__in=["rome.example", "paris.example"]).update(error="refused")
    earth.look()
    assert [row.data["name"] for row in earth.told()] == ["paris.example"]
    earth.later(5)
    windows.end(window, earth.now)
    assert [row.data["name"] for row in earth.told()] == ["rome.example"]


@pytest.mark.parametrize(
    ("subscription", "told"),
    [
        ({"minimum": Severity.CRITICAL}, 1),
        ({"kinds": ["down", "refused"]}, 1),
        ({"kinds": ["down"]}, 0),
        ({"reminders": False}, 1),
    ],
)
def test_subscription_chooses(
    earth: World, healthy: ManagedCluster, acme: Tenant, subscription: dict[str, object], told: int
) -> None:
    channel(acme, **subscription)
    refuse(True)
    earth.look()
    assert len(earth.told()) == told
    earth.later(301)
    assert len(earth.told()) == (told if subscription.get("reminders", True) else 0)


def test_subscription_of_one_cluster_hears_of_it_and_of_the_portal_alone(
    earth: World, healthy: ManagedCluster, acme: Tenant, secret: ManagedCluster, umbra: Tenant
) -> None:
    channel(umbra, cluster=secret)
    channel(acme, cluster=healthy)
    channel(acme, "Twice", cluster=None)
    refuse(True)
    earth.look()
    assert {row.channel.name for row in earth.told()} == {"Ops", "Twice"}
    earth.now += timedelta(seconds=90)
    earth.look()
    assert sorted((row.tenant.slug, row.data["kind"]) for row in earth.told()) == [
        ("acme", "worker"),
        ("acme", "worker"),
        ("umbra", "worker"),
    ]


def test_two_couriers_tell_it_once(earth: World, healthy: ManagedCluster, acme: Tenant) -> None:
    channel(acme)
    refuse(True)
    earth.look()
    first, second = notices.due(earth.now)[0], notices.due(earth.now)[0]
    assert len(notices.tell(first, earth.now)) == 1
    assert notices.tell(second, earth.now) == []
    assert Delivery.everything.count() == 1


def test_notice_speaks_the_language_of_its_channel_in_one_line(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    made = channel(acme)
    made.language = "ja"
    made.save()
    refuse(True)
    earth.look()
    row = earth.told()[0]
    assert "設定" in row.title
    assert "\n" not in row.title


def test_digest_comes_once_a_day_in_its_zone_and_not_when_all_is_well(
    earth: World, healthy: ManagedCluster, acme: Tenant
) -> None:
    made = channel(acme)
    Digest.everything.create(tenant=acme, channel=made, hour=8, zone="Asia/Tokyo")
    assert digests.send_due(earth.now) == []
    refuse(True)
    earth.look()
    earth.now = NOON + timedelta(hours=10)
    assert digests.send_due(earth.now) == [], "07:00 in Tokyo"
    earth.now += timedelta(hours=1)
    found = digests.send_due(earth.now)
    assert len(found) == 1
    assert "rome.example" in Delivery.everything.get(pk=found[0]).body
    assert digests.send_due(earth.now + timedelta(hours=2)) == []
    assert len(digests.send_due(earth.now + timedelta(days=1))) == 1
