"""Marks on the page of queues, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

NEWS = "document.body.dispatchEvent(new CustomEvent('gatefold:answers'))"


def test_marks_stay_while_news_come_and_one_box_marks_all(page: Page) -> None:
    page.goto("/europe/queues/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    boxes = page.locator("input[name=machine]")
    page.check("[data-mark-all=machine]")
    expect(page.locator("input[name=machine]:checked")).to_have_count(3)
    boxes.nth(1).uncheck()
    page.evaluate(NEWS)
    expect(page.locator("input[name=machine]:checked")).to_have_count(2)

    page.get_by_role("button", name="Suspend receiving").click()

    expect(page.locator(".note.bad:not([hidden])")).to_contain_text("take no mail in")
    expect(page.locator(".card .chip")).to_have_count(2)
    page.get_by_role("link", name="Do nothing").click()
    with page.expect_response(lambda answer: "/queues/" in answer.url):
        page.evaluate(NEWS)
    expect(page.locator("input[name=machine]:checked")).to_have_count(0)


def test_marks_stay_when_news_arrive_that_were_asked_for_before_them(page: Page) -> None:
    page.goto("/europe/queues/")
    expect(page.locator("[data-live-sign]")).to_have_text("live")
    asked: list[Route] = []
    page.route("**/europe/queues/", lambda route: asked.append(route))
    with page.expect_request(lambda request: "/queues/" in request.url):
        page.evaluate(NEWS)
    expect(page.locator("#queues.htmx-request")).to_have_count(1)
    page.check("[data-mark-all=machine]")
    with page.expect_response(lambda answer: "/queues/" in answer.url):
        asked[0].continue_()
    expect(page.locator("#queues.htmx-request")).to_have_count(0)
    expect(page.locator("input[name=machine]:checked")).to_have_count(3)
