"""Doing things to real machines from a real browser: adopt, join with a prepared key, terminal, remove."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.appliances.machine.machines import PASSPHRASE, SSH_PORT, Machine, Machines
from tests.portal.installation import Installation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(400),
]
BUILD = """
from tests.portal import world
from portal.tenants import Tenant
acme = Tenant.objects.create(name="Acme", slug="acme")
world.person("alice", "Alice Adams", administrator=acme)
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Machine, Machine]]:
    """A cluster of one, and a standalone machine."""
    found = Machines()
    (member,) = found.cluster("mx1")
    (joiner,) = found.started("mx2")
    yield member, joiner
    found.close()


@pytest.fixture(scope="module")
def portal(pair: tuple[Machine, Machine]) -> Iterator[Installation]:
    """A portal with a worker that follows the cluster."""
    with Installation() as found:
        found.prepare(BUILD)
        found.start_web()
        found.start_worker()
        yield found


@pytest.fixture
def americas(page: Page, pair: tuple[Machine, Machine]) -> Page:
    """The window after the cluster was adopted, once."""
    page.goto("/")
    if page.get_by_role("link", name="Americas").count() == 0:
        page.goto("/adopt/")
        page.fill("[name=address]", pair[0].address)
        page.fill("[name=port]", str(SSH_PORT))
        page.get_by_role("button", name="Look what answers there").click()
        page.check("[name=accepted]")
        page.fill("[name=passphrase]", PASSPHRASE)
        page.get_by_role("button", name="Adopt the cluster").click()
        page.wait_for_url("**/americas/")
    return page


def test_terminal_is_typed_on_with_the_keyboard_alone(americas: Page, chromium: Browser) -> None:
    """Section 5, row 6; CLI-02, CLI-03."""
    page = americas
    page.goto("/americas/membership/")
    page.get_by_role("link", name="Terminal").first.click()
    expect(page.get_by_role("button", name="Open the terminal")).to_be_enabled()
    page.fill("[name=passphrase]", PASSPHRASE)
    page.keyboard.press("Enter")
    screen = page.locator("[data-terminal-screen]")
    expect(screen).to_contain_text("(Machine mx1.example.com)>", timeout=20_000)
    expect(page.get_by_role("textbox", name="Terminal of mx1.example.com")).to_be_focused()
    page.keyboard.type("clustermode cluster")
    page.keyboard.press("Enter")
    expect(screen).to_contain_text("(Cluster Americas)>")
    page.keyboard.type("whoa")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(screen).to_contain_text("admin (administrator) on mx1.example.com")
    page.keyboard.type("help")
    page.keyboard.press("Enter")
    expect(page.locator("[data-terminal-past] .terminal-row").first).to_be_attached()
    page.keyboard.press("q")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.locator("[data-terminal-keys]")).not_to_be_focused()
    page.locator("[data-terminal-keys]").focus()
    page.set_viewport_size({"width": 700, "height": 700})
    page.keyboard.press("Control+u")
    page.keyboard.type("exit")
    page.keyboard.press("Enter")
    expect(page.locator("[data-terminal-trouble]")).to_contain_text("has ended the session")
    page.goto("/jobs/")
    expect(page.locator("#jobs")).to_contain_text("Terminal of mx1.example.com as admin")


def test_wrong_passphrase_of_a_terminal_is_told_in_words(americas: Page) -> None:
    page = americas
    page.goto("/americas/membership/")
    page.get_by_role("link", name="Terminal").first.click()
    expect(page.get_by_role("button", name="Open the terminal")).to_be_enabled()
    page.fill("[name=passphrase]", "guess")
    page.keyboard.press("Enter")
    expect(page.locator("[data-terminal-trouble]")).to_contain_text(
        "does not accept this user", timeout=20_000
    )
    expect(page.locator("[name=passphrase]")).to_have_value("")


def test_machine_joins_with_a_prepared_key_and_appears(americas: Page, pair: tuple[Machine, Machine]) -> None:
    """JN-12, JN-16: the portal makes the entry; section 5, row 5."""
    page, (member, joiner) = americas, pair
    page.goto("/americas/membership/")
    page.get_by_role("link", name="Join a machine").click()
    page.fill("[name=address]", joiner.address)
    page.fill("[name=port]", str(SSH_PORT))
    page.get_by_role("button", name="Look what answers there").click()
    expect(page.locator(".key").first).to_have_text(joiner.fingerprint)
    page.check("[name=accepted]")
    page.fill("[name=passphrase]", PASSPHRASE)
    page.select_option("[name=way]", "prepared")
    page.get_by_role("button", name="Look before joining").click()
    expect(page.locator(".checks .state.bad")).to_have_count(0)
    expect(page.locator("#command-1")).to_contain_text("clusterconfig prepjoin new mx2.example.com MX2")
    expect(page.locator("#command-2")).to_contain_text(re.compile(r"clusterconfig join .* --prepared$"))
    page.fill("[name=passphrase]", PASSPHRASE)
    page.get_by_role("button", name="Let it join").click()
    expect(page.locator("#job")).to_contain_text("Joined the cluster Americas")
    assert "MX2" in member.does("clusterconfig list")
    page.goto("/americas/membership/")
    expect(page.locator("#members")).to_contain_text("mx1.example.com")
    page.goto("/americas/")
    expect(page.locator("#machines")).to_contain_text("mx2.example.com", timeout=60_000)


def test_phone_has_no_sideways_scroll(americas: Page) -> None:
    page = americas
    page.set_viewport_size({"width": 390, "height": 800})
    base = "/americas/cluster/system_administration/configuration_file"
    for path in ("/americas/membership/", "/americas/membership/join/", "/create/", base):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto("/americas/membership/")
    page.get_by_role("link", name="Terminal").first.click()
    expect(page.get_by_role("button", name="Open the terminal")).to_be_enabled()
    page.fill("[name=passphrase]", PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.locator("[data-terminal-screen]")).to_contain_text("(Machine mx", timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
