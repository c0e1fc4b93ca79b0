"""The pages of lists: links lead through all of it, keep the filter, and live parts stay where one is."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator

from appliances.models import Connection, MachineStatus
from portal.jobs import start
from portal.pages import alerts, audit, matrix, paging
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.api.test_lists import plenty
from tests.portal.conftest import LogIn

__all__ = ["plenty"]

pytestmark = pytest.mark.usefixtures("contexts")

LISTS = {
    "/": "q=e",
    "/europe/": "q=e&group=&connection=unknown",
    "/europe/cluster/monitor/overview": "q=e",
    "/europe/membership/": "q=e",
    "/europe/history/": "q=alice&user=alice&feature=smtproutes&mode=cluster",
    "/europe/proposals/": "",
    "/europe/conflicts/": "",
    "/europe/check/": "q=settings&only=open",
    "/europe/advice/": "",
    "/europe/references/": "feature=listenerconfig",
    "/europe/matrix/": "q=e",
    "/europe/alerts/": "state=all&kind=down&machine=X",
    "/alerts/": "state=open&cluster=europe",
    "/jobs/": "state=queued&cluster=europe",
    "/notifications/": "state=waiting",
    "/people/acme/": "q=p&role=operator&second_factor=no",
    "/audit/acme/": "q=alice&action=secret",
    "/account/tokens/": "",
    "/account/sessions/": "",
}
LIVE = {"/", "/europe/", "/europe/membership/", "/jobs/", "/alerts/", "/europe/alerts/", "/notifications/"}


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows on each page."""
    for module in (paging, alerts, audit, matrix):
        monkeypatch.setattr(module, "Paginator", lambda found, _size: Paginator(found, 2))


def shown(answer: Any) -> Any:
    return next(answer.context[name] for name in ("page", "shown", "columns") if name in answer.context)


def links(answer: Any) -> list[str]:
    """Where the pager leads."""
    found = re.search(r'<nav class="row center pager.*?</nav>', answer.content.decode(), re.DOTALL)
    return [html.unescape(href) for href in re.findall(r'href="([^"]+)"', found[0])] if found else []


@pytest.mark.usefixtures("in_twos")
@pytest.mark.parametrize("path", LISTS)
def test_links_lead_through_the_whole_list_and_keep_the_filter(
    path: str, plenty: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)
    asked = LISTS[path]
    answer = client.get(f"{path}?{asked}")
    rows, pages = list(shown(answer).object_list), 1
    while after := [link for link in links(answer) if f"page={pages + 1}" in link.split("&")[-1]]:
        assert asked.split("&")[0] in after[0], after
        if path in LIVE:
            part = html.unescape(answer.content.decode())
            assert f'hx-get="{answer.wsgi_request.get_full_path()}"' in part
        answer = client.get(f"{path}{after[0]}")
        rows += list(shown(answer).object_list)
        pages += 1
    whole = list(shown(answer).paginator.object_list)
    assert pages == -(-len(whole) // 2) > 1
    assert [str(row) for row in rows] == [str(row) for row in whole]


@pytest.mark.usefixtures("in_twos")
@pytest.mark.parametrize("path", LISTS)
def test_page_that_is_none_is_the_first_or_the_last(
    path: str, plenty: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)
    for word, last in (("x", False), ("0", True), ("-1", True), ("9" * 25, True), ("9" * 5000, False)):
        found = shown(client.get(path, {"page": word}))
        assert found.number == (found.paginator.num_pages if last else 1), word


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("q=RO", {"rome.example"}),
        ("connection=down", {"paris.example"}),
        ("enforcement=unknown", {"paris.example"}),
        ("q=nobody", set()),
        ("connection=nonsense&enforcement=x", {"berlin.example", "rome.example", "paris.example"}),
    ],
)
def test_machines_are_found_by_name_and_state(
    asked: str, names: set[str], europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    world.report(europe)
    MachineStatus.objects.filter(name="paris.example").update(connection=Connection.DOWN, enforced="")
    client = log_in(alice)
    for path in ("/europe/", "/europe/cluster/monitor/overview"):
        found = shown(client.get(f"{path}?{asked}")).object_list
        assert {one.status.name for one in found} == names
    text = client.get(f"/europe/?{asked}").content.decode()
    assert ("No machine matches" in text) == (not names)


def test_jobs_are_found_by_their_machine(plenty: ManagedCluster, alice: User, log_in: LogIn) -> None:
    made = start("upgrade", plenty, alice, machines=[("X-1", "rome.example"), ("X-2", "berlin.example")])
    client = log_in(alice)
    for word in ("rome", "x-2"):
        assert [job.pk for job in shown(client.get("/jobs/", {"machine": word}))] == [made.pk]
    assert not shown(client.get("/jobs/", {"machine": "paris"})).object_list
