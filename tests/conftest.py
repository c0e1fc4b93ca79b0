"""What all tests share, and the outcomes that `make requirements` shows."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.template.base import Template
from django.test.utils import instrumented_test_render  # type: ignore[attr-defined]  # the stubs lack it
from django.utils import translation
from hypothesis import HealthCheck, settings

from tests.rows import OUTCOMES

# A busy machine must not fail a law: time is bounded for each test as a whole.
settings.register_profile("gatefold", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gatefold")


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """The language of a test's last request ends with the test."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def collected() -> None:
    """Static files as `collectstatic` leaves them, made by the first worker that shows pages."""
    storage: Any = staticfiles_storage
    root = storage.location
    with open(os.path.join(root, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not storage.manifest_storage.exists(storage.manifest_name):
            call_command("collectstatic", verbosity=0, interactive=False)
    storage.hashed_files, storage.manifest_hash = storage.load_manifest()


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """A server of the tests' own goes with all it holds, whichever thread still has a session there."""
    return bool(os.environ.get("GATEFOLD_DATABASE_URL"))


TEMPLATE: Any = Template
"""Its ways of drawing are Django's own business, and no part of its types."""

RENDER = TEMPLATE._render


@pytest.fixture(autouse=True, scope="session")
def no_contexts(django_test_environment: None) -> None:
    """Django under test copies the context of every part of every page, and few tests look into one."""
    TEMPLATE._render = RENDER


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do: an answer has its `context`."""
    monkeypatch.setattr(TEMPLATE, "_render", instrumented_test_render)


class Outcomes:
    """Keeps the outcome of each test, the worst of its parameters and phases, from run to run."""

    WORST_FIRST = ("failed", "skipped", "passed")

    def __init__(self, cache: pytest.Cache) -> None:
        self._cache = cache
        self._found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        name = report.nodeid.partition("[")[0]
        both = {report.outcome, self._found.get(name, report.outcome)}
        self._found[name] = next(each for each in self.WORST_FIRST if each in both)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._cache.set(OUTCOMES, {**self._cache.get(OUTCOMES, {}), **self._found})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files with real machines have the longest tests: begun first, they leave no worker alone at the end.
    items.sort(key=lambda item: item.get_closest_marker("root") is None)
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="Needs root: Postfix or network namespaces"))


def pytest_itemcollected(item: pytest.Item) -> None:
    names = set(getattr(item, "fixturenames", ()))
    if names & {"db", "transactional_db"} or item.get_closest_marker("django_db"):
        item.add_marker("database")


def pytest_collection_finish() -> None:
    # What is loaded now stays to the end: no later collection of garbage walks through it again.
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    # A worker tells the process that started it, which keeps them.
    if not hasattr(config, "workerinput") and getattr(config, "cache", None) is not None:
        config.pluginmanager.register(Outcomes(config.cache))
