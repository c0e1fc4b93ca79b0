"""Pages of careful commits: the ways on the pending page, the list, and the page of one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clusters import commits, drafts
from clusters.modes import CLUSTER
from portal.proposals import deciding
from portal.proposals.proposal import Proposal, State
from portal.tenants import ManagedCluster, Tenant
from tests.appliances.features.examples import DOCUMENTS, HASH
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.proposals.conftest import (
    BERLIN_FIRST,
    NEW,
    OLD,
    PENDING,
    PROPOSALS,
    TRY,
    Submit,
    edit,
    obey,
    path_of,
    policy,
    route_at,
    text,
    tick,
    told,
)


@pytest.fixture
def browser(calm: ManagedCluster, bob: User, log_in: LogIn) -> Client:
    """Bob's, who has a change pending."""
    edit(calm, "bob")
    return log_in(bob)


# pending


def test_free_cluster_offers_every_way(browser: Client) -> None:
    html = text(browser, PENDING)
    for word in (
        "Commit now",
        "Propose, for a second person",
        "Try on some machines first",
        "berlin.example",
    ):
        assert word in html
    assert "Commit outside" not in html


def test_proposed_from_the_page_it_leads_to_its_page(browser: Client, calm: ManagedCluster) -> None:
    answer = browser.post(PENDING, {"do": "propose", "comment": "Please look"})
    (found,) = calm.proposals.all()
    assert answer.headers["Location"] == path_of(found)
    assert (found.state, found.comment) == (State.APPROVAL, "Please look")
    assert drafts.changes(calm.replica_id, "bob") == []


def test_policy_turns_the_commit_button_into_a_proposal(browser: Client, calm: ManagedCluster) -> None:
    policy(calm, approval=True)
    html = text(browser, PENDING)
    assert "Commit now" not in html
    assert "other than you" in html
    browser.post(PENDING, {"do": "commit"})
    assert route_at(calm, "berlin.example") == OLD
    assert calm.proposals.get().state == State.APPROVAL


def test_closed_window_is_shown_with_its_next_opening(
    browser: Client, calm: ManagedCluster, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed, zone="Asia/Tokyo")
    html = text(browser, PENDING)
    assert "commit window closed" in html
    assert "Commit in the window" in html
    assert 'class="until"' in html
    assert re.search(r"\d\d-\d\d 10:00 Asia/Tokyo", html)
    browser.post(PENDING, {"do": "commit"})
    assert calm.proposals.get().state == State.WINDOW
    assert "Waits for the next commit window" in text(browser, path_of(calm.proposals.get()))


def test_only_an_administrator_passes_by_the_window_and_only_with_a_reason(
    browser: Client, calm: ManagedCluster, alice: User, log_in: LogIn, closed: list[dict[str, Any]]
) -> None:
    policy(calm, windows=closed)
    assert browser.post(PENDING, {"do": "at_once", "reason": "Now"}).status_code == 403
    edit(calm, "alice", "192.0.2.8")
    admin = log_in(alice)
    assert "Commit outside the commit window" in text(admin, PENDING)
    assert "Say why" in admin.post(PENDING, {"do": "at_once", "reason": " "}, follow=True).content.decode()
    assert route_at(calm, "berlin.example") == OLD
    admin.post(PENDING, {"do": "at_once", "reason": "Loops"})
    assert route_at(calm, "berlin.example") == "192.0.2.8"
    made = commits.last(calm.replica_id)
    assert "Loops (alice)" in text(admin, f"/europe/history/{made.id.origin}/{made.id.number}/")


def test_administrator_is_not_locked_out_when_no_machine_can_try(
    calm: ManagedCluster, alice: User, bob: User, log_in: LogIn
) -> None:
    policy(calm, try_first=True)
    for name in ("berlin.example", "rome.example"):
        told(calm, name, error="Postfix refused")
    edit(calm, "alice")
    client = log_in(alice)
    refused = client.post(PENDING, {"do": "commit"}, follow=True).content.decode()
    assert "No machine can try this first" in refused
    assert "Commit without a try" in refused
    client.post(PENDING, {"do": "at_once", "reason": "It mends them"})
    assert route_at(calm, "berlin.example") == NEW
    assert "At once, because: It mends them (alice)" in commits.last(calm.replica_id).comment
    edit(calm, "bob", "192.0.2.8")
    assert "Commit without a try" not in text(log_in(bob), PENDING)


def test_try_from_the_page_goes_to_the_chosen_machine(browser: Client, calm: ManagedCluster) -> None:
    rome = world.mode_of(calm, "rome.example").id
    browser.post(PENDING, {"do": "try", "machine": rome, **TRY})
    assert route_at(calm, "rome.example") == NEW
    assert route_at(calm, "berlin.example") == OLD
    assert calm.proposals.get().canary["minutes"] == 5


def test_try_with_wrong_numbers_is_named_beside_them_and_all_stays_pending(
    browser: Client, calm: ManagedCluster
) -> None:
    answer = browser.post(PENDING, {"do": "try", "comment": "Why", **TRY, "minutes": "soon"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Enter a whole number" in html
    assert 'value="Why"' in html
    assert len(drafts.changes(calm.replica_id, "bob")) == 1
    assert not calm.proposals.exists()


def test_try_without_a_fit_machine_is_refused_in_words(browser: Client, calm: ManagedCluster) -> None:
    told(calm, "rome.example", error="Postfix refused")
    rome = world.mode_of(calm, "rome.example").id
    answer = browser.post(PENDING, {"do": "try", "machine": rome, **TRY}, follow=True)
    assert "rome.example: not connected, or not in order" in answer.content.decode()
    assert len(drafts.changes(calm.replica_id, "bob")) == 1


def test_proposal_of_the_same_settings_is_named_before_one_overtakes_it(
    proposed: Proposal, alice: User, calm: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    drafts.edit(
        calm.replica_id, "alice", CLUSTER, "unsubscribe", {"action": "drop", "recipients": ["a@b.example"]}
    )
    assert "New way" not in text(client, PENDING)
    edit(calm, "alice", "192.0.2.9")
    html = text(client, PENDING)
    assert "New way" in html
    assert path_of(proposed) in html


def test_what_cannot_be_tried_first_is_named(browser: Client, calm: ManagedCluster) -> None:
    mode = world.mode_of(calm, "rome.example")
    drafts.edit(calm.replica_id, "bob", mode, "sethostname", {"hostname": "mx.example.com"})
    assert "These cannot be tried first" in text(browser, PENDING)


# proposals


def test_proposal_shows_changes_and_whom_they_reach(proposed: Proposal, alice: User, log_in: LogIn) -> None:
    html = text(log_in(alice), path_of(proposed))
    for word in ("New way", "Proposed by bob", NEW, OLD, "What Postfix gets", "2 machines change", "Approve"):
        assert word in html


def test_approver_who_may_not_edit_decides(
    proposed: Proposal, calm: ManagedCluster, acme: Tenant, log_in: LogIn
) -> None:
    ann = log_in(world.person("ann", "Ann Approver", approver=acme))
    assert "Approve" in text(ann, path_of(proposed))
    ann.post(path_of(proposed), {"do": "approve", "comment": "Fine"})
    assert route_at(calm, "berlin.example") == NEW
    html = text(ann, path_of(proposed))
    assert "approved by ann" in html
    assert "Fine" in html


def test_author_does_not_see_approve_and_cannot_press_it(
    proposed: Proposal, bob: User, calm: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(bob)
    html = text(client, path_of(proposed))
    assert 'value="approve"' not in html
    assert 'value="withdraw"' in html
    assert client.post(path_of(proposed), {"do": "approve"}).status_code == 403
    assert route_at(calm, "berlin.example") == OLD


def test_withdrawn_leads_back_to_the_pending_changes(proposed: Proposal, bob: User, log_in: LogIn) -> None:
    answer = log_in(bob).post(path_of(proposed), {"do": "withdraw"})
    assert answer.headers["Location"] == PENDING


def test_foreign_and_missing_proposals_are_not_found(
    proposed: Proposal, secret: ManagedCluster, alice: User, charlie: User, log_in: LogIn
) -> None:
    assert log_in(charlie).get(f"/{secret.slug}/proposals/{proposed.pk}/").status_code == 404
    assert (
        log_in(charlie).post(f"/{secret.slug}/proposals/{proposed.pk}/", {"do": "approve"}).status_code == 404
    )
    assert log_in(alice).get(f"{PROPOSALS}99999/").status_code == 404
    assert Proposal.everything.get().state == State.APPROVAL


def test_what_waits_for_me_is_counted_in_the_menu_and_on_the_first_page(
    proposed: Proposal, alice: User, bob: User, charlie: User, log_in: LogIn
) -> None:
    assert "1 proposal waits for you" in text(log_in(alice), "/")
    assert "Waits for you" in text(log_in(alice), PROPOSALS)
    for other in (bob, charlie):
        assert "waits for you" not in text(log_in(other), "/")
    assert "Waits for you" not in text(log_in(bob), PROPOSALS)
    assert "New way" in text(log_in(bob), PROPOSALS)


def test_button_pressed_twice_says_what_has_happened(proposed: Proposal, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    client.post(path_of(proposed), {"do": "approve"})
    again = client.post(path_of(proposed), {"do": "approve"}, follow=True).content.decode()
    assert "this proposal is committed" in again


def test_unknown_button_does_nothing(proposed: Proposal, alice: User, log_in: LogIn) -> None:
    assert log_in(alice).post(path_of(proposed), {"do": "explode"}).status_code == 302
    assert Proposal.everything.get().state == State.APPROVAL


def test_progress_of_a_try_is_live_per_machine(
    ask: Submit, bob: User, calm: ManagedCluster, log_in: LogIn
) -> None:
    found = ask(bob, comment="Slowly", canary=BERLIN_FIRST)
    assert isinstance(found, Proposal)
    client = log_in(bob)
    html = text(client, path_of(found))
    assert f'id="try-{next(iter(found.before))}"' in html
    assert "2 machines change" in html, "the try itself is no part of what the proposal changes"
    obey(calm)
    tick(found)
    live = client.get(path_of(found), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in live
    assert ">well</span>" in live
    assert "<progress" in live


def test_stopped_try_says_why_and_where_the_changes_are(
    ask: Submit, bob: User, calm: ManagedCluster, log_in: LogIn
) -> None:
    found = ask(bob, canary=BERLIN_FIRST)
    assert isinstance(found, Proposal)
    told(calm, "berlin.example", error="fatal: no SASL support")
    tick(found)
    html = text(log_in(bob), path_of(found))
    assert "fatal: no SASL support" in html
    assert "pending changes of bob again" in html


def test_overtaken_proposal_is_taken_back_from_its_page(
    proposed: Proposal, bob: User, calm: ManagedCluster, log_in: LogIn
) -> None:
    """CMT-05."""
    world.define(calm, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.9"), comment="Faster")
    tick(proposed)
    client = log_in(bob)
    assert "alice on portal" in text(client, path_of(proposed))
    answer = client.post(path_of(proposed), {"do": "take_back"}, follow=True)
    assert "clashes" in answer.content.decode()


def test_secrets_of_a_proposal_are_not_shown(
    calm: ManagedCluster, bob: User, alice: User, log_in: LogIn
) -> None:
    drafts.edit(calm.replica_id, "bob", CLUSTER, "userconfig", DOCUMENTS["userconfig"])
    role = deciding.Role.OPERATOR
    found = deciding.submit(calm, bob, role, deciding.Wish(approval=True), "portal")
    assert isinstance(found, Proposal)
    html = text(log_in(alice), path_of(found))
    assert "Ann Example" in html
    assert HASH not in html
    assert "argon2id" not in html


def test_list_of_proposals_asks_as_much_for_many_as_for_few(
    calm: ManagedCluster, bob: User, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)

    def some(count: int) -> int:
        for n in range(count):
            state = State.APPROVAL if n % 2 else State.REFUSED
            columns = {"author": bob, "user": "bob", "state": state, "decided_by": alice}
            Proposal.everything.create(tenant=calm.tenant, cluster=calm, **columns)
        with CaptureQueriesContext(connection) as found:
            client.get(PROPOSALS)
        return len(found)

    assert some(3) == some(12)
