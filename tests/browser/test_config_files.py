"""The configuration as a file, saved from the browser and loaded again through its steps."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.portal.installation import Installation

PAGE = "/europe/cluster/system_administration/configuration_file"


def test_saved_file_is_loaded_by_groups_appliances_and_review(
    page: Page, portal: Installation, tmp_path: Path
) -> None:
    """LOAD-05, LOAD-06, LOAD-08."""
    page.goto("/europe/pending/")
    if page.locator("button[value=clear]").count():
        page.click("button[value=clear]")
    page.goto(PAGE)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save to a file").click()
    file = tmp_path / "europe.xml"
    saved.value.save_as(file)
    text = file.read_text()
    file.write_text(text.replace("<domain>a.example</domain>", "<domain>loaded.example</domain>"))
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Read the file").click()
    expect(page.locator(".checks .state.ok").first).to_be_visible()
    expect(page.locator("select[name^='group.']").first).to_contain_text("Don't Copy")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".wizard [aria-current=step]")).to_have_text("Review")
    expect(page.locator("main")).to_contain_text("loaded.example")
    page.get_by_role("button", name="Confirm and continue").click()
    expect(page.locator("h1")).to_have_text("Pending changes")
    expect(page.locator("#commit-control")).to_contain_text("2")
    page.go_back()
    page.goto(PAGE)
    expect(page.locator("main")).to_contain_text("before a load")
    page.goto("/europe/pending/")
    page.locator("button[value=clear]").last.click()


def test_broken_file_is_told_beside_its_field(page: Page, tmp_path: Path) -> None:
    """LOAD-09."""
    file = tmp_path / "broken.xml"
    file.write_text("<config format='1' kind='cluster'>\n<cluster>\n<unheard/></cluster></config>")
    page.goto(PAGE)
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Read the file").click()
    expect(page.locator(".field-error")).to_contain_text("Line 3")


def test_machine_mode_keeps_the_page_when_the_mode_changes(page: Page) -> None:
    """LOAD-05, GUI-13."""
    page.goto(PAGE)
    page.locator(".change-mode summary").click()
    page.get_by_role("link", name="berlin.example").click()
    expect(page.locator("h1")).to_have_text("Configuration File")
    expect(page.get_by_role("button", name="Read the file")).to_have_count(0)
