"""Real machines for tests of mail: one fleet per worker, reset before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.mail.fleets import Fleet
from tests.mail.gateways import Loop, Sink


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "mail":
            item.add_marker(pytest.mark.root)


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    running = Loop()
    yield running
    running.stop()


@pytest.fixture
def make_sink(loop: Loop) -> Iterator[Callable[..., Sink]]:
    """Starts sinks that are stopped after the test."""
    started: list[Sink] = []

    def make(**options: object) -> Sink:
        started.append(Sink(loop, **options).start())  # type: ignore[arg-type]  # passes options on
        return started[-1]

    yield make
    for sink in started:
        sink.stop()


@pytest.fixture(scope="session")
def running_sink(loop: Loop) -> Iterator[Sink]:
    sink = Sink(loop).start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(running_sink: Sink) -> Sink:
    """Where the fleet sends mail unless a test says otherwise."""
    running_sink.forget()
    return running_sink


@pytest.fixture(scope="session")
def running_fleet(loop: Loop) -> Iterator[Fleet]:
    fleet = Fleet(loop)
    yield fleet
    fleet.stop()


@pytest.fixture
def fleet(running_fleet: Fleet, sink: Sink) -> Fleet:
    """Three real machines with the base settings."""
    running_fleet.reset(sink.ip)
    return running_fleet
