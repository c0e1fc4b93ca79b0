"""The matrix: every feature in every mode, with a number of queries that does not grow."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clusters import drafts, membership
from clusters.modes import CLUSTER
from portal.pages.matrix import COLUMNS
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

BUDGET = 9


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def page(browser: Client, **query: str) -> str:
    answer = browser.get("/europe/matrix/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def cells(html: str, feature: str = "SMTP Routes") -> dict[str, str]:
    """The cells of a feature: for each mode's label what the cell says, and its look."""
    row = html[html.index("<tbody>") :]
    row = row[row.index(f">{feature}</th>") :].partition("</tr>")[0]
    found = re.findall(r'<a class="cell ([^"]*)" href="[^"]*" title="[^"]*? · ([^"]*?): ([^"]*)"', row)
    return {mode: f"{said} | {look}" for look, mode, said in found}


def test_cells_say_what_each_mode_has(browser: Client, europe: ManagedCluster) -> None:
    berlin, rome = world.mode_of(europe, "berlin.example"), world.mode_of(europe, "rome.example")
    world.define(europe, berlin, "smtproutes", world.routes(a_example="192.0.2.1"))
    world.define(europe, rome, "smtproutes", {"routes": []})
    found = cells(page(browser))
    assert found == {
        "Cluster Europe": "defined here | defined cluster",
        "Group Main_Group": "inherited | inherited cluster",
        "Machine berlin.example": "the same as above | same machine",
        "Machine rome.example": "defined, and empty | empty-own machine",
        "Group Paris": "defined here | defined group",
        "Machine paris.example": "inherited | inherited group",
    }
    assert "1 override without a point" in page(browser)


def test_each_cell_opens_its_feature_in_its_mode(browser: Client, europe: ManagedCluster) -> None:
    """GUI-02."""
    html = page(browser)
    links = re.findall(r'<a class="cell [^"]*" href="([^"]*)"', html)
    paris = world.mode_of(europe, "paris.example").id
    assert f"/europe/machine/{paris}/network/smtp_routes" in links
    assert len(links) == len(set(links))
    for link in links:
        assert browser.get(link).status_code == 200
    assert "cannot be defined here" in html


def test_pending_change_is_marked_for_its_author_alone(
    browser: Client, europe: ManagedCluster, bob: User, log_in: LogIn
) -> None:
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(b_example="192.0.2.9"))
    drafts.remove(europe.replica_id, "alice", world.mode_of(europe, "Paris"), "smtproutes")
    mine = cells(page(browser))
    assert mine["Cluster Europe"] == "defined here (pending change) | defined cluster is-pending"
    assert mine["Group Paris"] == "inherited (pending change) | inherited cluster is-pending"
    assert "is-pending" not in "".join(cells(page(log_in(bob))).values())


def test_filter_by_typing_keeps_the_cluster_and_what_matches(browser: Client) -> None:
    assert list(cells(page(browser, q="ROME"))) == ["Cluster Europe", "Machine rome.example"]
    assert list(cells(page(browser, q="paris"))) == [
        "Cluster Europe",
        "Group Paris",
        "Machine paris.example",
    ]
    none = page(browser, q="<nobody>")
    assert list(cells(none)) == ["Cluster Europe"]
    assert "No other group or machine matches" in none
    assert "<nobody>" not in none


def test_only_what_differs_leaves_out_modes_and_features_that_inherit(
    browser: Client, europe: ManagedCluster
) -> None:
    html = page(browser, differing="on")
    assert list(cells(html)) == ["Cluster Europe", "Group Paris"]
    assert "Bounce Profiles" not in html
    drafts.remove(europe.replica_id, "alice", world.mode_of(europe, "Paris"), "smtproutes")
    assert list(cells(page(browser, differing="on"))) == ["Cluster Europe", "Group Paris"]


def test_nothing_that_differs_is_said_in_words(browser: Client, acme: Tenant) -> None:
    world.cluster(acme, "Plain", ["a.example"])
    html = browser.get("/plain/matrix/", {"differing": "on"}).content.decode()
    assert "Nothing differs" in html


def test_htmx_gets_the_table_alone(browser: Client) -> None:
    answer = browser.get("/europe/matrix/", {"q": "rome"}, headers={"HX-Request": "true"})
    html = answer.content.decode()
    assert "<html" not in html
    columns = html[: html.index("</thead>")]
    assert "rome" in columns
    assert "berlin" not in columns


def test_queries_are_the_same_on_3_and_on_200_machines_which_come_in_pages(
    browser: Client, europe: ManagedCluster
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(browser)
        return len(found)

    few = queries()
    for number in range(197):
        machine = membership.Machine(f"M-{number}", f"mx{number:03}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(europe.replica_id, machine=machine, settings={}, user="admin", host="mx0")
    europe.replica.refresh_from_db()
    assert queries() == few
    assert few <= BUDGET
    first, last = page(browser), page(browser, page="6")
    assert first.count('scope="col" class="of-') == COLUMNS + 1
    assert "202 of 202" in first
    assert "1 / 6" in first
    assert last.count('scope="col" class="of-') == 1 + 202 - 5 * COLUMNS
    assert "Cluster Europe" in last
    assert len(cells(page(browser, page="no number"))) == COLUMNS + 1


def test_api_gives_the_same(browser: Client, europe: ManagedCluster) -> None:
    drafts.remove(europe.replica_id, "alice", world.mode_of(europe, "Paris"), "smtproutes")
    told = browser.get("/api/v1/clusters/europe/matrix/", {"page_size": "4"}).json()
    assert told["count"] == 6
    assert [column["name"] for column in told["results"]][:2] == ["Europe", "Main_Group"]
    rest = browser.get("/api/v1/clusters/europe/matrix/", {"q": "paris"}).json()["results"]
    assert [column["name"] for column in rest] == ["Europe", "Paris", "paris.example"]
    cell = next(c for c in rest[1]["cells"] if c["feature"] == "smtproutes")
    assert cell == {"feature": "smtproutes", "kind": "inherited", "origin": "cluster", "pending": True}
