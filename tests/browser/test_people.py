"""Passkeys and the pages of people in Chromium, with an authenticator that the browser plays."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portal.installation import Installation

PASSKEYS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
ADD = """
from tests.portal import world
from portal.tenants import Tenant
world.person({name!r}, "Pat Passkey", administrator=Tenant.objects.get(slug="acme"))
"""


@pytest.fixture
def window(chromium: Browser, portal: Installation) -> Iterator[Page]:
    """A fresh window at localhost, where passkeys need no HTTPS; an error on its console fails the test."""
    context = chromium.new_context(base_url=portal.url.replace("127.0.0.1", "localhost"), locale="en-GB")
    found = context.new_page()
    found.set_default_timeout(20_000)
    errors: list[str] = []
    found.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    found.on("pageerror", lambda error: errors.append(str(error)))
    yield found
    context.close()
    assert errors == []


def log_in(page: Page, name: str) -> None:
    page.goto("/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", "correct horse battery")
    page.click("form.door-card button")


def arrived(page: Page) -> None:
    expect(page.get_by_role("heading", name="All clusters")).to_be_visible()


def log_out(page: Page) -> None:
    page.click("header details[data-menu] summary")
    page.click("text=Log out")
    # With `?next=` when the page has noticed the end of the session first.
    page.wait_for_url(re.compile("/login/"))


def test_passkey_is_added_logs_in_alone_and_is_the_second_factor(window: Page, portal: Installation) -> None:
    portal.python(ADD.format(name="pat"))
    session = window.context.new_cdp_session(window)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEYS})
    log_in(window, "pat")
    arrived(window)
    window.goto("/account/2fa/webauthn/add/")
    window.fill("[name=name]", "Blue key")
    window.click("#mfa_webauthn_add")
    window.wait_for_url("**/recovery-codes/")
    expect(window.locator(".codes li")).to_have_count(10)
    window.goto("/account/2fa/webauthn/")
    expect(window.get_by_text("Blue key")).to_be_visible()
    log_out(window)
    window.click("#passkey_login")
    arrived(window)
    log_out(window)
    log_in(window, "pat")
    window.wait_for_url("**/authenticate/")
    window.goto("/account/tokens/")
    assert "/login/" in window.url or "/authenticate/" in window.url
    window.click("#mfa_webauthn_authenticate")
    arrived(window)
    window.goto("/account/2fa/webauthn/reauthenticate/?next=/account/tokens/")
    window.click("#mfa_webauthn_reauthenticate")
    window.wait_for_url("**/account/tokens/")


def test_browser_without_the_passkey_is_told_in_words(window: Page) -> None:
    session = window.context.new_cdp_session(window)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEYS})
    window.goto("/login/")
    window.click("#passkey_login")
    expect(window.locator("[data-passkey-trouble]")).to_contain_text("was not used")


def test_address_without_a_name_is_told_that_passkeys_need_one(
    chromium: Browser, portal: Installation
) -> None:
    context = chromium.new_context(base_url=portal.url, locale="en-GB")
    page = context.new_page()
    page.goto("/login/")
    page.click("#passkey_login")
    expect(page.locator("[data-passkey-trouble]")).to_contain_text("under its name")
    context.close()


def test_invitation_is_made_copied_and_accepted(
    window: Page, chromium: Browser, portal: Installation
) -> None:
    portal.python(ADD.format(name="paul"))
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_in(window, "paul")
    arrived(window)
    window.goto("/people/acme/")
    window.fill("[name=email]", "frank@acme.example")
    window.click("button[value=invite]")
    window.click("[data-copy]")
    expect(window.locator("[data-copy]").first).to_contain_text("Copied")
    link = window.evaluate("navigator.clipboard.readText()")
    guest = chromium.new_context(locale="en-GB").new_page()
    guest.goto(link)
    for name, value in (("username", "frank"), ("first_name", "Frank"), ("passphrase", "a long passphrase")):
        guest.fill(f"[name={name}]", value)
    guest.click("text=Make the account")
    guest.fill("[name=username]", "frank")
    guest.fill("[name=password]", "a long passphrase")
    guest.click("form.door-card button")
    arrived(guest)
    guest.context.close()
    window.reload()
    expect(window.get_by_role("link", name="Frank")).to_be_visible()


def test_theme_chosen_in_one_browser_is_there_in_another(
    window: Page, chromium: Browser, portal: Installation
) -> None:
    portal.python(ADD.format(name="petra"))
    log_in(window, "petra")
    arrived(window)
    window.click("header details[data-menu] summary")
    with window.expect_response("**/account/theme/"):
        window.click("[data-theme-choice=dark]")
    other = chromium.new_context(base_url=portal.url, locale="en-GB").new_page()
    log_in(other, "petra")
    arrived(other)
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    other.context.close()
