"""People at a machine, without a daemon."""

from __future__ import annotations

import pytest

from tests.appliances.cli.hosts import Person, QuietHost, clustered_host, standalone_host


@pytest.fixture
def standalone(db: None) -> QuietHost:
    return standalone_host()


@pytest.fixture
def clustered(db: None) -> QuietHost:
    return clustered_host()


@pytest.fixture
def admin(clustered: QuietHost) -> Person:
    """An administrator at a terminal of mx1."""
    return Person.at(clustered)


@pytest.fixture
def script(clustered: QuietHost) -> Person:
    """The same as a script."""
    return Person.at(clustered, interactive=False)
