"""Careful commits in a real browser: another person's decision arrives without a reload."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.portal.installation import Installation

EDIT = """
from clusters import drafts
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import world
one = ManagedCluster.everything.get(slug="europe")
document = {"action": "drop", "recipients": ["x@y.example"]}
drafts.edit(one.replica_id, "alice", CLUSTER, "unsubscribe", document)
"""
APPROVE = """
from portal.proposals import deciding
from portal.proposals.proposal import Proposal
from portal.tenants import Tenant
from tests.portal import world
ann = world.person("ann", "Ann Approver", approver=Tenant.objects.get(slug="acme"))
deciding.approve(Proposal.everything.latest("pk"), ann, "Fine with me")
"""


def test_decision_of_another_person_arrives_by_itself(page: Page, portal: Installation) -> None:
    portal.python(EDIT)
    page.goto("/europe/pending/")
    page.fill("[name=comment]", "Please look")
    page.get_by_role("button", name="Propose, for a second person").click()
    expect(page.locator("h1")).to_have_text("Please look")
    expect(page.locator("#proposal .state").first).to_have_text("waits for approval")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(page.locator("[data-live-sign]")).to_have_attribute("data-live", "live")
    portal.python(APPROVE)
    expect(page.locator("#proposal .state").first).to_have_text("committed", timeout=15_000)
    expect(page.locator("#proposal-log")).to_contain_text("Fine with me")
    page.get_by_role("link", name="Open the commit").click()
    expect(page.locator("h1")).to_have_text("Please look")
    expect(page.locator(".facts").first).to_contain_text("ann")


def test_typing_a_comment_survives_the_live_part(page: Page, portal: Installation) -> None:
    portal.python(EDIT.replace("x@y.example", "z@y.example"))
    page.goto("/europe/pending/")
    page.get_by_role("button", name="Propose, for a second person").click()
    field = page.locator("#decision-field input")
    field.fill("half a wor")
    with page.expect_response(lambda answer: "/proposals/" in answer.url):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('gatefold:settings'))")
    expect(page.locator("#decision-field input")).to_have_value("half a wor")
    expect(page.locator("#decision-field input")).to_be_focused()
    page.get_by_role("button", name="Withdraw").click()
    page.wait_for_url("**/pending/")


def test_pages_of_proposals_have_no_sideways_scroll_on_a_phone(page: Page, portal: Installation) -> None:
    portal.python(EDIT.replace("x@y.example", "w@y.example"))
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/europe/pending/", "/europe/proposals/", "/europe/policy/"):
        page.goto(path)
        for way in page.locator("details.way > summary").all():
            way.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
