"""The conflict desk: three columns, keep, restore, merge (SYN-08)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from appliances.features.registry import CATALOGUE
from clusters import commits, drafts, membership, replicas
from clusters.modes import CLUSTER
from portal.proposals import deciding
from portal.proposals.proposal import Proposal, State
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.forms import settings_form

DESK = "/europe/conflicts/"


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


@pytest.fixture
def conflict(europe: ManagedCluster) -> ManagedCluster:
    world.conflict(europe)
    return europe


def form(conflict: ManagedCluster, do: str) -> dict[str, Any]:
    (found,) = commits.conflicts(conflict.replica_id)
    seen = [str(version.id) for version in found.versions]
    return {"do": do, "entry": str(found.address), "version": str(found.others[0].id), "seen": seen}


def test_three_columns_show_what_both_replaced_what_stands_and_what_lost(
    browser: Client, conflict: ManagedCluster
) -> None:
    """SYN-08."""
    html = browser.get(DESK).content.decode()
    for word in ("both replaced this", "in force", "lost", "Routes for everybody", "From afar", "At home"):
        assert word in html
    row = html.split('<code class="path">routes[a.example].hosts')[1].split("</tr>")[0]
    before, stands, lost = row.split("<td ")[1:]
    assert ("192.0.2.1" in before, "198.51.100.2" in stands, "192.0.2.1" in lost) == (True, True, True)
    assert ('class="same"' in before, 'class="changed"' in stands, 'class="same"' in lost) == (True,) * 3


def test_merge_of_both_is_pending_and_its_commit_settles_the_conflict(
    browser: Client, conflict: ManagedCluster
) -> None:
    """SYN-08."""
    html = browser.get(DESK).content.decode()
    ticked = [part.split('"')[0] for part in html.split('name="take:')[1:] if "checked" in part.split(">")[0]]
    assert len(ticked) == 2
    sent = {**form(conflict, "merge"), "take:routes[b.example]": "2"}
    answer = browser.post(DESK, sent)
    assert answer.headers["Location"] == "/europe/cluster/network/smtp_routes"
    merged = world.routes(a_example="198.51.100.2", b_example="198.51.100.1")
    assert [p.value for p in drafts.pending(conflict.replica_id, "alice")] == [merged]
    assert "a pending change of yours will settle it" in browser.get(DESK).content.decode()
    browser.post("/europe/pending/", {"do": "commit"})
    assert commits.conflicts(conflict.replica_id) == []
    now = replicas.state(conflict.replica_id).defined(CLUSTER, "smtproutes")
    assert now is not None
    assert now.value == merged


def test_merge_that_takes_nothing_changes_nothing_and_says_so(
    browser: Client, conflict: ManagedCluster
) -> None:
    answer = browser.post(DESK, {**form(conflict, "merge"), "take:routes[b.example]": "7"}, follow=True)
    assert "what is in force already" in answer.content.decode()
    assert drafts.pending(conflict.replica_id, "alice") == []
    assert len(commits.conflicts(conflict.replica_id)) == 1


def test_loser_put_in_force_settles_the_conflict(browser: Client, conflict: ManagedCluster) -> None:
    (found,) = commits.conflicts(conflict.replica_id)
    browser.post(DESK, form(conflict, "take"))
    assert commits.conflicts(conflict.replica_id) == []
    now = replicas.state(conflict.replica_id).defined(CLUSTER, "smtproutes")
    assert now is not None
    assert now.value == found.others[0].value
    assert "No conflicts" in browser.get(DESK).content.decode()


def test_winner_kept_settles_the_conflict(browser: Client, conflict: ManagedCluster) -> None:
    browser.post(DESK, form(conflict, "keep"))
    assert commits.conflicts(conflict.replica_id) == []


@pytest.mark.parametrize("entry", ["", "nonsense", "settings/cluster/smtproutes", "cluster"])
def test_conflict_that_is_none_is_refused(browser: Client, europe: ManagedCluster, entry: str) -> None:
    before = replicas.vector(europe.replica_id)
    for do in ("take", "newest", "keep", "merge"):
        answer = browser.post(DESK, {"do": do, "entry": entry, "version": "x/1"}, follow=True)
        assert answer.status_code == 200
    assert replicas.vector(europe.replica_id) == before
    assert not europe.replica.drafts.exists()


def test_secret_of_neither_side_is_shown(browser: Client, conflict: ManagedCluster) -> None:
    """A conflict about users shows that passphrases differ, never their hashes."""
    from clusters.models import Head, Superseded

    document = {
        "users": [{"name": "admin", "role": "administrator", "passphrase_hash": "$argon2id$marker-{}"}]
    }
    for number, row in enumerate(Head.objects.filter(replica=conflict.replica_id, address__contains="smtp")):
        text = {"users": [{**document["users"][0], "passphrase_hash": f"$argon2id$marker-{number}"}]}
        mode = "settings/cluster/userconfig"
        Head.objects.filter(pk=row.pk, address="settings/cluster/smtproutes").update(address=mode, value=text)
    Superseded.objects.all().delete()
    assert "userconfig" in CATALOGUE
    html = browser.get(DESK).content.decode()
    assert "passphrase_hash" in html
    assert "marker" not in html


# safe wait


@pytest.fixture
def waiting(europe: ManagedCluster) -> ManagedCluster:
    membership.set_safe_wait(europe.replica_id, True, user="ops", host="berlin")
    world.conflict(europe)
    return europe


def in_force(waiting: ManagedCluster) -> object:
    now = replicas.state(waiting.replica_id).defined(CLUSTER, "smtproutes")
    return now and now.value


BEFORE = world.routes(a_example="192.0.2.1")


def test_conflict_that_waits_says_what_holds_and_who_wanted_what(
    browser: Client, waiting: ManagedCluster
) -> None:
    """SYN-08: safe wait."""
    assert in_force(waiting) == BEFORE
    html = browser.get(DESK).content.decode()
    for word in ("waits for a decision", "in force until somebody decides", "newest", "the other"):
        assert word in html
    assert "lost" not in html.split("<tbody>")[1].split("</section>")[0]


@pytest.mark.parametrize(
    ("do", "wanted"),
    [
        ("keep", BEFORE),
        ("newest", world.routes(a_example="198.51.100.2")),
        ("take", world.routes(a_example="192.0.2.1", b_example="198.51.100.1")),
    ],
)
def test_conflict_that_waits_is_settled_by_each_choice(
    browser: Client, waiting: ManagedCluster, do: str, wanted: object
) -> None:
    (found,) = commits.conflicts(waiting.replica_id)
    browser.post(DESK, {**form(waiting, do), "newest": str(found.newest.id)})
    assert in_force(waiting) == wanted
    assert commits.conflicts(waiting.replica_id) == []


def test_pending_change_that_settles_a_conflict_says_so(browser: Client, waiting: ManagedCluster) -> None:
    browser.post(DESK, {**form(waiting, "merge"), "take:routes[b.example]": "2"})
    assert "settles a conflict" in browser.get("/europe/pending/").content.decode()


def edited(browser: Client, host: str = "192.0.2.9") -> str:
    """Alice changes what is in conflict, and what the page says to it."""
    page = "/europe/cluster/network/smtp_routes"
    form_ = settings_form(browser.get(page).content.decode())
    answer = browser.post(page, {**form_, "f.routes.0.hosts.0.host": host}, follow=True)
    return answer.content.decode()


def test_ordinary_commit_settles_no_conflict_that_waits(browser: Client, waiting: ManagedCluster) -> None:
    """TRL-14: said at the edit, and asked at the commit."""
    html = edited(browser)
    assert "These settings are in conflict" in html
    assert "dora on far" in html
    (mine,) = drafts.pending(waiting.replica_id, "alice")
    before = replicas.vector(waiting.replica_id)
    answer = browser.post("/europe/pending/", {"do": "commit"})
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Not committed." in html
    assert "dora on far" in html
    assert replicas.vector(waiting.replica_id) == before
    entry = str(mine.address)
    shown = {"settle": entry, f"settles.{entry}": [str(version.id) for version in mine.waiting]}
    for ident in shown[f"settles.{entry}"]:
        assert f'value="{ident}"' in html
    assert browser.post("/europe/pending/", {"do": "commit", **shown}).status_code == 302
    assert commits.conflicts(waiting.replica_id) == []
    assert in_force(waiting) == mine.value


def test_proposal_is_about_the_versions_that_its_author_saw(
    browser: Client, waiting: ManagedCluster, bob: User
) -> None:
    """TRL-14: nobody else decides by approving, and nothing newer is dropped."""
    edited(browser)
    assert browser.post("/europe/pending/", {"do": "propose"}).status_code == 409
    (mine,) = drafts.pending(waiting.replica_id, "alice")
    entry = str(mine.address)
    shown = {"settle": entry, f"settles.{entry}": [str(version.id) for version in mine.waiting]}
    browser.post("/europe/pending/", {"do": "propose", **shown})
    deciding.approve(Proposal.everything.get(), bob)
    assert Proposal.everything.get().state == State.COMMITTED
    assert commits.conflicts(waiting.replica_id) == []


def test_call_settles_no_conflict_that_waits_unless_it_says_so(waiting: ManagedCluster, alice: User) -> None:
    """TRL-14: the same in the API, which names the versions."""
    client = APIClient()
    client.force_login(alice)
    path = "/api/v1/clusters/europe"
    body = {"value": world.routes(a_example="192.0.2.9")}
    put = client.put(f"{path}/cluster/settings/smtproutes/", body, format="json").json()
    assert {version["user"] for version in put["settles"]} == {"alice", "dora"}
    (mine,) = client.get(f"{path}/pending/").json()["changes"]
    answer = client.post(f"{path}/commits/", {}, format="json")
    assert answer.status_code == 409
    assert {clash["now"]["user"] for clash in answer.json()["clashes"]} == {"alice", "dora"}
    settles = [version["commit"] for version in mine["waiting"]]
    assert client.post(f"{path}/commits/", {"settles": settles}, format="json").status_code == 201
    assert commits.conflicts(waiting.replica_id) == []


@pytest.mark.parametrize("do", ["keep", "newest", "take"])
def test_decision_of_the_desk_drops_nothing_that_came_since(
    browser: Client, waiting: ManagedCluster, alice: User, do: str
) -> None:
    """TRL-14: the page was shown before one of the versions was here."""
    (found,) = commits.conflicts(waiting.replica_id)
    sent = {**form(waiting, do), "newest": str(found.newest.id)}
    html = browser.get(DESK).content.decode()
    assert all(f'name="seen" value="{ident}"' in html for ident in sent["seen"])
    for missing in range(2):
        early = {**sent, "seen": [sent["seen"][missing]]}
        assert "was changed meanwhile" in browser.post(DESK, early, follow=True).content.decode()
        assert len(commits.conflicts(waiting.replica_id)) == 1
    client = APIClient()
    client.force_login(alice)
    body = {"entry": sent["entry"], "seen": sent["seen"][:1]}
    answer = client.post("/api/v1/clusters/europe/conflicts/", body, format="json")
    assert answer.status_code == 409
    assert len(commits.conflicts(waiting.replica_id)) == 1
