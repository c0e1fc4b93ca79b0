"""Incidents of a machine: one per outage, counted when repeated, closed when it heals."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliances.links.states import Event, EventKind, State
from appliances.machine import alerts as machine_alerts
from appliances.machine.alerts import MOST, Alerts


def event(kind: EventKind, serial: str = "MX2", state: State = State.DOWN, repeated: int = 0) -> Event:
    return Event(kind, serial, f"{serial.lower()}.example.com", state, "nobody reaches it", 0.0, repeated)


@pytest.fixture
def alerts(tmp_path: Path) -> Alerts:
    return Alerts(tmp_path / "alerts.json")


def test_outage_is_one_incident_however_often_it_is_repeated(alerts: Alerts) -> None:
    """SYN-01, SYN-16."""
    for repeated in range(4):
        alerts.happened(event(EventKind.DOWN, repeated=repeated))

    (found,) = alerts.open()
    assert (found.severity, found.count, found.name) == ("critical", 4, "mx2.example.com")
    alerts.happened(event(EventKind.UP, state=State.CONNECTED))
    assert not alerts.open()
    assert alerts.all()[0].until is not None


def test_outage_that_comes_back_soon_is_the_same_incident_and_open_again(alerts: Alerts) -> None:
    """TRL-33: "There are no alerts" never stands beside "down"."""
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.UP, state=State.CONNECTED))
    alerts.happened(event(EventKind.DOWN))

    assert [(found.count, found.until) for found in alerts.all()] == [(2, None)]


def test_outage_long_after_another_is_one_of_its_own(alerts: Alerts, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.UP, state=State.CONNECTED))
    later = machine_alerts.now() + machine_alerts.REOPEN + 1
    monkeypatch.setattr(machine_alerts, "now", lambda: later)
    alerts.happened(event(EventKind.DOWN))

    assert [found.count for found in alerts.all()] == [1, 1]


def test_alert_of_who_is_down_outlives_every_change_of_others(alerts: Alerts) -> None:
    """TRL-33: only its own removal, or that it is taken out on purpose, ends it."""
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.HOST_KEY))
    alerts.follow({"MX2": False, "MX3": True})
    assert len(alerts.open()) == 2

    alerts.follow({"MX2": True})
    assert [(found.kind, found.ended) for found in alerts.all() if found.until] == [
        ("down", "disconnected on purpose")
    ]
    alerts.follow({})
    assert not alerts.open()


def test_machine_that_others_reach_is_not_down(alerts: Alerts) -> None:
    """TRL-33: in a large cluster it may be no neighbour of this one any more."""
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.DOWN, "MX3"))

    alerts.reached({"MX2"}, "mx9.example.com")

    assert [found.serial for found in alerts.open()] == ["MX3"]
    assert "mx9.example.com reaches it" in [found.ended for found in alerts.all()]


def test_machine_that_is_heard_of_again_may_still_refuse_us(alerts: Alerts) -> None:
    """TRL-33: that it is up says nothing of its host key."""
    alerts.happened(event(EventKind.HOST_KEY))
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.UP, state=State.SUSPECT))

    assert [found.kind for found in alerts.open()] == ["host-key"]


def test_refusal_and_another_host_key_are_critical(alerts: Alerts) -> None:
    """SYN-15."""
    alerts.happened(event(EventKind.REFUSED))
    alerts.happened(event(EventKind.HOST_KEY, "MX3"))

    assert [found.severity for found in alerts.open()] == ["critical", "critical"]
    alerts.happened(event(EventKind.CHANGED, state=State.CONNECTED))
    assert [found.serial for found in alerts.open()] == ["MX3"]


def test_change_that_heals_nothing_closes_nothing(alerts: Alerts) -> None:
    alerts.happened(event(EventKind.DOWN))
    alerts.happened(event(EventKind.CHANGED, state=State.SUSPECT))

    assert len(alerts.open()) == 1


def test_incidents_outlive_the_program_and_are_bounded(alerts: Alerts, tmp_path: Path) -> None:
    alerts.happened(event(EventKind.DOWN, "LASTS"))
    for number in range(MOST + 5):
        alerts.happened(event(EventKind.DOWN, f"MX{number}"))
        alerts.happened(event(EventKind.UP, f"MX{number}", State.CONNECTED))

    again = Alerts(tmp_path / "alerts.json")

    assert len(again.all()) == MOST
    assert again.all() == alerts.all()
    assert [found.serial for found in again.open()] == ["LASTS"]


def test_broken_file_costs_the_old_incidents_only(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text("[{")

    alerts = Alerts(tmp_path / "alerts.json")
    alerts.happened(event(EventKind.DOWN))

    assert len(alerts.open()) == 1
