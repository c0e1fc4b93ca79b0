"""The audit log: each deed a row, each row in the chain, and whoever tampers with the tables is noticed."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils.translation import gettext_lazy, override
from pytest_django import DjangoCaptureOnCommitCallbacks

from clusters import drafts
from clusters.modes import CLUSTER
from portal.audit.head import Head, UnreadableHead, keep, read
from portal.audit.log import Action, AuditRow, Outcome, record, verify
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def rows(acme: Tenant) -> list[AuditRow]:
    return [record("alice", Action.JOB, f"job {n}", acme, proposal=n) for n in range(1, 6)]


@pytest.fixture
def head(tmp_path: Path, settings: Any) -> Path:
    settings.GATEFOLD_AUDIT_HEAD = str(tmp_path / "head")
    return tmp_path / "head"


def test_chain_of_untouched_rows_holds(rows: list[AuditRow]) -> None:
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert all(after.before == row.hash for row, after in pairwise(rows))
    assert verify(Head(5, rows[4].hash)) is None
    assert verify(Head(3, rows[2].hash)) is None


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        pytest.param("UPDATE portal_auditrow SET actor = 'bob' WHERE number = 3", 3, id="changed"),
        pytest.param("UPDATE portal_auditrow SET at = '2020-01-01 00:00:00' WHERE number = 2", 2, id="dated"),
        pytest.param("UPDATE portal_auditrow SET tenant_id = NULL WHERE number = 4", 4, id="moved away"),
        pytest.param("""UPDATE portal_auditrow SET facts = '{"port": 9}' WHERE number = 5""", 5, id="facts"),
        pytest.param("DELETE FROM portal_auditrow WHERE number = 3", 3, id="deleted"),
        pytest.param("DELETE FROM portal_auditrow WHERE number = 1", 1, id="first deleted"),
        pytest.param("DELETE FROM portal_auditrow WHERE number = 5", 5, id="tail cut off"),
        pytest.param(
            "UPDATE portal_auditrow SET number = 9 WHERE number = 2;"
            "UPDATE portal_auditrow SET number = 2 WHERE number = 3;"
            "UPDATE portal_auditrow SET number = 3 WHERE number = 9",
            2,
            id="reordered",
        ),
        pytest.param(
            "UPDATE portal_auditrow SET number = number + 1 WHERE number = 5;"
            "INSERT INTO portal_auditrow"
            " (number, at, actor, address, action, target, tenant_id, outcome, facts, before, hash)"
            " SELECT 5, at, 'mallory', address, action, target, tenant_id, outcome, facts, hash, 'feed'"
            " FROM portal_auditrow WHERE number = 4",
            5,
            id="inserted",
        ),
    ],
)
def test_tampering_with_the_table_is_named(rows: list[AuditRow], statement: str, number: int) -> None:
    for part in statement.split(";"):
        sql(part)
    found = verify()
    assert found is not None
    assert found.number == number, found.reason


def test_tail_cut_off_with_its_end_is_noticed_against_the_kept_head(rows: list[AuditRow]) -> None:
    sql("DELETE FROM portal_auditrow WHERE number > 3")
    sql(f"UPDATE portal_auditchain SET number = 3, hash = '{rows[2].hash}'")
    assert verify() is None
    found = verify(Head(5, rows[4].hash))
    assert found is not None
    assert found.number == 4


def test_chain_written_anew_is_noticed_against_the_kept_head(rows: list[AuditRow]) -> None:
    kept, before = Head(5, rows[4].hash), rows[3].hash
    row = AuditRow.objects.get(number=5)
    row.actor, row.before = "mallory", before
    sql(f"UPDATE portal_auditrow SET actor = 'mallory', hash = '{row.computed()}' WHERE number = 5")
    assert verify() is None
    found = verify(kept)
    assert found is not None
    assert found.number == 5


def test_end_is_kept_in_a_file_and_the_command_compares(
    acme: Tenant, head: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record("alice", Action.JOB, "one", acme)
        last = record("alice", Action.JOB, "two", acme)
    assert read(head) == Head(2, last.hash)
    out = io.StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("2 rows, each follows")
    sql("DELETE FROM portal_auditrow")
    sql("DELETE FROM portal_auditchain")
    with pytest.raises(CommandError, match="row 1"):
        call_command("verify_audit")


def test_head_never_goes_back_and_a_spoilt_file_is_named(head: Path) -> None:
    keep(Head(7, "b" * 64))
    keep(Head(5, "a" * 64))
    assert read(head) == Head(7, "b" * 64)
    head.write_text("nonsense")
    with pytest.raises(UnreadableHead, match="head"):
        read(head)
    keep(Head(8, "c" * 64))
    with pytest.raises(CommandError):
        call_command("verify_audit", head=head)


@pytest.mark.django_db(transaction=True)
def test_row_falls_with_the_deed_that_is_rolled_back(acme: Tenant, head: Path) -> None:
    def deed() -> None:
        with transaction.atomic():
            record("alice", Action.JOB, "undone", acme)
            raise RuntimeError("the deed failed")

    with pytest.raises(RuntimeError):
        deed()
    assert record("alice", Action.JOB, "done", acme).number == 1
    assert verify(read(head)) is None


@pytest.mark.parametrize("fact", [{"passphrase": "hunter2"}, {"change": "hunter2"}])
def test_facts_without_words_are_refused(acme: Tenant, fact: dict[str, str]) -> None:
    """A name that promises a secret is none of the facts."""
    with pytest.raises(ValueError, match=r"no words for (passphrase|hunter2)"):
        record("alice", Action.JOB, "x", acme, **fact)
    assert not AuditRow.objects.exists()


def test_rows_are_read_in_the_readers_language_and_kept_in_one(
    acme: Tenant, alice: User, log_in: LogIn
) -> None:
    with override("ja"):
        row = record(alice, Action.MEMBER, gettext_lazy("Check consistency"), acme, change="roles",
                     was=["operator"], now=["guest", "europe: approver"], name="sent")  # fmt: skip
    assert row.target == "Check consistency"
    assert row.computed() == row.hash
    client = log_in(alice)
    english = client.get("/audit/acme/").content.decode()
    japanese = client.get("/audit/acme/", headers={"Accept-Language": "ja"}).content.decode()
    assert "change: roles" in english
    assert "now: guest, europe: approver" in english
    assert "name: sent" in english
    assert "変更: 権限" in japanese
    assert "現在: ゲスト, europe: 承認者" in japanese
    assert "名前: sent" in japanese


def test_login_its_failure_and_logout_are_rows_of_the_persons_tenants(alice: User) -> None:
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/login/", {"username": "alice", "password": "wrong"})
    client.post("/login/", {"username": "nobody", "password": "wrong"})
    client.post("/login/", {"username": "alice", "password": world.PASSPHRASE})
    client.post("/logout/")
    found = AuditRow.objects.order_by("number").values_list(
        "action", "actor", "tenant__slug", "address", "outcome"
    )
    assert list(found) == [
        (Action.LOGIN_FAILED, "alice", "acme", "192.0.2.7", Outcome.REFUSED),
        (Action.LOGIN_FAILED, "nobody", None, "192.0.2.7", Outcome.REFUSED),
        (Action.LOGIN, "alice", "acme", "192.0.2.7", Outcome.DONE),
        (Action.LOGOUT, "alice", "acme", "192.0.2.7", Outcome.DONE),
    ]
    assert world.PASSPHRASE not in str(list(AuditRow.objects.values()))


def test_commit_revert_and_job_are_recorded(europe: ManagedCluster, bob: User, log_in: LogIn) -> None:
    drafts.edit(europe.replica_id, "bob", CLUSTER, "smtproutes", world.routes(b_example="192.0.2.9"))
    client = log_in(bob)
    made = client.post("/europe/pending/", {"do": "commit", "comment": "why"}).headers["Location"]
    client.post(made, {})
    job = client.post("/europe/synchronise/").headers["Location"]
    client.post(job, {"do": "cancel"})
    found = AuditRow.objects.exclude(action=Action.LOGIN).order_by("number")
    assert [(row.action, row.actor, row.tenant) for row in found] == [
        (Action.COMMIT, "bob", europe.tenant),
        (Action.REVERT, "bob", europe.tenant),
        (Action.JOB, "bob", europe.tenant),
        (Action.JOB, "bob", europe.tenant),
    ]
    assert found[0].facts == {"commit": "/".join(made.strip("/").split("/")[-2:])}
    assert verify() is None


def test_raw_edit_in_the_admin_site_is_recorded(alice: User, acme: Tenant, log_in: LogIn) -> None:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    log_in(alice).post(f"/admin/auth/user/{alice.pk}/password/", {"usable_password": "false"})
    form = {"name": "Acme Ltd", "slug": "acme", "second_factor": "nobody", "members-TOTAL_FORMS": 0,
            "members-INITIAL_FORMS": 0}  # fmt: skip
    assert log_in(alice).post(f"/admin/portal/tenant/{acme.pk}/change/", form).status_code == 302
    row = AuditRow.objects.get(action=Action.RAW_EDIT, target="Acme Ltd")
    assert (row.actor, row.facts["table"], row.facts["change"]) == ("alice", "tenant", "changed")


def test_rows_cannot_be_written_in_the_admin_site(alice: User, rows: list[AuditRow], log_in: LogIn) -> None:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    client, path = log_in(alice), f"/admin/portal/auditrow/{rows[0].pk}"
    assert client.get("/admin/portal/auditrow/").status_code == 200
    assert client.post(f"{path}/change/", {"actor": "x"}).status_code == 403
    assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/portal/auditrow/add/").status_code == 403
    assert verify() is None


def test_page_shows_the_tenants_rows_filtered_and_in_pages(
    acme: Tenant, umbra: Tenant, alice: User, bob: User, log_in: LogIn
) -> None:
    for number in range(60):
        record("bob", Action.JOB, f"job {number}", acme)
    record("charlie", Action.COMMIT, "whisper", umbra)
    record("alice", Action.COMMIT, "Europe", acme, outcome=Outcome.FAILED)
    client = log_in(alice)
    page = client.get("/audit/acme/").content.decode()
    assert "whisper" not in page
    assert "job 59" in page
    assert "job 5<" not in page
    assert "job 5<" in client.get("/audit/acme/?page=2").content.decode()
    found = client.get("/audit/acme/?action=commit&outcome=failed").content.decode()
    assert "Europe" in found
    assert "job 59" not in found
    assert "job 42" in client.get("/audit/acme/?q=job+42").content.decode()
    assert client.get("/audit/acme/?since=2999-01-01&until=nonsense&page=x&q=%00").status_code == 200
    assert client.get("/audit/umbra/").status_code == 404
    assert log_in(bob).get("/audit/acme/").status_code == 403


def test_export_is_whole_recorded_and_no_formula(acme: Tenant, alice: User, log_in: LogIn) -> None:
    record("=HYPERLINK()", Action.JOB, "first", acme, proposal=1)
    client = log_in(alice)
    told = b"".join(client.get("/audit/acme/?format=csv").streaming_content).decode()
    lines = list(csv.DictReader(io.StringIO(told)))
    assert [line["object"] for line in lines][:1] == ["first"]
    assert lines[0]["who"] == "'=HYPERLINK()"
    rows = json.loads(b"".join(client.get("/audit/acme/?format=json").streaming_content))
    assert [row["action"] for row in rows] == ["job", "login", "export"]
    assert rows[0]["hash"] == AuditRow.objects.get(number=1).hash
    assert rows[1]["before"] == rows[0]["hash"]
