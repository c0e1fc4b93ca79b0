"""Login by a provider in Chromium: the policy of our pages lets the form lead there, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.portal.installation import Installation
from tests.portal.test_provider import Provider, running


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as found:
        yield found


@pytest.fixture
def installed(provider: Provider) -> Iterator[Installation]:
    """A portal of its own whose environment file names the provider."""
    with Installation() as found:
        told = {"": "corp", "_CORP_URL": provider.url, "_CORP_CLIENT": "gatefold", "_CORP_SECRET": "x"}
        lines = [f"GATEFOLD_OIDC{name}={value}" for name, value in told.items()]
        (found.var / "portal" / "environment").write_text("\n".join(lines))
        found.prepare()
        found.start_web()
        yield found


def test_person_logs_in_by_a_provider(installed: Installation, chromium: Browser) -> None:
    page = chromium.new_context(base_url=installed.url, locale="en-GB").new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto("/login/")
    page.click("text=Log in with Corp")
    expect(page.get_by_role("heading", name="Nothing to see yet")).to_be_visible(timeout=20_000)
    page.goto("/account/providers/")
    expect(page.get_by_text("Corp").first).to_be_visible()
    assert errors == []
    page.context.close()
