"""The guided adoption against a real machine: fingerprint first, the passphrase once and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from clusters import replicas
from portal.jobs.rows import Job, JobLine
from portal.tenants import ManagedCluster, Tenant
from tests.appliances.machine.machines import PASSPHRASE, SSH_PORT, Machine, Machines, free_address
from tests.portal.conftest import LogIn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    found = Machines()
    (one,) = found.cluster("adoptee")
    yield one
    found.close()


@pytest.fixture
def browser(alice: User, log_in: LogIn) -> Client:
    return log_in(alice)


def where(machine: Machine, tenant: Tenant, **more: object) -> dict[str, object]:
    return {"step": "look", "tenant": tenant.pk, "address": machine.address, "port": SSH_PORT, **more}


def host_key(html: str) -> str:
    return html.split('name="host_key" value="')[1].split('"')[0]


def who(machine: Machine, tenant: Tenant, key: str, **more: object) -> dict[str, object]:
    told = {"step": "adopt", "host_key": key, "accepted": "on", "user": "admin", "passphrase": PASSPHRASE}
    return where(machine, tenant, **{**told, **more})


def everything_kept() -> str:
    """All rows of all tables, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return "".join(str(cursor.execute(f"SELECT * FROM {table}").fetchall()) for table in tables)


def test_cluster_is_adopted_after_its_fingerprint_was_shown(
    machine: Machine, acme: Tenant, browser: Client
) -> None:
    html = browser.post("/adopt/", where(machine, acme)).content.decode()
    assert machine.fingerprint in html
    assert PASSPHRASE not in html
    answer = browser.post("/adopt/", who(machine, acme, host_key(html)))
    cluster = ManagedCluster.objects.of(acme).get()
    assert answer.headers["Location"] == f"/{cluster.slug}/"
    assert replicas.state(cluster.replica_id).name == "Americas"
    assert "adoptee.example.com" in browser.get(f"/{cluster.slug}/").content.decode()
    assert Job.everything.get().state == Job.State.DONE
    assert PASSPHRASE not in everything_kept()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"passphrase": "guess"}, "passphrase"),
        ({"accepted": ""}, "required"),
        (
            {"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvZ3VzYm9ndXNib2d1c2JvZ3VzYm9ndXNib2d1c2Jv"},
            "host key",
        ),
        ({"host_key": "garbage"}, ""),
        ({"passphrase": ""}, "required"),
    ],
)
def test_adoption_that_is_wrong_somewhere_changes_nothing(
    machine: Machine, acme: Tenant, browser: Client, wrong: dict[str, str], words: str
) -> None:
    key = host_key(browser.post("/adopt/", where(machine, acme)).content.decode())
    answer = browser.post("/adopt/", who(machine, acme, key, **wrong))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "guess" not in answer.content.decode()
    assert not ManagedCluster.everything.exists()
    assert not any("guess" in str(line) for line in JobLine.objects.all())


@pytest.mark.parametrize("where_to", [{"address": "127.0.0.1", "port": 1}, {"port": 70_000}, {"address": ""}])
def test_address_where_nobody_answers_is_told_with_a_remedy(
    machine: Machine, acme: Tenant, browser: Client, where_to: dict[str, object]
) -> None:
    answer = browser.post("/adopt/", where(machine, acme, **where_to))
    assert answer.status_code == 422
    assert not Job.everything.exists()


def test_tenant_of_others_cannot_be_chosen(machine: Machine, umbra: Tenant, browser: Client) -> None:
    answer = browser.post("/adopt/", where(machine, umbra))
    assert answer.status_code == 422
    assert b"Umbra" not in answer.content
    assert free_address() not in answer.content.decode()
