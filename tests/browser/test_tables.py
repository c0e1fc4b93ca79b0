"""Work in tables, in a real browser: duplicate, paste, filter, keys, problems that lead to their fields."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout


@pytest.fixture
def table(page: Page) -> Locator:
    """The empty table of routes with which rome.example begins an override."""
    page.goto("/europe/pending/")
    if page.locator("button[value=clear]").count():
        page.click("button[value=clear]")
    page.goto("/europe/")
    href = page.get_by_role("link", name="rome.example").first.get_attribute("href")
    page.goto(f"{href.split('monitor')[0]}network/smtp_routes?start=default")
    return page.locator("[data-rows='f.routes']")


def values(table: Locator, name: str) -> list[str]:
    fields = table.locator(f"tr:visible [name^='f.routes.'][name$='.{name}']")
    return [field.input_value() for field in fields.all()]


def test_many_lines_become_rows_and_are_kept(page: Page, table: Locator) -> None:
    table.get_by_text("Paste lines").click()
    table.locator("[data-paste-text]").fill("a.example;192.0.2.1:2525 192.0.2.2\nb.example;192.0.2.3\n\n")
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    assert values(table, "domain") == ["a.example", "b.example"]
    assert values(table, "host") == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert values(table, "port") == ["2525", "25", "25"]
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    assert values(page.locator("[data-rows='f.routes']"), "host") == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


PASTE = """text => {
  const data = new DataTransfer();
  data.setData("text", text);
  const made = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
  document.activeElement.dispatchEvent(made);
}"""


def test_lines_pasted_into_a_cell_fill_the_rows_below_it(page: Page, table: Locator) -> None:
    table.locator("[data-add]").last.click()
    page.evaluate(PASTE, "a.example\t192.0.2.1\nb.example\t192.0.2.2\nc.example\t192.0.2.3")
    expect(table.locator("tr:visible [name$='.domain']")).to_have_count(3)
    assert values(table, "domain") == ["a.example", "b.example", "c.example"]
    assert values(table, "host") == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_hosts_in_brackets_are_pasted_with_their_ports(page: Page, table: Locator) -> None:
    """TRL-03, TRL-07: as lines, and into the field of a host; brackets around a name stay."""
    table.get_by_text("Paste lines").click()
    lines = "a.example;[2001:db8::1]:2525 2001:db8::2 [mail.example]:26\nb.example;mail.example"
    table.locator("[data-paste-text]").fill(lines)
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    assert values(table, "port") == ["2525", "25", "26", "25"]
    table.locator("[name$='.host']:visible").last.focus()
    page.evaluate(PASTE, "[2001:db8::3]:2526")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    kept = page.locator("[data-rows='f.routes']")
    assert values(kept, "host") == ["2001:db8::1", "2001:db8::2", "[mail.example]", "2001:db8::3"]
    assert values(kept, "port") == ["2525", "25", "26", "2526"]


def test_row_is_duplicated_with_all_that_is_in_it(page: Page, table: Locator) -> None:
    table.get_by_text("Paste lines").click()
    table.locator("[data-paste-text]").fill("a.example,192.0.2.1:2525 192.0.2.2\nb.example,192.0.2.3")
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    rows = table.locator("> .table-wrap > table > tbody > tr")
    rows.nth(0).locator("> .row-tools [data-duplicate]").click()
    assert values(table, "domain") == ["a.example", "a.example", "b.example"]
    assert values(table, "port") == ["2525", "25", "2525", "25", "25"]
    page.keyboard.type("c.example")
    page.keyboard.press("Alt+ArrowDown")
    assert values(table, "domain") == ["a.example", "b.example", "c.example"]
    page.keyboard.press("Control+Enter")
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    assert values(page.locator("[data-rows='f.routes']"), "domain") == ["a.example", "b.example", "c.example"]


def test_long_table_is_filtered_and_keeps_what_is_hidden(page: Page, table: Locator) -> None:
    expect(table.locator("[data-table-filter]")).to_be_hidden()
    table.get_by_text("Paste lines").click()
    lines = "\n".join(f"d{number}.example;192.0.2.{number}" for number in range(1, 31))
    table.locator("[data-paste-text]").fill(lines)
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    table.locator("[data-table-filter]").fill("d2")
    assert len(values(table, "domain")) == 11
    expect(table.locator("[data-filter-count]")).to_have_text("11 / 30")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("[data-row-count]").first).to_have_text("30")


def test_problem_of_the_list_leads_to_its_field(page: Page, table: Locator) -> None:
    table.get_by_text("Paste lines").click()
    table.locator("[data-paste-text]").fill("good.example;192.0.2.1\nnot a domain;192.0.2.2")
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#problems")).to_be_focused()
    page.locator("#problems a").first.click()
    expect(page.locator("[aria-invalid=true]").first).to_be_focused()
    assert values(page.locator("[data-rows='f.routes']"), "domain") == ["good.example", "not a domain"]


def test_box_folds_and_unfolds(page: Page) -> None:
    """GUI-10."""
    page.goto("/europe/cluster/network/smtp_routes")
    actions = page.get_by_role("button", name="Delete here")
    expect(actions).to_be_hidden()
    page.get_by_text("Centralized Management Options").click()
    expect(actions).to_be_visible()
    page.get_by_text("Centralized Management Options").click()
    expect(actions).to_be_hidden()


def test_new_pages_fit_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("check", "advice", "references", "conflicts"):
        page.goto(f"/europe/{path}/")
        expect(page.locator("h1")).to_have_text(re.compile("."))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_what_was_typed_survives_a_session_that_ended(page: Page, table: Locator) -> None:
    table.get_by_text("Paste lines").click()
    table.locator("[data-paste-text]").fill("a.example;192.0.2.1:2525 192.0.2.2\nb.example;192.0.2.3")
    table.get_by_role("button", name="Add these rows").click()
    expect(table.locator("[data-paste]")).not_to_have_attribute("open", "")
    page.context.clear_cookies(name="sessionid")
    # The page may notice by itself and be on its way to the login already.
    with suppress(PlaywrightTimeout):
        page.get_by_role("button", name="Submit").click(timeout=4000)
    expect(page.locator("[name=password]")).to_be_visible()
    page.fill("[name=username]", "alice")
    page.fill("[name=password]", "correct horse battery")
    page.click(".door-fields .button.primary")
    expect(page.locator("[data-kept]")).to_be_visible()
    page.get_by_role("button", name="Submit it again").click()
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    assert values(page.locator("[data-rows='f.routes']"), "domain") == ["a.example", "b.example"]
    page.reload()
    expect(page.locator("[data-kept]")).to_be_hidden()


def test_new_row_of_a_first_match_table_stands_before_the_one_that_takes_everything(page: Page) -> None:
    """TRL-04: behind it nothing is ever reached; who wants it there moves it down."""
    page.goto("/europe/")
    href = page.get_by_role("link", name="rome.example").first.get_attribute("href")
    page.goto(f"{href.split('monitor')[0]}network/listeners?start=default")
    page.locator("[data-rows='f.listeners'] > [data-add]").click()
    groups = page.locator("[data-first-match='hosts']").last
    for name, senders in (("EVERYBODY", "ALL"), ("PARTNERS", "192.0.2.1-20")):
        groups.locator("[data-add]").click()
        # A new row takes the focus; Tab leads on to its senders.
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(senders)
    names = [field.input_value() for field in groups.locator("tr:visible [name$='.name']").all()]
    # A new listener begins with the factory's groups, of which the last takes everything.
    assert names[-3:] == ["PARTNERS", "EVERYBODY", "ALL"]


@pytest.fixture
def long_table(page: Page, table: Locator) -> Locator:
    """A table of 300 routes that rome.example has as a pending change, with its page open."""
    paste(table, "\n".join(f"d{number}.example;192.0.2.1" for number in range(1, 301)))
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    return page.locator("[data-rows='f.routes']")


def paste(table: Locator, text: str) -> None:
    table.get_by_text("Paste lines").click()
    table.locator("[data-paste-text]").fill(text)
    table.get_by_role("button", name="Add these rows").click()


def shown(table: Locator) -> list[str]:
    return [f.input_value() for f in table.locator("[data-window] tr:visible [name$='.domain']").all()]


def test_long_table_is_edited_window_by_window(page: Page, long_table: Locator) -> None:
    """TRL-28: filter, change, remove, move, add, over several windows; what was not touched is not sent."""
    pager = long_table.locator(".pager > span")
    expect(pager).to_have_text("1–50 of 300")
    long_table.locator("[value='d2.example']").fill("second.example")
    long_table.get_by_label("Number 3: type another to move the row").fill("300")
    long_table.get_by_role("button", name="Next").click()
    expect(pager).to_have_text("51–100 of 300")
    expect(long_table.locator("[data-held] [name$='.domain']")).to_have_count(2)
    long_table.locator("[data-window] tr:has([value='d51.example']) > .row-tools [data-remove]").click()
    long_table.locator("[data-add]").last.click()
    page.keyboard.type("new.example")
    page.keyboard.press("Tab")
    page.keyboard.type("192.0.2.9")
    long_table.get_by_label("Filter SMTP routes").fill("d29")
    expect(pager).to_have_text("1–11 of 11 found in 300")
    assert "d299.example" in shown(long_table)
    long_table.get_by_label("Filter SMTP routes").fill("")
    expect(pager).to_have_text("1–50 of 300")
    assert shown(long_table)[:3] == ["d1.example", "second.example", "d3.example"]
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.get_by_role("button", name="Submit").click()
    assert (sent.value.post_data or "").count(".domain=") == 3
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    expect(pager).to_have_text("1–50 of 300")
    assert shown(long_table)[:4] == ["d1.example", "second.example", "d4.example", "d5.example"]
    long_table.get_by_label("Number of the row to go to").fill("90")
    page.keyboard.press("Enter")
    expect(pager).to_have_text("90–139 of 300")
    assert "new.example" in shown(long_table)
    long_table.get_by_label("Number of the row to go to").fill("300")
    page.keyboard.press("Enter")
    expect(pager).to_have_text("300–300 of 300")
    assert shown(long_table) == ["d3.example"]


def test_mistake_in_a_long_table_shows_what_was_typed(page: Page, long_table: Locator) -> None:
    """TRL-28: the rows that were changed stand there again, and the whole table below them."""
    long_table.locator("[value='d2.example']").fill("not a domain")
    with page.expect_response(lambda answer: answer.status == 422):
        page.get_by_role("button", name="Submit").click()
    expect(page.locator("#problems")).to_be_focused()
    expect(long_table.locator(".pager > span")).to_have_text("1–50 of 300")
    expect(page.locator("[aria-invalid=true]")).to_have_value("not a domain")
    page.locator("[aria-invalid=true]").fill("mended.example")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".note.ok")).to_contain_text("Kept as a pending change")
    assert shown(long_table)[:3] == ["d1.example", "mended.example", "d3.example"]


def test_long_table_fits_a_phone(page: Page, long_table: Locator) -> None:
    """TRL-28."""
    page.set_viewport_size({"width": 390, "height": 800})
    expect(long_table.locator(".pager > span")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_further_cells_of_a_line_fill_the_list(table: Locator) -> None:
    """TRL-18."""
    paste(table, "Receiving domain;Destination hosts\nthree.example;192.0.2.1;192.0.2.2:26\n")
    expect(table.locator("tr:visible [name$='.domain']")).to_have_count(1)
    assert values(table, "host") == ["192.0.2.1", "192.0.2.2"]
    assert values(table, "port") == ["25", "26"]


def test_lines_that_do_not_fit_are_named_and_nothing_is_pasted(page: Page, table: Locator) -> None:
    """TRL-18."""
    paste(table, "Domain name;Where to\na.example;192.0.2.1\n")
    expect(table.locator("[data-paste-errors]")).to_contain_text("Line 1: looks like a heading")
    assert values(table, "domain") == []
    expect(table.locator("[data-paste-text]")).to_have_value("Domain name;Where to\na.example;192.0.2.1\n")
