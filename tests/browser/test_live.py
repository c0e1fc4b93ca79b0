"""Open pages stay true by themselves: news appear, ages count, and a page heals without a reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import BUILD, log_in
from tests.portal.installation import Installation

HEALS = 60_000
TOUCH = """
from appliances.models import MachineStatus
from portal import signals
from portal.tenants import ManagedCluster
one = ManagedCluster.everything.get(slug="europe")
MachineStatus.objects.filter(name="rome.example").update({what})
signals.statuses_changed(one.replica_id)
"""
COMMIT = """
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import world
one = ManagedCluster.everything.get(slug="europe")
routes = world.routes(x_example="192.0.2.77")
world.define(one, CLUSTER, "smtproutes", routes, user="bob", comment="Moved by Bob")
"""
CUT_OFF = """
from django.utils import timezone
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.hints import hint, jobs_of
from portal.tenants import Tenant
acme = Tenant.objects.get()
happened(acme, None, Fact(Kind.CUT_OFF), timezone.now())
hint(jobs_of(acme.pk), "alerts")
"""

HINTS = """
from portal.hints import group_of, hint
from portal.tenants import ManagedCluster
one = ManagedCluster.everything.get(slug="europe")
for about in ("status", "settings", "alerts"):
    hint(group_of(one.replica_id), about, "europe")
"""


@pytest.fixture
def own(chromium: Browser) -> Iterator[Installation]:
    """A portal of its own, which a test may stop and break."""
    with Installation() as found:
        found.prepare(BUILD)
        found.start_web()
        yield found


@pytest.fixture
def window(chromium: Browser, own: Installation) -> Iterator[Page]:
    """Alice in front of it. What a page that heals prints on its console is no error."""
    context = chromium.new_context(base_url=own.url, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(20_000)
    log_in(page)
    yield page
    context.close()


def mark(page: Page) -> None:
    """Something that a reload would wipe away."""
    page.evaluate("() => { window.stayed = true; }")


def stayed(page: Page) -> bool:
    return bool(page.evaluate("() => window.stayed === true"))


def test_page_of_a_cluster_lives_through_everything(window: Page, own: Installation) -> None:
    """The life of one open page, in order, on one portal.

    1. A refused setting, its alert and the bell. 2. Another one's commit. 3. The portal stops: the page says
    that it is not live, and ages go on. 4. The portal is back: the page is live without a reload, and shows
    what it missed. 5. The banner of a portal without network. 6. The cluster is left: a notice, no error.
    7. The session ends: the login page.
    """
    page = window
    page.goto("/europe/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    mark(page)

    own.python(TOUCH.format(what="error='Postfix refused it'"))
    expect(page.locator("#open-alerts")).to_contain_text("rome.example: settings refused")
    expect(page.locator("#bell .count")).to_have_text("1")

    own.python(COMMIT)
    expect(page.locator("#news")).to_contain_text("bob committed")
    expect(page.locator("#news")).to_contain_text("Moved by Bob")

    own.end_web()
    expect(page.locator("[data-live-sign]")).to_have_text("not live", timeout=HEALS)
    expect(page.locator("[data-lost-news]")).to_be_visible()
    age = page.locator("#machines .card-head .as-of time").first
    before = age.inner_text()
    expect(age).not_to_have_text(before)
    own.python(TOUCH.format(what="error=''"))
    own.start_web()
    expect(page.locator("[data-live-sign]")).to_have_text("live", timeout=HEALS)
    expect(page.locator("[data-lost-news]")).to_be_hidden()
    expect(page.locator("#open-alerts")).to_have_count(0)
    expect(page.locator("#bell .count")).to_have_count(0)

    own.python(CUT_OFF)
    expect(page.locator("#banner")).to_contain_text("The portal itself has lost its network")

    own.python("from portal.tenants import *; ManagedCluster.everything.get(slug='europe').delete()")
    expect(page.locator("[data-gone]")).to_contain_text("not here any more")
    expect(page.locator("#machines")).to_contain_text("rome.example")
    assert stayed(page)

    page.goto("/alerts/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    own.python("from django.contrib.sessions.models import Session; Session.objects.all().delete()")
    own.end_web()
    own.start_web()
    expect(page).to_have_url(f"{own.url}/login/?next=/alerts/", timeout=HEALS)


def test_page_that_slept_reconnects(page: Page) -> None:
    """After sleep a socket looks open and is dead; the clock has jumped."""
    page.goto("/europe/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    mark(page)
    with page.expect_websocket():
        page.evaluate("() => { const real = Date.now.bind(Date); Date.now = () => real() + 3600000; }")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    assert stayed(page)


def test_member_who_is_removed_sees_a_notice_and_nothing_new(window: Page, own: Installation) -> None:
    page = window
    page.goto("/europe/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    own.python("from portal.tenants import *; Member.objects.all().delete()")
    expect(page.locator("[data-gone]")).to_be_visible()
    own.python(TOUCH.format(what="error='news that are no longer hers'"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("() => document.body.dispatchEvent(new CustomEvent('gatefold:status'))")
    expect(page.locator("#machines")).not_to_contain_text("no longer hers")
    assert asked == []


def test_filter_and_acknowledge_in_the_browser(window: Page, own: Installation) -> None:
    page = window
    own.python(TOUCH.format(what="error='Postfix refused it'"))
    page.goto("/alerts/")
    page.get_by_role("link", name="rome.example: settings refused").click()
    page.fill("[name=note]", "On it")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#alert")).to_contain_text("alice takes care of it")
    expect(page.locator("#bell .count")).to_have_count(0)
    page.goto("/alerts/")
    page.locator(".segments label", has_text="history").click()
    page.wait_for_url("**state=closed**")
    expect(page.locator("#alerts")).to_contain_text("Nothing has happened yet")


def test_news_that_come_together_are_fetched_once(page: Page, portal: Installation) -> None:
    """Load: a flip is a status, an alert and often new settings; each browser asks once for a part."""
    page.goto("/europe/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for round_number in (1, 2):
        with page.expect_response("**/europe/"):
            portal.python(HINTS)
        assert [url.endswith("/europe/") for url in asked].count(True) == round_number
