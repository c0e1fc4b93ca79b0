"""A portal in a process of its own and Chromium in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.portal.installation import Installation

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
PATIENCE = 20_000
"""Milliseconds for what a test does and for what it sees."""

expect.set_options(timeout=PATIENCE)

BUILD = """
from tests.portal import world
from clusters.modes import CLUSTER
from portal.tenants import Tenant
acme = Tenant.objects.create(name="Acme", slug="acme")
world.person("alice", "Alice Adams", administrator=acme)
names = ["berlin.example", "rome.example", "paris.example"]
one = world.cluster(acme, "Europe", names, {"Paris": ["paris.example"]})
world.define(one, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"), comment="Routes for everybody")
world.define(one, world.mode_of(one, "Paris"), "smtproutes", world.routes(a_example="192.0.2.2"))
world.report(one)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session", autouse=True)
def pages_have_files(collected: None) -> None:
    """The portal serves the files that production would."""


@pytest.fixture(scope="module")
def portal() -> Iterator[Installation]:
    """Acme with the cluster Europe, whose machines report; a real Redis and daphne, no worker."""
    with Installation() as found:
        found.prepare(BUILD)
        found.start_web()
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ends with its module: while Playwright runs, Django takes this process for asynchronous."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS.split())
        yield browser
        browser.close()


def log_in(page: Page, user: str = "alice") -> None:
    """Through the login page, to the fleet."""
    page.goto("/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", "correct horse battery")
    page.click(".door-fields .button.primary")
    page.wait_for_url("**/")


@pytest.fixture
def page(chromium: Browser, portal: Installation) -> Iterator[Page]:
    """A fresh window of Alice, logged in; an error on its console fails the test."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, base_url=portal.url, locale="en-GB"
    )
    found = context.new_page()
    found.set_default_timeout(PATIENCE)
    errors: list[str] = []
    found.on("console", lambda m: errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
    found.on("pageerror", lambda error: errors.append(str(error)))
    log_in(found)
    yield found
    context.close()
    assert [e for e in errors if "422" not in e and "409" not in e] == []
