"""The main path of an administrator, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.portal.installation import Installation

ROUTES = "/europe/cluster/network/smtp_routes"


@pytest.fixture(autouse=True)
def nothing_pending(page: Page) -> None:
    page.goto("/europe/pending/")
    if page.locator("button[value=clear]").count():
        page.click("button[value=clear]")


def machines_of(page: Page) -> list[str]:
    return page.locator("[data-impact] > summary .level.machine").all_inner_texts()


def test_edit_of_the_cluster_shows_whom_it_reaches_and_is_committed(page: Page, portal: Installation) -> None:
    page.goto(ROUTES)
    page.fill("[name='f.routes.0.hosts.0.host']", "192.0.2.40")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".note.ok")).to_contain_text("reaches: berlin.example, rome.example.")
    expect(page.locator("#commit-control")).to_have_class(re.compile("is-pending"))
    page.click("#commit-control")
    assert sorted(machines_of(page)) == ["berlin.example", "rome.example"]
    page.fill("[name=comment]", "Moved in the browser")
    page.get_by_role("button", name="Commit now").click()
    expect(page.locator("h1")).to_have_text("Moved in the browser")
    expect(page.locator("#machines .state", has_text=re.compile("being applied|not enforced"))).to_have_count(
        2
    )


def test_rows_are_added_moved_removed_and_brought_back(page: Page) -> None:
    page.goto("/europe/cluster/mail_policies/alias_tables?start=default")
    table = page.locator("[data-rows='f.aliases']")
    for name in ("one", "two", "three"):
        table.locator("> .rows-foot > [data-add]").click()
        page.keyboard.type(f"{name}@a.example")
        page.keyboard.press("Tab")
        page.keyboard.type("it@a.example")
    rows = table.locator("tbody > tr:visible")
    rows.nth(2).locator("[data-up]").click()
    rows.nth(0).locator("[data-remove]").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(3)
    rows.nth(0).locator("[data-remove]").click()
    page.get_by_role("button", name="Submit").click()
    aliases = page.locator("[name^='f.aliases.'][name$='.alias']")
    expect(aliases).to_have_count(2)
    assert [field.input_value() for field in aliases.all()] == ["three@a.example", "two@a.example"]


def test_wrong_value_is_named_beside_its_field(page: Page) -> None:
    page.goto(ROUTES)
    page.fill("[name='f.routes.0.domain']", "not a domain")
    page.get_by_role("button", name="Submit").click()
    field = page.locator("[name='f.routes.0.domain']")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("not a domain")
    expect(page.locator("#f-routes-0-domain-error")).to_contain_text("is not a domain name")


def test_word_mode_flashes_and_is_spoken_when_the_mode_changes(page: Page) -> None:
    """GUI-13, GUI-14."""
    page.goto(ROUTES)
    word = page.locator("[data-mode-word]")
    expect(word).not_to_have_class(re.compile("flash"))
    page.locator(".change-mode summary").click()
    page.get_by_role("link", name="Paris", exact=True).click()
    expect(word).to_have_class(re.compile("flash"))
    colour = "getComputedStyle(document.querySelector('[data-mode-word]')).animationName"
    assert page.evaluate(colour) == "flash"
    expect(page.locator("[data-announcer]")).to_have_text("Mode changed to Group Paris")
    assert "/europe/group/" in page.url
    page.reload()
    expect(word).not_to_have_class(re.compile("flash"))


def test_two_tabs_in_two_modes_do_not_flash_for_one_another(page: Page) -> None:
    page.goto(ROUTES)
    other = page.context.new_page()
    other.goto("/europe/cluster/")
    other.locator(".change-mode summary").click()
    other.get_by_role("link", name="rome.example").click()
    expect(other.locator("[data-mode-word]")).to_have_class(re.compile("flash"))
    page.reload()
    expect(page.locator("[data-mode-word]")).not_to_have_class(re.compile("flash"))


def test_override_of_a_machine_begins_with_what_is_inherited(page: Page) -> None:
    """GUI-05, GUI-07."""
    page.goto("/europe/cluster/network/smtp_routes")
    page.locator(".change-mode summary").click()
    page.get_by_role("link", name="berlin.example").click()
    expect(page.locator("[data-preview]")).to_contain_text("192.0.2.")
    page.get_by_role("button", name="Override Settings").click()
    host = page.locator("[name='f.routes.0.hosts.0.host']")
    expect(host).to_have_value(re.compile(r"192\.0\.2\."))
    host.fill("192.0.2.41")
    page.get_by_role("button", name="Submit").click()
    page.goto("/europe/pending/")
    assert machines_of(page) == ["berlin.example"]


def test_page_follows_the_machines_without_reload(page: Page, portal: Installation) -> None:
    page.goto("/europe/")
    expect(page.locator("[data-live-sign]")).to_have_attribute("data-live", "live")
    portal.python(
        "from appliances.following import statuses, worker\n"
        "from appliances.models import *\n"
        "row = MachineStatus.objects.get(name='rome.example')\n"
        "statuses.connection(row.replica_id, row.serial, Connection.DOWN, 'Nothing answers there')\n"
        "worker.changed.send(sender=None, replica_id=row.replica_id)\n"
    )
    expect(page.locator("#machines .state.bad", has_text="down")).to_be_visible(timeout=10_000)
    expect(page.locator("#machines")).to_contain_text("Nothing answers there")


def test_membership_shows_connections_without_reload_and_keeps_what_is_chosen(
    page: Page, portal: Installation
) -> None:
    page.goto("/europe/membership/")
    expect(page.locator("[data-live-sign]")).to_have_attribute("data-live", "live")
    page.locator("[name=machines]").first.check()
    portal.python(
        "from appliances.following import statuses, worker\n"
        "from appliances.models import *\n"
        "row = MachineStatus.objects.get(name='paris.example')\n"
        "statuses.connection(row.replica_id, row.serial, Connection.SUSPECT, 'Our link is lost')\n"
        "worker.changed.send(sender=None, replica_id=row.replica_id)\n"
    )
    expect(page.locator("#members .state.warn")).to_have_text("suspect", timeout=10_000)
    expect(page.locator("#members-as-of")).to_have_count(1)
    expect(page.locator("[name=machines]").first).to_be_checked()


def test_dark_and_light_are_a_choice_that_stays(page: Page) -> None:
    paint = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paint)
    page.locator("summary", has_text="Alice Adams").click()
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(paint) != before
    page.goto("/europe/")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_phone_has_no_sideways_scroll(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path in (
        "/",
        "/europe/",
        "/europe/cluster/",
        ROUTES,
        "/europe/pending/",
        "/europe/history/",
        "/jobs/",
        "/adopt/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_keyboard_reaches_the_content_and_opens_menus(page: Page) -> None:
    page.goto("/europe/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.goto(ROUTES)
    page.locator(".change-mode summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Paris", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Paris", exact=True)).to_be_hidden()


def test_login_of_a_stranger_is_refused_in_words(page: Page) -> None:
    stranger = page.context.browser.new_context(base_url=page.url.split("/europe")[0])  # type: ignore[union-attr]  # launched
    window = stranger.new_page()
    window.goto("/login/")
    window.fill("[name=username]", "alice")
    window.fill("[name=password]", "wrong")
    window.click(".door-fields .button.primary")
    expect(window.get_by_role("alert")).to_contain_text("do not belong together")
    stranger.close()
