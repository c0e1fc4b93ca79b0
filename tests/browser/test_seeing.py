"""What is to be seen, in a real browser: a machine, the matrix, the map of links, search, time travel."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE
from tests.portal.installation import Installation

REPORT = """
from django.utils import timezone
from appliances.following import statuses, worker
from appliances.models import MachineStatus
row = MachineStatus.objects.get(name="rome.example")
statuses.heard(row.replica_id, row.serial, {
    "serial": row.serial, "enforced": row.wanted, "wanted": row.wanted, "release": "0.1.0",
    "as_of": int(timezone.now().timestamp() * 1000), "notes": ["Seen without a reload"],
    "links": [{"serial": "PORTAL-TEST", "name": "portal", "kind": "portal", "state": "connected"}],
})
worker.changed.send(sender=None, replica_id=row.replica_id)
"""


def machine_href(page: Page, name: str = "rome.example") -> str:
    page.goto("/europe/")
    return str(page.get_by_role("link", name=name).first.get_attribute("href"))


def test_machine_is_the_first_page_after_choosing_it_and_follows_its_reports(
    page: Page, portal: Installation
) -> None:
    """GUI-02."""
    href = machine_href(page)
    assert re.fullmatch(r"/europe/machine/[^/]+/monitor/overview", href)
    page.goto(href)
    expect(page.locator("[data-live-sign]")).to_have_attribute("data-live", "live")
    portal.python(REPORT)
    expect(page.locator("#machine-now")).to_contain_text("Seen without a reload")
    expect(page.locator("#machine-links")).to_contain_text("portal")


def test_machine_pages_let_a_person_choose_another_machine(page: Page) -> None:
    """GUI-04, GUI-13, GUI-15: the box says whose data it is, and Change Mode keeps to the page."""
    page.goto(machine_href(page))
    expect(page.locator("[data-mode]")).to_contain_text("this machine only")
    page.locator(".change-mode summary").click()
    page.locator(".change-mode").get_by_role("link", name="berlin.example").click()
    expect(page.locator("h1")).to_have_text("berlin.example")
    page.locator(".change-mode summary").click()
    page.locator(".change-mode").get_by_role("link", name="Europe").click()
    expect(page.locator("main")).to_contain_text("Choose the machine")
    page.locator(".side nav a", has_text="SMTP Routes").click()
    expect(page.locator("[data-mode]")).to_contain_text("Settings are defined here")


def test_matrix_is_filtered_by_typing(page: Page) -> None:
    page.goto("/europe/matrix/")
    columns = page.locator("table.matrix thead th")
    expect(columns).to_have_count(7)
    page.locator("main [name=q]").press_sequentially("rome")
    expect(columns).to_have_count(3)
    expect(page).to_have_url(re.compile("q=rome"))
    page.locator("main [name=q]").fill("")
    page.locator("[name=differing]").check()
    expect(columns).to_have_count(3)
    page.get_by_role("link", name="defined here").last.click()
    expect(page.locator("h1")).to_have_text("SMTP Routes")


@pytest.mark.parametrize("news_first", [True, False])
def test_matrix_keeps_a_typed_filter_when_news_come_beside_it(page: Page, news_first: bool) -> None:
    """Whichever was asked first, and though both answers are late: the table is the filtered one."""
    page.goto("/europe/matrix/", wait_until="networkidle")
    columns, field = page.locator("table.matrix thead th"), page.locator("main [name=q]")
    held: list[Route] = []
    page.route(re.compile("/europe/matrix/"), lambda route: held.append(route), times=1)
    news = "document.body.dispatchEvent(new Event('gatefold:settings'))"
    field.fill("rome")
    if news_first:
        page.evaluate(news)
    field.press("Enter")
    if not news_first:
        page.evaluate(news)
    until(page, lambda: bool(held))
    assert ("q=rome" in held[0].request.url) is not news_first
    assert columns.count() == 7
    held[0].continue_()
    expect(columns).to_have_count(3)
    for _more in range(2):
        page.wait_for_load_state("networkidle")
        expect(columns).to_have_count(3)
        page.evaluate(news)


def until(page: Page, fact: Callable[[], bool]) -> None:
    """Waits for a fact outside of the page, whose events are handled meanwhile."""
    end = time.monotonic() + PATIENCE / 1000
    while not fact():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


@pytest.mark.parametrize(("path", "typed"), [("/europe/matrix/", "rome"), ("/search/", "berlin")])
def test_back_after_typing_shows_the_whole_page_as_it_was(page: Page, path: str, typed: str) -> None:
    page.goto(path, wait_until="networkidle")
    headline = page.locator("h1").inner_text()
    page.locator("main [name=q]").fill(typed)
    expect(page).to_have_url(re.compile(f"q={typed}"))
    page.go_back()
    expect(page).to_have_url(re.compile(f"{path}$"))
    expect(page.locator("main [name=q]")).to_have_value("")
    expect(page.locator("h1")).to_have_text(headline)
    page.go_forward()
    expect(page.locator("main [name=q]")).to_have_value(typed)
    expect(page.locator("h1")).to_have_text(headline)


def test_link_in_trouble_is_reached_from_the_drawing_by_keyboard(page: Page, portal: Installation) -> None:
    portal.python(
        "from appliances.following import statuses\n"
        "from appliances.models import *\n"
        "row = MachineStatus.objects.get(name='paris.example')\n"
        "statuses.connection(row.replica_id, row.serial, Connection.DOWN, 'Nothing answers', 'Look there')\n"
    )
    page.goto("/europe/links/")
    edge = page.locator("svg.ring a.edge")
    expect(edge).to_have_count(1)
    expect(edge).to_have_attribute(
        "aria-label", re.compile("paris.example: down. Nothing answers. Look there")
    )
    edge.focus()
    page.keyboard.press("Enter")
    assert "#link-" in page.url
    expect(page.locator("tr:target")).to_contain_text("Look there")
    with page.expect_response(lambda answer: "/europe/links/" in answer.url):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('gatefold:status'))")
    expect(page.locator("#links")).not_to_have_class(re.compile("htmx-"))
    expect(page.locator("tr:target")).to_contain_text("Look there")


def test_search_finds_while_typing_and_opens_the_settings(page: Page) -> None:
    page.goto("/europe/")
    page.locator(".bar-search input").fill("a.example")
    page.keyboard.press("Enter")
    expect(page.locator("#found mark").first).to_be_visible()
    page.locator("main [name=q]").fill("192.0.2.2")
    hit = page.locator("#found").get_by_role("link", name="SMTP Routes")
    expect(hit).to_have_count(1)
    hit.click()
    expect(page.locator(".cm-box")).to_contain_text("Paris")


def test_past_is_chosen_and_left_again(page: Page) -> None:
    page.goto("/europe/cluster/network/smtp_routes")
    expect(page.locator("[data-past]")).to_have_count(0)
    page.locator(".past-menu summary").click()
    page.locator(".past-menu").get_by_role("button", name="Show").click()
    expect(page.locator("[data-past]")).to_contain_text("Nothing can be changed here")
    expect(page.locator("form[data-settings-form]")).to_have_count(0)
    page.get_by_role("link", name="Back to now").click()
    expect(page.locator("[data-past]")).to_have_count(0)
    expect(page.locator("form[data-settings-form]")).to_have_count(1)


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_have_no_sideways_scroll(page: Page, width: int) -> None:
    href = machine_href(page)
    page.set_viewport_size({"width": width, "height": 800})
    for path in (
        href,
        "/europe/cluster/monitor/overview",
        "/europe/matrix/",
        "/europe/links/",
        "/search/?q=example",
        "/europe/cluster/network/smtp_routes?at=2020-01-01",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
