"""Machines that are ended after the test, or after the module that shares them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.appliances.machine.machines import Machines
from tests.appliances.machine.namespaces import Wire


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.root)


@pytest.fixture
def machines() -> Iterator[Machines]:
    found = Machines()
    yield found
    found.close()


@pytest.fixture(scope="module")
def shared_machines() -> Iterator[Machines]:
    found = Machines()
    yield found
    found.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    found = Wire()
    yield found
    found.remove()
