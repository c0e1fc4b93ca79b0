"""The paging law of every list of the API, from the URL table and the description: pages make the whole.

No answer is a bare array, and none of the lists is tried with less than three rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from appliances.following.applies import Applied
from appliances.following.questions import Question, key_of
from appliances.postfix.selecting import TERMS
from clusters import drafts, replicas
from clusters.modes import CLUSTER
from portal.alerts.channels.base import Message
from portal.alerts.channels.ways import WayName
from portal.alerts.deliveries import queue
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.api.listing import MOST
from portal.audit import log
from portal.checks.rows import Check, Finding
from portal.config_files import backups
from portal.config_files.backups import Backup
from portal.jobs.rows import Job
from portal.people import invitations
from portal.people.tokens import issue
from portal.proposals.proposal import Proposal, State
from portal.tenants import ManagedCluster, Role, Tenant
from portal.upgrades.run_book import WORDS
from tests.portal import world
from tests.portal.api.test_rights import addresses, urlpatterns
from tests.portal.conftest import Call
from tests.portal.test_queues import NOW_MS, message

Row = dict[str, Any]
WRONG = {
    "page": ("0", "-1", "x", "1.5", "9" * 25, "999999"),
    "page_size": ("0", "-1", "x", str(MOST + 1), "9" * 25),
}


@pytest.fixture
def plenty(europe: ManagedCluster, alice: User) -> ManagedCluster:
    """At least three of everything that is listed, in Acme and its Europe."""
    acme = europe.tenant
    for number in range(3):
        world.cluster(acme, "Twin", [f"twin{number}.example"])
        world.person(f"p{number}", "Pat Pool", operator=acme)
        issue(alice, "the same name")
        world.logged_in("alice")
        other = Tenant.objects.create(name="Alike", slug=f"alike{number}")
        other.members.create(user=alice, role=Role.ADMINISTRATOR)
        log.record(alice, log.Action.SECRET, europe, acme)
        invitations.invite(SimpleNamespace(user=alice), acme, f"guest{number}@acme.example", Role.GUEST)
        for state in (State.APPROVAL, State.WITHDRAWN):
            Proposal.everything.create(tenant=acme, cluster=europe, user="bob", state=state)
        world.define(europe, CLUSTER, "smtproutes", world.routes(a_example=f"192.0.2.{number + 7}"))
        backups.keep(europe, Backup.Why.PERSON, alice)
    alerted(europe, alice)
    found(europe)
    applied(europe)
    world.define(europe, world.mode_of(europe, "rome.example"), "smtproutes", world.routes())
    world.conflict(europe, CLUSTER, world.mode_of(europe, "Paris"), world.mode_of(europe, "rome.example"))
    listeners(europe)
    answered(europe)
    return europe


def alerted(europe: ManagedCluster, alice: User) -> None:
    now, acme = timezone.now(), europe.tenant
    for number in range(3):
        alert = happened(acme, europe, Fact(Kind.DOWN, f"X-{number}"), now)
        channel = Channel(tenant=acme, name="Ops", way=WayName.MAIL)
        channel.enter({"recipients": "ops@example.com"})
        channel.save()
        Subscription.everything.create(tenant=acme, channel=channel)
        Digest.everything.create(tenant=acme, channel=channel)
        queue(channel, Message("x", "x", {}), now, alert)
        MaintenanceWindow.everything.create(
            tenant=acme, cluster=europe, begins=now, ends=now + timedelta(hours=1), reason="x"
        )
        job = Job.everything.create(tenant=acme, cluster=europe, kind="synchronise", started_by=alice)
        for _n in range(3):
            job.say("the same line")


def answered(europe: ManagedCluster) -> None:
    """What machines hold and how ready they are; asked so late that nobody is asked again meanwhile."""
    letters = [message(f"ABCDEF{n}", "bob@dest.example", arrived=NOW_MS + n) for n in range(2)]
    counts = {"incoming": 0, "active": 0, "deferred": 2, "hold": 0, "maildrop": 0}
    held = {"counts": counts, "oldest": NOW_MS, "matching": 2, "messages": letters}
    now, search = timezone.now(), ("queue", "list", "--limit", "200", "--json")
    questions = {
        search: held,
        (*search[:2], "sender=a@here", *search[2:]): held,
        WORDS: {"release": "0.1.0", "previous": None, "offers": [], "problems": []},
    }
    for serial in replicas.state(europe.replica_id).machines:
        for words, value in questions.items():
            Question.objects.create(
                replica=europe.replica,
                serial=serial,
                key=key_of(words, "administrator"),
                words=words,
                user="alice",
                role="administrator",
                asked=now + timedelta(minutes=10),
                answered=now,
                code=0,
                said=json.dumps(value),
            )


def found(europe: ManagedCluster) -> None:
    check = Check.objects.create(cluster=europe)
    for name in ("smtproutes", "textconfig", "aliasconfig"):
        Finding.objects.create(of=check, address=f"settings/cluster/{name}", versions="[]")


def applied(europe: ManagedCluster) -> None:
    serial = next(iter(replicas.state(europe.replica_id).machines))
    for _n in range(3):
        Applied.objects.create(replica=europe.replica, serial=serial, at=timezone.now(), enforced="a" * 16)


def listeners(europe: ManagedCluster) -> None:
    """References in three modes, and advice about each machine."""
    for mode in replicas.state(europe.replica_id).modes():
        document = {"listeners": [LISTENER | {"port": 2525}]}
        drafts.edit(europe.replica_id, "alice", mode, "listenerconfig", document)


LISTENER: Row = {
    "name": "IncomingMail",
    "type": "public",
    "interface": "Management",
    "disclaimer_below": "Company",
    "hat": {
        "sender_groups": [{"name": "ALL", "hosts": ["ALL"], "policy": "ACCEPTED"}],
        "policies": [{"name": "ACCEPTED", "behaviour": "accept"}],
    },
    "rat": {"entries": [{"recipient": "a.example", "action": "accept"}]},
}


@pytest.fixture(scope="module")
def described() -> dict[str, Row]:
    """The operations of the description that look, by their address in the URL table."""
    found = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {_bare(path, "{", "}"): told["get"] for path, told in found.items() if "get" in told}


def _bare(path: str, opened: str, closed: str) -> str:
    """Without the names of what stands in an address."""
    first, *rest = path.removeprefix("/api/v1/").split(opened)
    return "*".join([first, *(part.split(closed)[-1] for part in rest)])


def lists(described: dict[str, Row], cluster: ManagedCluster) -> Iterator[tuple[str, dict[str, Row]]]:
    """The address of every list, with what may be asked of it."""
    for pattern in urlpatterns:
        operation = described.get(_bare(str(pattern.pattern), "<", ">"), {})
        asked = {p["name"]: p["schema"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        for address in filled(pattern, cluster) if "page_size" in asked else ():
            yield address, asked


def filled(pattern: URLPattern, cluster: ManagedCluster) -> list[str]:
    """Its first address and its last: of modes the cluster and a machine, as a group is like the cluster."""
    alice = cluster.tenant.members.get(user__username="alice")
    job = Job.everything.latest("pk")
    first, *rest = addresses(pattern, cluster, jobs=job.pk, members=alice.pk)
    return [first, *rest[-1:]]


def pages(client: APIClient, address: str, size: int) -> list[list[Row]]:
    """The rows of each page, by following the addresses to the end, and back from there."""
    there, back = [], []
    path: str | None = f"{address}{'&' if '?' in address else '?'}page_size={size}"
    while path:
        told = client.get(path).json()
        there.append([steady(row) for row in told["results"]])
        last, path = path, told["next"]
    path = last
    while path:
        told = client.get(path).json()
        back.append([steady(row) for row in told["results"]])
        path = told["previous"]
    assert there == back[::-1], address
    return there


def steady(row: Row) -> Row:
    """Without the signed address of an invitation, which is another one each second."""
    return {k: v for k, v in row.items() if k != "path" or not v.startswith("/invitation/")}


def test_pages_of_every_list_make_the_whole(
    plenty: ManagedCluster, alice: User, calls: Call, described: dict[str, Row]
) -> None:
    client = calls(alice)
    tried = 0
    for address, _asked in lists(described, plenty):
        (whole,) = pages(client, address, MOST)
        assert len(whole) >= 3, address
        for size in (2, len(whole)):
            found = pages(client, address, size)
            assert [row for page in found for row in page] == whole, address
            assert {len(page) for page in found[:-1]} <= {size}
            assert 0 < len(found[-1]) <= size
        tried += 1
    assert tried > 25


def test_filters_of_every_list_narrow_it_and_hold_over_its_pages(
    plenty: ManagedCluster, alice: User, calls: Call, described: dict[str, Row]
) -> None:
    client = calls(alice)
    for address, asked in lists(described, plenty):
        # Alerts that are over are left out unless they are asked for.
        everything = f"{address}?state=all" if "all" in asked.get("state", {}).get("enum", ()) else address
        (whole,) = pages(client, everything, MOST)
        for name, schema in asked.items():
            for word in words(name, schema) if filters(name, address) else ():
                narrow = f"{address}?{name}={word}"
                (found,) = pages(client, narrow, MOST)
                assert [row for row in whole if row in found] == found or name == "differing", narrow
                assert [row for page in pages(client, narrow, 2) for row in page] == found, narrow
                assert len(found) < len(whole) or schema.get("enum") or word in ("true", "false"), narrow


def filters(name: str, address: str) -> bool:
    """Whether it decides which rows there are; not what stands in them, as a search does with counts."""
    counts = address.endswith("/queues/machines/") and name in TERMS
    return not counts and name not in ("page", "page_size", "at", "mode", "release")


def words(name: str, schema: Row) -> list[str]:
    """What a person may ask for; of free words one that nothing has in it."""
    if "enum" in schema:
        return [word for word in schema["enum"] if word]
    if schema["type"] == "boolean":
        return ["true", "false"]
    return [{"since": "2999-01-01", "until": "1999-01-01"}.get(name, "404404")]


def test_what_is_no_page_and_no_word_of_a_filter_is_named(
    plenty: ManagedCluster, alice: User, calls: Call, described: dict[str, Row]
) -> None:
    client = calls(alice)
    for address, asked in lists(described, plenty):
        wrong = {**WRONG, **{name: bad(schema) for name, schema in asked.items() if name not in WRONG}}
        for name, values in wrong.items():
            for value in values:
                answer = client.get(address, {name: value})
                assert answer.status_code == 400, (address, name, value)
                assert [each["path"] for each in answer.json()["problems"]] == [name]
            assert client.get(address, {name: ""}).status_code == 200, (address, name)


def bad(schema: Row) -> list[str]:
    """Words that are none of this filter."""
    if "enum" in schema or schema["type"] in ("boolean", "integer") or "format" in schema:
        return ["nonsense", "\0"]
    return ["a\0b", "x" * 300]


def test_no_answer_is_an_array(
    plenty: ManagedCluster, alice: User, calls: Call, described: dict[str, Row]
) -> None:
    """Whatever grows is a list with pages."""
    client = calls(alice)
    listed = {address for address, _asked in lists(described, plenty)}
    for pattern in urlpatterns:
        for address in filled(pattern, plenty):
            answer = client.get(address)
            if answer.status_code == 200 and "json" in answer.headers["Content-Type"]:
                told = answer.json()
                assert isinstance(told, dict), address
                assert ("results" in told) == (address in listed), address
