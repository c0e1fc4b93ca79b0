"""Incidents of a machine: one per outage, counted when repeated, closed when it heals."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliances.links.states import Event, EventKind, State
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
    alerts.happened(event(EventKind.DOWN))
    assert len(alerts.all()) == 2


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
    for number in range(MOST + 5):
        alerts.happened(event(EventKind.DOWN, f"MX{number}"))

    again = Alerts(tmp_path / "alerts.json")

    assert len(again.all()) == MOST
    assert again.all() == alerts.all()


def test_broken_file_costs_the_old_incidents_only(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text("[{")

    alerts = Alerts(tmp_path / "alerts.json")
    alerts.happened(event(EventKind.DOWN))

    assert len(alerts.open()) == 1
