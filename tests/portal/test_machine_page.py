"""The page of a machine: what it reported and when, why each value holds, what it brought into force."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from appliances.following import statuses
from appliances.models import Applied, Connection, MachineSample, MachineStatus
from clusters import commits, membership, replicas
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

BUDGET = 18


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    return log_in(alice)


def address(europe: ManagedCluster, name: str = "berlin.example") -> str:
    return f"/europe/machine/{world.mode_of(europe, name).id}/monitor/overview"


def report(europe: ManagedCluster, name: str = "berlin.example", **more: Any) -> MachineStatus:
    """Let a machine report, as its link would hand it over."""
    row = MachineStatus.objects.get(replica=europe.replica_id, name=name)
    europe.replica.refresh_from_db()
    said = {
        "serial": row.serial,
        "name": name,
        "release": "0.1.0",
        "wanted": row.wanted,
        "enforced": row.wanted,
        "vector": dict(europe.replica.vector),
        "generation": 7,
        "as_of": int(timezone.now().timestamp() * 1000),
        **more,
    }
    statuses.heard(europe.replica_id, row.serial, said)
    statuses.connection(europe.replica_id, row.serial, Connection.CONNECTED)
    row.refresh_from_db()
    return row


def text_of(browser: Client, path: str, **query: str) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_shows_what_the_machine_reported_marked_with_its_age(
    browser: Client, europe: ManagedCluster
) -> None:
    """GUI-02, GUI-03: its own data at its own address, of whichever machine is chosen, with their age."""
    row = report(
        europe,
        notes=["Listener inside is disabled"],
        postfix={"running": True, "restarts": 4},
        queue={"deferred": 12, "hold": 2},
        alerts=[{"kind": "down", "severity": "warning", "name": "oslo", "text": "nobody reaches it"}],
    )
    html = text_of(browser, address(europe))
    for said in (row.enforced, "Listener inside is disabled", "0.1.0", "nobody reaches it", "generation 7"):
        assert said in html
    assert re.search(r'Reported <time class="age" datetime="', html)
    assert "<dt>deferred</dt><dd>12</dd>" in html
    assert "Listener inside" not in text_of(browser, address(europe, "rome.example"))


def test_old_news_are_not_shown_as_fresh(browser: Client, europe: ManagedCluster) -> None:
    report(europe)
    assert "it may be different now" not in text_of(browser, address(europe))
    MachineStatus.objects.update(checked=timezone.now() - timedelta(hours=1))
    assert "it may be different now" in text_of(browser, address(europe))


@pytest.mark.parametrize("mode", ["cluster", "Paris"])
def test_other_modes_let_a_person_choose_the_machine(
    mode: str, browser: Client, europe: ManagedCluster
) -> None:
    """GUI-03, GUI-15, BP-10: a queue is looked at on the machine that holds it."""
    where = "cluster" if mode == "cluster" else f"group/{world.mode_of(europe, mode).id}"
    html = text_of(browser, f"/europe/{where}/monitor/overview")
    card = html[html.index("Choose the machine") :]
    reached = ["berlin.example", "rome.example", "paris.example"] if mode == "cluster" else ["paris.example"]
    for name in ("berlin.example", "rome.example", "paris.example"):
        assert (address(europe, name) in card) == (name in reached)


def test_story_names_origin_author_comment_and_what_is_hidden(
    browser: Client, europe: ManagedCluster
) -> None:
    paris = world.mode_of(europe, "paris.example")
    world.define(
        europe, paris, "smtproutes", world.routes(own_example="192.0.2.9"), user="bob", comment="A trial"
    )
    html = text_of(browser, address(europe, "paris.example"))
    told = html[html.index("The story of each value") :]
    row = told[told.index("SMTP Routes") :].partition("</tr>")[0]
    assert "own.example" in row
    for said in ("Machine paris.example", "bob on portal", "A trial", "Group Paris", "Cluster Europe"):
        assert said in row
    assert row.index("Machine paris.example") < row.index("Group Paris") < row.index("Cluster Europe")


def test_log_of_applies_names_the_commits_that_led_to_it(browser: Client, europe: ManagedCluster) -> None:
    report(europe)
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.5"), comment="For everybody")
    paris = world.mode_of(europe, "Paris")
    world.define(europe, paris, "smtproutes", world.routes(c_example="192.0.2.5"), comment="For Paris only")
    report(europe, generation=8)
    assert Applied.objects.count() == 2
    html = text_of(browser, address(europe))
    log = html[html.index("Log of applies") :]
    assert "For everybody" in log
    assert "For Paris only" not in log
    assert "generation 8" in log


def test_refused_settings_stay_in_the_log_and_their_commit_is_named_when_they_work(
    browser: Client, europe: ManagedCluster
) -> None:
    old = report(europe).enforced
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.5"), comment="Too early")
    error = {"text": "Postfix refused it", "since": 1}
    report(europe, enforced=old, error=error)
    report(europe, enforced=old, error=error)
    assert Applied.objects.count() == 2, "the same report again is no news"
    report(europe, generation=8)
    log = text_of(browser, address(europe))
    log = log[log.index("Log of applies") :]
    assert log.count("Postfix refused it") == 1
    assert log.count(">Too early</a>") == 2


def test_mail_flow_is_drawn_and_told_in_words(browser: Client, europe: ManagedCluster) -> None:
    now = timezone.now()
    counts = {"since": 5, "accepted": 100, "rejected": 7}
    report(europe, traffic=counts, as_of=1)
    MachineSample.objects.update(at=now - timedelta(minutes=30))
    report(europe, traffic={**counts, "accepted": 142})
    html = text_of(browser, address(europe))
    path = re.search(r'<path class="plot-accepted" d="([^"]*)"', html)
    assert path
    assert path[1].startswith("M")
    assert "accepted <strong>42</strong>" in html
    table = html[html.index("Mail by the hour") :].partition("</table>")[0]
    assert sum(int(n) for n in re.findall(r"</th><td>(\d+)</td>", table)) == 42


def test_machine_that_was_never_heard_has_a_page(browser: Client, europe: ManagedCluster) -> None:
    html = text_of(browser, address(europe))
    assert "Never heard" in html
    assert "nothing to plot" in html
    MachineStatus.objects.all().delete()
    assert "Never heard" in text_of(browser, address(europe))


def test_link_in_trouble_stands_first_with_reason_and_remedy(browser: Client, europe: ManagedCluster) -> None:
    rome, paris = (world.mode_of(europe, name).id for name in ("rome.example", "paris.example"))
    report(
        europe,
        links=[
            {"serial": paris, "name": "paris.example", "state": "connected", "round_trip": 12.5},
            {
                "serial": rome,
                "name": "rome.example",
                "state": "suspect",
                "reason": "No answer for 90 s",
                "remedy": "Look at the network",
            },
            {"serial": "P", "name": "portal", "kind": "portal", "state": "of another release"},
        ],
    )
    html = text_of(browser, address(europe))
    links = html[html.index("seen from here") : html.index("Log of applies")]
    assert links.index("rome.example") < links.index("paris.example")
    for said in ("No answer for 90 s", "Look at the network", "12.5 ms", "linked 100 % of the time"):
        assert said in links


def test_fragments_hold_one_part_alone(browser: Client, europe: ManagedCluster) -> None:
    report(europe)
    for part in ("now", "plots", "links", "story"):
        answer = browser.get(address(europe), {"part": part}, headers={"HX-Request": "true"})
        html = answer.content.decode()
        assert f'id="machine-{part}"' in html
        assert "<html" not in html
        assert html.count('id="machine-') == 1


def test_pages_carry_no_inline_style_or_script_and_escape_what_machines_say(
    browser: Client, europe: ManagedCluster
) -> None:
    report(europe, notes=["<script>alert(1)</script>"], error={"text": "<b>bad", "since": 1})
    html = text_of(browser, address(europe))
    assert "<script>alert" not in html
    assert "<b>bad" not in html
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)


def test_queries_do_not_grow_with_machines_or_history(
    acme: Tenant, alice: User, log_in: LogIn, europe: ManagedCluster
) -> None:
    client = log_in(alice)
    path = address(europe)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(path).status_code == 200
        return len(found)

    report(europe, as_of=1)
    joiner = membership.Machine("M", "m.example", "", "10.9.9.9")
    membership.enrol_machine(europe.replica_id, machine=joiner, settings={}, user="admin", host="mx0")
    report(europe, generation=8, as_of=2)
    few = queries()
    for number in range(40):
        machine = membership.Machine(f"M-{number}", f"mx{number}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(europe.replica_id, machine=machine, settings={}, user="admin", host="mx0")
        report(europe, generation=9 + number, as_of=3 + number)
    statuses.wanted(europe.replica_id)
    assert queries() <= few
    assert few <= BUDGET


def test_guest_sees_the_state_and_no_settings(acme: Tenant, europe: ManagedCluster, log_in: LogIn) -> None:
    """GUI-20."""
    report(europe)
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.5"), comment="Not for guests")
    report(europe, generation=8)
    html = text_of(log_in(world.person("gina", "Gina Guest", guest=acme)), address(europe))
    assert "Log of applies" in html
    for said in ("Not for guests", "The story of each value", "b.example", "Settings of this machine"):
        assert said not in html


def test_machine_of_another_cluster_or_removed_is_not_found(
    browser: Client, europe: ManagedCluster, secret: ManagedCluster
) -> None:
    foreign = next(iter(replicas.state(secret.replica_id).machines))
    assert browser.get(f"/europe/machine/{foreign}/monitor/overview").status_code == 404
    path = address(europe)
    serial = world.mode_of(europe, "berlin.example").id
    membership.remove_machine(europe.replica_id, serial, user="alice", host="portal")
    assert browser.get(path).status_code == 404
    assert browser.get(path, {"part": "now"}, headers={"HX-Request": "true"}).status_code == 404


def test_page_is_whole_in_japanese(browser: Client, europe: ManagedCluster) -> None:
    report(europe)
    html = browser.get(address(europe), headers={"Accept-Language": "ja"}).content.decode()
    assert "適用の記録" in html
    with translation.override("ja"):
        assert "Log of applies" not in html


def test_api_gives_the_same(europe: ManagedCluster, alice: User, acme: Tenant, log_in: LogIn) -> None:
    report(europe, traffic={"since": 5, "accepted": 3}, links=[{"serial": "X", "state": "down", "since": 9}])
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.5"))
    report(europe, generation=8)
    made = str(commits.last(europe.replica_id).id)
    serial = world.mode_of(europe, "berlin.example").id
    path = f"/api/v1/clusters/europe/machines/{serial}/monitor/"
    told = log_in(alice).get(path).json()
    assert told["machine"]["serial"] == serial
    assert told["counts"]["accepted"] == 0
    assert len(told["hours"]) == 24
    assert told["applies"][0]["commits"] == [made]
    guest = log_in(world.person("gina", "Gina Guest", **{Role.GUEST.value: acme}))
    assert guest.get(path).json()["applies"][0]["commits"] == []
    assert log_in(alice).get("/api/v1/clusters/europe/machines/NO-SUCH/monitor/").status_code == 404


def test_moments_of_reports_that_make_no_sense_are_none() -> None:
    from portal.machines.monitoring import moment

    assert moment(1_000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert [moment(n) for n in (None, 0, -5, 10**18)] == [None] * 4
