"""One incident per outage: opened by facts, closed when they are gone, whatever comes twice or at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliances.links.errors import REMEDIES, AuthenticationFailed, HostKeyChanged, Reason, VersionMismatch
from appliances.models import Connection, MachineStatus, TaskRun, Worker
from clusters.models import HeldCommit
from clusters.modes import CLUSTER
from clusters.versions import Change, Commit, CommitId, Timestamp, settings_at
from portal.alerts import watching
from portal.alerts.incidents import Alert, Fact, acknowledge, happened
from portal.alerts.kinds import MEANINGS, Kind, Severity
from portal.tenants import ManagedCluster, Tenant
from tests.portal.alerts.conftest import NOON, World, lasting

REFUSED = "10.0.0.2 port 22 cannot be reached: Connection refused"


def test_healthy_cluster_has_no_alert(earth: World, healthy: ManagedCluster) -> None:
    earth.look()
    assert lasting() == []


def test_machine_that_goes_down_opens_one_incident_and_closes_it_when_it_is_back(
    earth: World, healthy: ManagedCluster
) -> None:
    """TRL-19, SYN-01, SYN-15: critical, because mail may stop; name, serial number and reason stand in it."""
    earth.set(healthy, "rome.example", Connection.DOWN, reason=REFUSED, remedy="Look")
    for _minute in range(5):
        earth.look()
        earth.later(60)
    one = Alert.everything.get()
    serial = MachineStatus.objects.get(name="rome.example").serial
    assert (one.kind, one.severity) == (Kind.DOWN, Severity.CRITICAL)
    assert (one.name, one.serial, one.reason) == ("rome.example", serial, REFUSED)
    assert one.seen > one.opened
    earth.set(healthy, "rome.example", Connection.CONNECTED)
    earth.look()
    one.refresh_from_db()
    assert one.closed == earth.now
    earth.look()
    assert Alert.everything.count() == 1


def test_single_lost_link_that_others_still_have_alerts_nobody(earth: World, healthy: ManagedCluster) -> None:
    """SYN-01: only when all attempts have failed."""
    earth.set(healthy, "rome.example", Connection.SUSPECT, reason="lost; berlin.example reaches it")
    earth.look()
    assert lasting() == []
    earth.later(601)
    earth.look()
    assert lasting() == [Kind.SUSPECT]
    assert Alert.everything.get().severity == Severity.NOTICE


@pytest.mark.parametrize(
    ("remedy", "kind"),
    [
        (HostKeyChanged.remedy, Kind.HOST_KEY),
        (AuthenticationFailed.remedy, Kind.AUTHENTICATION),
        (VersionMismatch.remedy, Kind.RELEASE),
        (REMEDIES[Reason.REMOVED], Kind.NOT_TAKEN),
        (REMEDIES[Reason.UNKNOWN], Kind.NOT_TAKEN),
    ],
)
def test_error_of_a_link_has_its_own_kind(
    earth: World, healthy: ManagedCluster, remedy: str, kind: Kind
) -> None:
    """SYN-15: authentication errors and "not in cluster" are critical."""
    earth.set(healthy, "rome.example", Connection.SUSPECT, reason="refused", remedy=remedy)
    earth.look()
    assert lasting() == [kind]


def test_refused_settings_are_critical_and_keep_the_words_of_postfix(
    earth: World, healthy: ManagedCluster
) -> None:
    MachineStatus.objects.filter(name="paris.example").update(error="Postfix refused it\nbad value 12x")
    earth.look()
    one = Alert.everything.get()
    assert (one.kind, one.severity) == (Kind.REFUSED, Severity.CRITICAL)
    assert "12x" in one.reason


def test_machine_that_went_back_by_itself_is_critical_until_somebody_changes_it(
    earth: World, healthy: ManagedCluster
) -> None:
    """TRL-15: whatever else is well with it."""
    rows = MachineStatus.objects.filter(name="rome.example")
    rows.update(report={"returned": {"text": "This machine went back", "detail": "", "since": 1}})
    earth.look()
    one = Alert.everything.get()
    told = (one.kind, one.severity, one.name, one.reason)
    assert told == (Kind.RETURNED, Severity.CRITICAL, "rome.example", "This machine went back")
    rows.update(report={"returned": None})
    earth.look()
    assert lasting() == []


def test_guesses_at_passphrases_are_told_for_as_long_as_they_are_refused(
    earth: World, healthy: ManagedCluster
) -> None:
    """TRU-05: on a machine with which all else is well."""
    rows = MachineStatus.objects.filter(name="rome.example")
    rows.update(
        report={"logins": {"guessed": {"text": "refused for name 'admin'", "detail": "", "since": 1}}}
    )
    earth.look()
    one = Alert.everything.get()
    told = (one.kind, one.severity, one.name, one.reason)
    assert told == (Kind.GUESSING, Severity.WARNING, "rome.example", "refused for name 'admin'")
    rows.update(report={"logins": {"guessed": None}})
    earth.look()
    assert lasting() == []


def test_settings_that_do_not_arrive_are_late_and_a_damaged_copy_is_inconsistent(
    earth: World, healthy: ManagedCluster
) -> None:
    wrong = {"wanted_since": earth.now - timedelta(minutes=6), "enforced": "abc"}
    MachineStatus.objects.filter(name="rome.example").update(**wrong)
    vector = healthy.replica.vector
    MachineStatus.objects.filter(name="paris.example").update(
        **wrong, report={"wanted": "abc", "vector": vector}
    )
    earth.look()
    assert lasting() == [Kind.INCONSISTENT, Kind.LATE]
    assert "abc" in Alert.everything.get(kind=Kind.LATE).why
    assert Alert.everything.get(kind=Kind.INCONSISTENT).name == "paris.example"


def test_disconnected_on_purpose_is_a_calm_notice(earth: World, healthy: ManagedCluster) -> None:
    earth.set(healthy, "rome.example", Connection.DISCONNECTED)
    earth.look()
    assert Alert.everything.get().severity == Severity.NOTICE
    assert lasting() == [Kind.AWAY]


def test_held_commit_names_the_machine_and_how_far_its_clock_is_ahead(
    earth: World, healthy: ManagedCluster
) -> None:
    ahead = Timestamp(int(earth.now.timestamp() * 1000) + 3_600_000, 0)
    change = Change(settings_at(CLUSTER, "smtproutes"), {"routes": []}, None)
    commit = Commit(CommitId("NW-9", 1), ahead, {}, "carol", "oslo.example", "", (change,))
    row = HeldCommit.objects.create(replica=healthy.replica, wire=commit.to_wire())
    HeldCommit.objects.filter(pk=row.pk).update(since=earth.now)
    earth.look()
    one = Alert.everything.get()
    assert (one.kind, one.name) == (Kind.HELD, "oslo.example")
    assert "3600 s ahead" in one.why
    row.delete()
    earth.look()
    assert lasting() == []


def test_connected_machine_that_takes_no_commits_is_named_with_its_reason(
    earth: World, healthy: ManagedCluster
) -> None:
    earth.set(healthy, "rome.example", Connection.CONNECTED, reason="2 commits wait there for their date")
    earth.look()
    assert lasting() == [Kind.BEHIND]


def test_news_that_stop_neither_open_nor_close_an_incident(earth: World, healthy: ManagedCluster) -> None:
    earth.set(healthy, "rome.example", Connection.DOWN, reason=REFUSED)
    earth.look()
    earth.now += timedelta(hours=1)
    earth.look()
    assert lasting(cluster=healthy) == [Kind.DOWN]


def test_dead_worker_is_one_alert_per_tenant_until_another_takes_its_place(
    earth: World, healthy: ManagedCluster, secret: ManagedCluster
) -> None:
    earth.now += timedelta(seconds=90)
    earth.look()
    assert lasting() == [Kind.WORKER, Kind.WORKER]
    assert {alert.tenant for alert in Alert.everything.all()} == {healthy.tenant, secret.tenant}
    Worker.objects.create(name="host/2", started=earth.now, seen=earth.now)
    earth.look()
    assert lasting() == []


def test_failing_task_is_an_alert_without_its_traceback(earth: World, healthy: ManagedCluster) -> None:
    TaskRun.objects.create(name="appliances.tasks.sweep", error="OperationalError: secret detail")
    earth.look()
    one = Alert.everything.get()
    assert (one.kind, one.reason) == (Kind.TASK, "")


def test_the_same_fact_never_opens_two_even_from_two_processes(europe: ManagedCluster, earth: World) -> None:
    fact = Fact(Kind.DOWN, "NW-1", "one.example")
    assert happened(europe.tenant, europe, fact, earth.now) is not None
    assert happened(europe.tenant, europe, fact, earth.now) is None
    open_one = Alert.everything.get()
    open_one.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        open_one.save(force_insert=True)


def test_worker_that_begins_anew_does_not_end_the_alert_of_a_machine_that_is_down(
    earth: World, healthy: ManagedCluster
) -> None:
    """TRL-33: until it has tried itself, it knows nothing; that a member joins is nothing of this machine."""
    earth.set(healthy, "rome.example", Connection.DOWN)
    earth.look()
    earth.set(healthy, "rome.example", Connection.UNKNOWN, reason="not reached yet")
    earth.look()
    assert lasting() == ["down"]

    earth.set(healthy, "rome.example", Connection.CONNECTED)
    earth.look()
    assert lasting() == []


CHANGES = {
    "up": {"up": True},
    "down": {"up": False},
    "joined": {"member": True},
    "removed": {"member": False},
    "away": {"away": True},
    "back": {"away": False},
}
ALERT_STEPS = st.lists(st.sampled_from([*CHANGES, "worker", "another", "later"]), max_size=10)


def connection(up: bool, member: bool, away: bool) -> Connection:
    """What a worker that has tried writes of such a machine."""
    if not member:
        return Connection.REMOVED
    if away:
        return Connection.DISCONNECTED
    return Connection.CONNECTED if up else Connection.DOWN


@given(ALERT_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_machine_has_an_open_alert_exactly_while_it_is_known_to_be_down(
    earth: World, healthy: ManagedCluster, steps: list[str]
) -> None:
    """TRL-33: whatever happens to it, to others and to the worker."""
    with transaction.atomic():
        earth.now, fact, down = NOON, {"up": True, "member": True, "away": False}, False
        for step in steps:
            change = CHANGES.get(step, {})
            fact |= change
            if step == "later":
                earth.later(40 * 60)
            if step == "another":
                earth.set(healthy, "paris.example", Connection.DOWN)
            state = connection(**fact)
            unknown = step == "worker" and state in (Connection.CONNECTED, Connection.DOWN)
            earth.set(healthy, "rome.example", Connection.UNKNOWN if unknown else state)
            earth.look()
            down = down if unknown else state is Connection.DOWN
            found = Alert.everything.filter(kind=Kind.DOWN, name="rome.example")
            assert found.filter(closed=None).count() == down
        transaction.set_rollback(True)


def test_what_comes_back_soon_is_the_same_incident_counted(earth: World, healthy: ManagedCluster) -> None:
    for _time in range(3):
        earth.set(healthy, "rome.example", Connection.DOWN)
        earth.look()
        earth.later(60)
        earth.set(healthy, "rome.example", Connection.CONNECTED)
        earth.look()
        earth.later(60)
    assert Alert.everything.get().count == 3
    earth.later(3600)
    earth.set(healthy, "rome.example", Connection.DOWN)
    earth.look()
    assert Alert.everything.count() == 2


def test_portal_without_network_is_one_alert_and_not_hundreds(
    earth: World, healthy: ManagedCluster, secret: ManagedCluster, acme: Tenant
) -> None:
    """Design, section 6: unknown, the portal itself has no news."""
    earth.set(secret, "", Connection.CONNECTED)
    earth.look()
    earth.set(healthy, "rome.example", Connection.DOWN, reason="timed out")
    earth.look()
    assert lasting() == [Kind.DOWN]
    earth.later(30)
    earth.set(healthy, "berlin.example", Connection.SUSPECT)
    earth.set(healthy, "paris.example", Connection.DOWN)
    earth.set(secret, "", Connection.DOWN)
    watching.look_at_cluster(secret.replica_id, earth.now)
    assert lasting() == [Kind.CUT_OFF, Kind.CUT_OFF]
    assert lasting(tenant=acme) == [Kind.CUT_OFF]
    assert watching.cut_off(acme.pk)
    earth.later(60)
    earth.look()
    assert lasting(tenant=acme) == [Kind.CUT_OFF]
    for cluster in (healthy, secret):
        earth.set(cluster, "", Connection.CONNECTED)
    earth.look()
    assert lasting() == []


def test_machines_that_went_down_one_after_the_other_are_outages_of_their_own(
    earth: World, healthy: ManagedCluster
) -> None:
    for name in ("rome.example", "berlin.example", "paris.example"):
        earth.set(healthy, name, Connection.DOWN)
        earth.look()
        earth.later(600)
    assert lasting() == [Kind.DOWN] * 3


def test_machine_that_was_down_before_the_network_went_stays_down_in_the_list(
    earth: World, healthy: ManagedCluster
) -> None:
    earth.set(healthy, "rome.example", Connection.DOWN)
    earth.look()
    earth.later(1200)
    earth.set(healthy, "berlin.example", Connection.DOWN)
    earth.set(healthy, "paris.example", Connection.DOWN)
    earth.look()
    assert lasting() == [Kind.CUT_OFF, Kind.DOWN]
    assert Alert.everything.get(kind=Kind.DOWN, closed=None).name == "rome.example"


def test_acknowledging_is_taken_once(earth: World, healthy: ManagedCluster, alice: User, bob: User) -> None:
    earth.set(healthy, "rome.example", Connection.DOWN)
    earth.look()
    one = Alert.everything.get()
    assert acknowledge(one, bob, "mine", earth.now)
    assert not acknowledge(one, alice, "no, mine", earth.now)
    one.refresh_from_db()
    assert (one.acknowledged_by, one.note) == (bob, "mine")


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Kind)
