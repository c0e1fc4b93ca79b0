"""Every page of the portal, with something on it, for everybody: by eye, on a phone, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from portal.demo.sights import SIGHTS, Sight, come_to
from tests.browser.conftest import log_in
from tests.portal.installation import Installation

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
ROUTES = "/europe/cluster/network/smtp_routes"
HERE = (
    *SIGHTS,
    Sight("load-file", "/{cluster}/configuration_file/load/1/"),
    Sight("terminal", "/{cluster}/membership/", "terminal"),
)


@pytest.fixture(scope="module")
def portal() -> Iterator[Installation]:
    """A portal where no page is empty."""
    with Installation() as found:
        found.prepare("from tests.browser.full_world import build; build()")
        found.start_web()
        yield found


def violations(page: Page) -> list[str]:
    """What axe-core finds in the light, and which colours it minds in the dark."""
    page.emulate_media(color_scheme="light")
    found = Axe().run(page, options=RULES).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options=COLOURS).response["violations"]
    return [
        f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]
    ]


@pytest.mark.timeout(300)
def test_every_page_keeps_the_rules_of_accessibility(chromium: Browser, portal: Installation) -> None:
    """WCAG 2.2 AA, as far as axe-core can tell. Its script needs a way past the CSP, in this window only."""
    context = chromium.new_context(
        base_url=portal.url, reduced_motion="reduce", bypass_csp=True, locale="en-GB"
    )
    page = context.new_page()
    page.goto("/login/")
    found = {"login": violations(page)}
    log_in(page)
    for sight in HERE:
        assert come_to(page, sight, "europe", "acme"), sight.name
        found[sight.name] = violations(page)
    context.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_page_scrolls_sideways_on_a_phone_nor_says_anything_on_the_console(
    chromium: Browser, portal: Installation
) -> None:
    context = chromium.new_context(
        base_url=portal.url, viewport={"width": 390, "height": 844}, locale="en-GB"
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(f"{page.url}: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    log_in(page)
    wide = {}
    for sight in HERE:
        assert come_to(page, sight, "europe", "acme"), sight.name
        wide[sight.name] = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert {name: width for name, width in wide.items() if width > 390} == {}
    assert [line for line in said if "404" not in line] == []


@pytest.mark.parametrize("name", ["gus", "rita", "root"])
def test_every_link_of_every_role_leads_somewhere(chromium: Browser, portal: Installation, name: str) -> None:
    """A guest, one who only reads, and a superuser follow each link of the pages that lead to others."""
    context = chromium.new_context(base_url=portal.url, locale="en-GB")
    page = context.new_page()
    log_in(page, name)
    seen: set[str] = set()
    starts = ["/admin/"] if name == "root" else ["/", "/europe/", "/account/", "/alerts/", "/jobs/"]
    for start in starts:
        page.goto(start)
        hrefs = page.locator("a[href]").evaluate_all("all => all.map(one => one.href.split('#')[0])")
        seen.update(href for href in hrefs if href.startswith(portal.url) and "logout" not in href)
    answers = {href: page.request.get(href).status for href in sorted(seen)}
    context.close()
    assert {href: status for href, status in answers.items() if status != 200} == {}


def test_keyboard_chooses_a_mode_and_reaches_everything_of_a_feature(page: Page) -> None:
    """Tab goes through the whole page in its order, and nothing holds it."""
    page.goto(ROUTES)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.locator(".change-mode > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".change-mode .menu-list a").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".change-mode .menu-list")).to_be_hidden()
    expect(page.locator(".change-mode > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/europe/group/**")
    page.goto(ROUTES)
    assert tabbed(page) == page.evaluate(REACHABLE)


REACHABLE = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const seen = one => one.checkVisibility({visibilityProperty: true});
  const shown = one => seen(one) && !one.disabled && one.type !== "hidden";
  return [...all].filter(shown).filter(one => one.tabIndex >= 0).length;
}"""


def tabbed(page: Page) -> int:
    """How many places Tab stops at before it leaves the page."""
    page.evaluate("() => { document.activeElement.blur(); window.stops = new Set(); }")
    for _stop in range(300):
        page.keyboard.press("Tab")
        more = page.evaluate(
            "() => { const at = document.activeElement; const known = window.stops.has(at);"
            " window.stops.add(at); return at !== document.body && !known; }"
        )
        if not more:
            break
    return int(page.evaluate("() => [...window.stops].filter(at => at !== document.body).length"))


def test_passphrase_of_a_terminal_goes_nowhere_before_its_script_is_there(
    chromium: Browser, portal: Installation
) -> None:
    """Else the browser would send the form by itself, and the passphrase would stand in the address."""
    context = chromium.new_context(base_url=portal.url, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    log_in(page)
    page.goto("/europe/membership/")
    page.get_by_role("link", name="Terminal").first.click()
    page.fill("[name=passphrase]", "not for the address")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Open the terminal")).to_be_disabled()
    page.goto("/jobs/")
    assert not [url for url in asked if "terminal" in url]
    context.close()
