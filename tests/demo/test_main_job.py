"""The main job, end to end: one commit, and real mail on real machines follows it.

Three scenes in one demo, because starting eight real machines takes a while: from the portal, from the
command line with the portal stopped, and the portal again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.demo.demonstration import IN_ORDER, NET, Demonstration, typed, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.browser, pytest.mark.timeout(900)]

NEWYORK, LOSANGELES, TORONTO, MONTREAL = (f"{NET}.1.{n}" for n in (1, 2, 3, 4))
DOMAIN = "northwind.example"
CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


@pytest.fixture
def demo() -> Iterator[Demonstration]:
    found = Demonstration()
    try:
        yield found
    finally:
        found.end()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM.split())
        try:
            yield browser.new_page(viewport={"width": 1280, "height": 900})
        finally:
            browser.close()


def sinks(demo: Demonstration) -> dict[str, str]:
    """Where mail for the domain lands now, by machine."""
    return {a: demo.sink_of(a, DOMAIN) for a in (NEWYORK, LOSANGELES, TORONTO, MONTREAL)}


def log_in(page: Page, demo: Demonstration, name: str) -> None:
    page.context.clear_cookies()
    page.goto(demo.portal)
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "gatefold-demo")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{demo.portal}/")


def await_route(sink: str) -> None:
    """Until newyork itself says that mail sees a route to that sink, and enforces what is wanted."""

    def done() -> bool:
        state = typed(NEWYORK, "status --json")
        routes = typed(NEWYORK, "smtproutes show --json")
        if state.returncode or routes.returncode:
            return False
        said = json.loads(state.stdout)
        return said["wanted"] == said["enforced"] and sink in routes.stdout

    wait_for(done, f"newyork enforces {sink}", 60)


def test_one_commit_moves_mail_and_the_page_said_whose(demo: Demonstration, page: Page) -> None:
    demo.start()
    assert IN_ORDER in demo.said
    assert sinks(demo) == {
        NEWYORK: "mailstore-east",
        LOSANGELES: "mailstore-west",
        TORONTO: "mailstore-west",
        MONTREAL: "mailstore-west",
    }
    _from_the_portal(demo, page)
    demo.stop()
    assert demo.processes() == []
    demo.start(portal=False)
    _from_the_command_line(demo)
    demo.stop()
    demo.start()
    _the_portal_has_heard(demo, page)


def _from_the_portal(demo: Demonstration, page: Page) -> None:
    log_in(page, demo, "alice")
    page.goto(f"{demo.portal}/americas/cluster/network/smtp_routes")
    page.fill(f'input[value="{NET}.200.1"]', f"{NET}.200.3")
    page.click("form[data-settings-form] button.primary")
    page.goto(f"{demo.portal}/americas/pending/")
    reached = page.eval_on_selector_all("[data-impact]", "all => all.map(one => one.dataset.impact)")
    assert reached == ["NW-0001"]
    for name in ("losangeles", "toronto", "montreal"):
        assert name in page.inner_text(".card-foot")
    assert f"[{NET}.200.3]:2526" in page.text_content("[data-impact] .diff")
    page.fill("input[name=comment]", "To the archive")
    page.click("button[value=commit]")
    page.wait_for_url("**/americas/history/**")
    await_route(f"{NET}.200.3")
    assert sinks(demo) == {
        NEWYORK: "archive",
        LOSANGELES: "mailstore-west",
        TORONTO: "mailstore-west",
        MONTREAL: "mailstore-west",
    }


def _from_the_command_line(demo: Demonstration) -> None:
    line = f'clustermode cluster; smtproutes set {DOMAIN} {NET}.200.4:2526; commit -m "To the partners"'
    done = typed(TORONTO, line)
    assert done.returncode == 0, done.stderr
    assert "losangeles" in done.stdout + done.stderr
    await_route(f"{NET}.200.4")
    assert sinks(demo)[NEWYORK] == "partners"
    assert sinks(demo)[LOSANGELES] == "mailstore-west"


def _the_portal_has_heard(demo: Demonstration, page: Page) -> None:
    log_in(page, demo, "bob")

    def shown() -> bool:
        page.goto(f"{demo.portal}/americas/history/")
        return "To the partners" in page.inner_text("main")

    wait_for(shown, "the commit made while the portal was stopped is in its history", 60)
    assert "admin" in page.inner_text("main")
    assert "toronto.americas.northwind.example" in page.inner_text("main")
