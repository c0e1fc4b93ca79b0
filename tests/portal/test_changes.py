"""Pending changes, commit, conflict, history, revert: CMT-01 to CMT-09."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER, Mode
from clusters.versions import settings_at
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

PENDING = "/europe/pending/"


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def edit(europe: ManagedCluster, mode: Mode, host: str, user: str = "alice") -> None:
    drafts.edit(europe.replica_id, user, mode, "smtproutes", world.routes(a_example=host))


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_commit_control_shows_what_is_pending_and_leads_to_comment_and_discard(
    browser: Client, europe: ManagedCluster
) -> None:
    """CMT-09."""
    html = text(browser, "/europe/")
    assert "is-pending" not in html
    assert "Nothing is pending" in text(browser, PENDING)
    edit(europe, CLUSTER, "192.0.2.50")
    html = text(browser, "/europe/")
    assert 'class="commit-control is-pending" id="commit-control" href="/europe/pending/"' in html
    html = text(browser, PENDING)
    for part in ('name="comment"', 'value="commit"', 'value="clear"', "192.0.2.50"):
        assert part in html


def test_impact_names_exactly_the_machines_that_are_reached(browser: Client, europe: ManagedCluster) -> None:
    edit(europe, CLUSTER, "192.0.2.50")
    world.report(europe)
    html = text(browser, PENDING)
    serials = {m.name: m.serial for m in replicas.state(europe.replica_id).machines.values()}
    assert f'data-impact="{serials["berlin.example"]}"' in html
    assert f'data-impact="{serials["rome.example"]}"' in html
    assert f'data-impact="{serials["paris.example"]}"' not in html
    assert "2 machines change" in html
    assert "192.0.2.50" in html
    assert "Group Paris" in html
    assert "away" not in html


def test_rendered_postfix_lines_stand_in_the_impact(browser: Client, europe: ManagedCluster) -> None:
    edit(europe, CLUSTER, "192.0.2.50")
    html = text(browser, PENDING)
    assert "What Postfix gets" in html
    assert '<div class="add">+ ' in html
    assert '<div class="del">- ' in html


def test_machines_away_are_named(browser: Client, europe: ManagedCluster) -> None:
    edit(europe, CLUSTER, "192.0.2.50")
    world.report(europe, only="berlin.example")
    html = text(browser, PENDING)
    assert html.count("away, will catch up") == 1
    assert "these get the changes when they are back" in html


def test_commit_takes_all_levels_with_the_comment(browser: Client, europe: ManagedCluster) -> None:
    """CMT-01, CMT-06."""
    edit(europe, CLUSTER, "192.0.2.50")
    edit(europe, world.mode_of(europe, "berlin.example"), "192.0.2.51")
    assert "is-pending" in text(browser, PENDING)
    answer = browser.post(PENDING, {"do": "commit", "comment": "Both at once"}, follow=True)
    made = commits.last(europe.replica_id)
    assert (made.user, made.comment, len(made.changes)) == ("alice", "Both at once", 2)
    assert "Both at once" in answer.content.decode()
    assert drafts.pending(europe.replica_id, "alice") == []


def test_commit_with_nothing_pending_says_so(browser: Client, europe: ManagedCluster) -> None:
    before = replicas.vector(europe.replica_id)
    answer = browser.post(PENDING, {"do": "commit"}, follow=True)
    assert "nothing to commit" in answer.content.decode()
    assert replicas.vector(europe.replica_id) == before


def test_comment_too_long_is_refused_and_all_stays_pending(browser: Client, europe: ManagedCluster) -> None:
    edit(europe, CLUSTER, "192.0.2.50")
    answer = browser.post(PENDING, {"do": "commit", "comment": "x" * 5000}, follow=True)
    assert "4096 are allowed" in answer.content.decode()
    assert len(drafts.pending(europe.replica_id, "alice")) == 1


def test_changes_of_others_are_not_mine(browser: Client, europe: ManagedCluster, bob: User) -> None:
    edit(europe, CLUSTER, "192.0.2.99", user="bob")
    assert "192.0.2.99" not in text(browser, PENDING)
    browser.post(PENDING, {"do": "clear"})
    assert len(drafts.pending(europe.replica_id, "bob")) == 1


def test_clear_and_discard_drop_what_they_say(browser: Client, europe: ManagedCluster) -> None:
    """CMT-03."""
    berlin = world.mode_of(europe, "berlin.example")
    edit(europe, CLUSTER, "192.0.2.50")
    edit(europe, berlin, "192.0.2.51")
    browser.post(PENDING, {"do": "drop", "entry": str(settings_at(CLUSTER, "smtproutes"))})
    assert [p.mode for p in drafts.pending(europe.replica_id, "alice")] == [berlin]
    browser.post(PENDING, {"do": "clear"})
    assert drafts.pending(europe.replica_id, "alice") == []


def shown_before(html: str, button: str) -> str:
    """What the form with that button says of the changes that its page shows."""
    forms = [part.partition("</form>")[0] for part in html.split("<form")[1:]]
    form = next(form for form in forms if f'value="{button}"' in form)
    found = re.search(r'name="shown" value="([^"]*)"', form)
    assert found
    return found[1]


@pytest.mark.parametrize("do", ["commit", "propose", "clear"])
def test_what_was_drafted_after_the_page_was_shown_is_neither_committed_nor_discarded(
    browser: Client, europe: ManagedCluster, do: str
) -> None:
    """TRL-09: one login in two windows; the page is shown anew, with what was typed."""
    edit(europe, CLUSTER, "192.0.2.50")
    post = {"do": do, "comment": "Typed", "shown": shown_before(text(browser, PENDING), do)}
    edit(europe, world.mode_of(europe, "berlin.example"), "192.0.2.51")
    before = replicas.vector(europe.replica_id)

    answer = browser.post(PENDING, post)

    html = answer.content.decode()
    assert answer.status_code == 409
    assert "not the ones that you were shown" in html
    assert "192.0.2.51" in html
    assert 'value="Typed"' in html
    assert replicas.vector(europe.replica_id) == before
    assert len(drafts.pending(europe.replica_id, "alice")) == 2
    assert browser.post(PENDING, {**post, "shown": shown_before(html, do)}).status_code == 302
    assert drafts.pending(europe.replica_id, "alice") == []


def test_change_that_was_edited_after_the_page_was_shown_is_not_dropped(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: and one that was not is, whatever became of the others."""
    edit(europe, CLUSTER, "192.0.2.50")
    edit(europe, world.mode_of(europe, "berlin.example"), "192.0.2.51")
    marks = {str(each.address): each.mark for each in drafts.pending(europe.replica_id, "alice")}
    edit(europe, CLUSTER, "192.0.2.52")

    for entry, mark in marks.items():
        browser.post(PENDING, {"do": "drop", "entry": entry, "shown": mark})

    (left,) = drafts.pending(europe.replica_id, "alice")
    assert left.value == world.routes(a_example="192.0.2.52")


@pytest.fixture
def clash(europe: ManagedCluster) -> ManagedCluster:
    """Alice edits; Bob commits the same entry before she does; she edits another one too."""
    edit(europe, CLUSTER, "192.0.2.50")
    edit(europe, world.mode_of(europe, "berlin.example"), "192.0.2.51")
    world.define(
        europe,
        CLUSTER,
        "smtproutes",
        world.routes(a_example="192.0.2.60"),
        user="bob",
        comment="Bob was faster",
    )
    return europe


def test_conflict_stops_the_whole_commit_and_names_who_when_and_what(
    browser: Client, clash: ManagedCluster
) -> None:
    """CMT-04, SYN-09."""
    before = replicas.vector(clash.replica_id)
    answer = browser.post(PENDING, {"do": "commit", "comment": "Mine"})
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "bob on portal" in html
    assert "Bob was faster" in html
    assert 'value="Mine"' in html
    assert replicas.vector(clash.replica_id) == before
    assert len(drafts.pending(clash.replica_id, "alice")) == 2


def test_conflict_is_seen_before_the_commit_too(browser: Client, clash: ManagedCluster) -> None:
    assert "Somebody else has changed" in text(browser, PENDING)


AT_CLUSTER = str(settings_at(CLUSTER, "smtproutes"))


def theirs(europe: ManagedCluster) -> str:
    """The version of somebody else over which alice's change would go."""
    return str(drafts.stale(europe.replica_id, "alice")[0].now.id)


def test_mine_is_kept_over_the_version_that_was_shown_and_over_no_newer_one(
    browser: Client, clash: ManagedCluster
) -> None:
    """TRL-09: what came after the look has not been compared."""
    shown = theirs(clash)
    assert f'name="over" value="{shown}"' in text(browser, PENDING)
    world.define(clash, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.61"), user="bob")

    answer = browser.post(PENDING, {"do": "keep", "entry": AT_CLUSTER, "over": shown}, follow=True)

    assert "was changed once more since you looked" in answer.content.decode()
    assert theirs(clash) != shown


def test_change_that_clashes_only_since_the_page_was_shown_is_not_discarded(
    browser: Client, clash: ManagedCluster
) -> None:
    """TRL-09: the button says "my changes that clash", and lists them."""
    berlin = world.mode_of(clash, "berlin.example")
    assert f'name="entry" value="{AT_CLUSTER}"' in text(browser, PENDING)
    world.define(clash, berlin, "smtproutes", world.routes(a_example="192.0.2.62"), user="bob")

    browser.post(PENDING, {"do": "discard_stale", "entry": AT_CLUSTER})

    assert [p.mode for p in drafts.pending(clash.replica_id, "alice")] == [berlin]


def test_every_form_of_the_page_says_what_it_showed(browser: Client, clash: ManagedCluster) -> None:
    """TRL-09."""
    forms = [part.partition("</form>")[0] for part in text(browser, PENDING).split("<form")[1:]]
    acting = [form for form in forms if 'name="do"' in form]
    assert len(acting) == 5
    assert all(re.search(r'name="shown" value="[0-9a-f]{16}"', form) for form in acting)


@pytest.mark.parametrize("do", ["keep", "discard_stale"])
def test_clash_is_decided_for_the_change_that_was_shown(
    browser: Client, clash: ManagedCluster, do: str
) -> None:
    """TRL-09: mine was changed too since the look at both."""
    (stale,) = (each for each in drafts.pending(clash.replica_id, "alice") if each.stale)
    post = {"do": do, "entry": AT_CLUSTER, "over": theirs(clash), "shown": stale.mark}
    edit(clash, CLUSTER, "192.0.2.59")

    assert browser.post(PENDING, post).status_code == 409

    assert len(drafts.stale(clash.replica_id, "alice")) == 1


def test_discarding_what_clashes_leaves_the_rest(browser: Client, clash: ManagedCluster) -> None:
    """CMT-05, SYN-09."""
    browser.post(PENDING, {"do": "discard_stale", "entry": AT_CLUSTER})
    assert [p.mode for p in drafts.pending(clash.replica_id, "alice")] == [
        world.mode_of(clash, "berlin.example")
    ]
    assert browser.post(PENDING, {"do": "commit"}).status_code == 302


def test_keeping_mine_over_theirs_commits_on_top(browser: Client, clash: ManagedCluster) -> None:
    browser.post(PENDING, {"do": "keep", "entry": AT_CLUSTER, "over": theirs(clash)})
    assert browser.post(PENDING, {"do": "commit"}).status_code == 302
    found = replicas.state(clash.replica_id).defined(CLUSTER, "smtproutes")
    assert found is not None
    assert found.value == world.routes(a_example="192.0.2.50")


def commit_path(europe: ManagedCluster) -> str:
    made = commits.last(europe.replica_id)
    return f"/europe/history/{made.id.origin}/{made.id.number}/"


def test_detail_of_a_commit_names_each_machine(browser: Client, europe: ManagedCluster) -> None:
    """CMT-02."""
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.70"), comment="Third")
    html = text(browser, commit_path(europe))
    assert "Third" in html
    assert html.count("data-impact=") == 2
    assert "192.0.2.70" in html


def test_revert_makes_the_old_values_pending(browser: Client, europe: ManagedCluster) -> None:
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.70"))
    answer = browser.post(commit_path(europe))
    assert answer.headers["Location"] == PENDING
    (change,) = drafts.pending(europe.replica_id, "alice")
    assert change.value == world.routes(a_example="192.0.2.1")


def test_revert_over_later_changes_asks_first(browser: Client, europe: ManagedCluster) -> None:
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.70"))
    path = commit_path(europe)
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.71"), user="bob")
    answer = browser.post(path)
    assert answer.status_code == 409
    assert drafts.pending(europe.replica_id, "alice") == []
    shown = re.findall(r'name="seen" value="([^"]+)"', browser.post(path).content.decode())
    browser.post(path, {"over": "yes", "seen": shown})
    assert drafts.pending(europe.replica_id, "alice")[0].value == world.routes(a_example="192.0.2.1")


def test_revert_goes_over_the_versions_that_were_shown_and_asks_again_for_newer_ones(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: to agree to one change is not to agree to the next."""
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.70"))
    path = commit_path(europe)
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.60"), user="bob")
    shown = re.findall(r'name="seen" value="([^"]+)"', browser.post(path).content.decode())
    assert shown
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.61"), user="bob")

    again = browser.post(path, {"over": "yes", "seen": shown})

    assert again.status_code == 409
    assert drafts.pending(europe.replica_id, "alice") == []
    newer = re.findall(r'name="seen" value="([^"]+)"', again.content.decode())
    assert browser.post(path, {"over": "yes", "seen": newer}).status_code == 302
    assert len(drafts.pending(europe.replica_id, "alice")) == 1


def test_revert_over_own_changes_replaces_those_that_were_shown(
    browser: Client, europe: ManagedCluster
) -> None:
    """TRL-09: another window has made others since."""
    world.define(europe, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.70"))
    path = commit_path(europe)
    edit(europe, CLUSTER, "192.0.2.80")
    shown = shown_before(browser.post(path).content.decode(), "yes")
    edit(europe, CLUSTER, "192.0.2.81")

    answer = browser.post(path, {"over": "yes", "shown": shown}, follow=True)

    assert "not the ones that you were shown" in answer.content.decode()
    assert drafts.pending(europe.replica_id, "alice")[0].value == world.routes(a_example="192.0.2.81")


def test_commit_that_is_not_here_is_not_found(browser: Client) -> None:
    assert browser.get("/europe/history/NOBODY/1/").status_code == 404
    assert browser.post("/europe/history/NOBODY/1/").status_code == 404


def test_history_searches_comment_and_person(browser: Client, europe: ManagedCluster) -> None:
    html = text(browser, "/europe/history/?q=for+everybody")
    assert "Routes for everybody" in html
    assert "joins the cluster" not in html
    assert "No commit matches" in text(browser, "/europe/history/?q=zzz")
    assert browser.get("/europe/history/?page=²").status_code == 200
