"""The pages of lists: links lead through all of it, keep the filter, and live parts stay where one is."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator

from appliances.models import Connection, MachineStatus
from portal.jobs.rows import start
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
    "/europe/queues/": "q=e&connection=unknown",
    "/europe/upgrades/": "q=e&release=0.1.0",
    "/europe/alerts/": "state=all&kind=down&machine=X",
    "/alerts/": "state=open&cluster=europe",
    "/jobs/": "state=queued&cluster=europe",
    "/notifications/": "state=waiting",
    "/people/acme/": "q=p&role=operator&second_factor=no",
    "/audit/acme/": "q=alice&action=secret",
    "/account/tokens/": "",
    "/account/sessions/": "",
}
BESIDE = {
    ("/europe/queues/", "messages"): "sender=a@here",
    ("/people/acme/", "invitations"): "email=guest",
}
"""Lists that share a page with another one, by the name of their pages in the address."""
CASES = [*((path, "page", LISTS[path]) for path in LISTS), *((*key, BESIDE[key]) for key in BESIDE)]
LIVE = {
    "/",
    "/europe/",
    "/europe/membership/",
    "/europe/queues/",
    "/europe/upgrades/",
    "/jobs/",
    "/alerts/",
    "/europe/alerts/",
    "/notifications/",
}


@pytest.fixture
def in_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows on each page."""
    for module in (paging, alerts, audit, matrix):
        monkeypatch.setattr(module, "Paginator", lambda found, _size: Paginator(found, 2))


def shown(answer: Any, name: str = "page") -> Any:
    names = ("page", "shown", "columns") if name == "page" else (name, f"{name}_page")
    return next(answer.context[each] for each in names if isinstance(answer.context.get(each), paging.Page))


def links(answer: Any, name: str = "page") -> list[str]:
    """Where the pager leads."""
    found = re.findall(r'<nav class="row center pager.*?</nav>', answer.content.decode(), re.DOTALL)
    hrefs = (html.unescape(href) for pager in found for href in re.findall(r'href="([^"]+)"', pager))
    return [href for href in hrefs if href.split("&")[-1].lstrip("?").startswith(f"{name}=")]


@pytest.mark.usefixtures("in_twos")
@pytest.mark.parametrize(("path", "name", "asked"), CASES)
def test_links_lead_through_the_whole_list_and_keep_the_filter(
    path: str, name: str, asked: str, plenty: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)
    answer = client.get(f"{path}?{asked}")
    rows, pages = list(shown(answer, name).object_list), 1
    while after := [link for link in links(answer, name) if link.endswith(f"{name}={pages + 1}")]:
        assert parse_qs(asked).items() <= parse_qs(after[0][1:]).items(), after
        if path in LIVE:
            part = html.unescape(answer.content.decode())
            assert f'hx-get="{answer.wsgi_request.get_full_path()}"' in part
        answer = client.get(f"{path}{after[0]}")
        rows += list(shown(answer, name).object_list)
        pages += 1
    whole = list(shown(answer, name).paginator.object_list)
    assert pages == -(-len(whole) // 2) > 1
    assert [str(row) for row in rows] == [str(row) for row in whole]


@pytest.mark.usefixtures("in_twos")
@pytest.mark.parametrize(("path", "name"), [case[:2] for case in CASES])
def test_page_that_is_none_is_the_first_or_the_last(
    path: str, name: str, plenty: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)
    for word, last in (("x", False), ("0", True), ("-1", True), ("9" * 25, True), ("9" * 5000, False)):
        found = shown(client.get(path, {name: word}), name)
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
    for path in ("/europe/queues/", "/europe/upgrades/"):
        answer = client.get(f"{path}?{asked}")
        assert {one.heard.name for one in shown(answer).object_list} == names
        assert ("No machine matches" in answer.content.decode()) == (not names)
    text = client.get(f"/europe/?{asked}").content.decode()
    assert ("No machine matches" in text) == (not names)


def test_jobs_are_found_by_their_machine(plenty: ManagedCluster, alice: User, log_in: LogIn) -> None:
    made = start("upgrade", plenty, alice, machines=[("X-1", "rome.example"), ("X-2", "berlin.example")])
    client = log_in(alice)
    for word in ("rome", "x-2"):
        assert [job.pk for job in shown(client.get("/jobs/", {"machine": word}))] == [made.pk]
    assert not shown(client.get("/jobs/", {"machine": "paris"})).object_list
