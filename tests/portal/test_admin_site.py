"""The admin site opens every table for those who run the portal, and nothing there breaks the log."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.templatetags.static import static
from django.test import Client

from clusters import drafts
from clusters.models import Replica
from clusters.modes import CLUSTER
from portal.checks.rows import Check, Finding
from portal.jobs.rows import Job
from portal.lint.advice import Dismissal
from portal.proposals.policy import CommitPolicy
from portal.proposals.proposal import Proposal
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

TABLES = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def root(europe: ManagedCluster, alice: User, log_in: LogIn) -> Client:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    world.report(europe)
    Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise")
    CommitPolicy.objects.create(cluster=europe, approval=True)
    Proposal.everything.create(tenant=europe.tenant, cluster=europe, author=alice, user="alice").say("Made")
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.3"))
    check = Check.objects.create(cluster=europe, holders=[])
    Finding.objects.create(of=check, address="settings/cluster/smtproutes", versions="[]")
    Dismissal.objects.create(cluster=europe, key="x", rule="L05", reason="Meant", by="alice")
    return log_in(alice)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.label)
def test_table_and_its_rows_open(root: Client, model: type[Model]) -> None:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    assert root.get(base).status_code == 200
    row = model._base_manager.first()
    if row is not None:
        assert root.get(f"{base}{row.pk}/change/").status_code == 200


def test_what_machines_said_and_what_jobs_did_cannot_be_written(root: Client, europe: ManagedCluster) -> None:
    for path in ("appliances/machinestatus", "appliances/worker", "portal/job", "portal/managedcluster"):
        assert root.get(f"/admin/{path}/add/").status_code == 403, path
    assert (
        root.post(f"/admin/clusters/replica/{europe.replica_id}/delete/", {"post": "yes"}).status_code == 403
    )
    assert Replica.objects.filter(pk=europe.replica_id).exists()


def test_admin_wears_the_look_of_the_product(root: Client) -> None:
    html = root.get("/admin/").content.decode()
    assert static("gatefold/admin.css") in html
    assert "Gatefold" in html


def test_open_proposal_is_neither_written_nor_deleted_and_shows_no_values(
    root: Client, europe: ManagedCluster
) -> None:
    found = Proposal.everything.get()
    found.note(changes=[{"address": "settings/cluster/userconfig", "value": {"x": "whisper"}}])
    path = f"/admin/portal/proposal/{found.pk}/"
    assert "whisper" not in root.get(f"{path}change/").content.decode()
    assert root.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert root.get("/admin/portal/proposal/add/").status_code == 403


def test_raw_edit_says_that_it_asks_no_policy(root: Client, europe: ManagedCluster) -> None:
    head = europe.replica.heads.get(address="settings/cluster/smtproutes", rank=0)
    html = root.get(f"/admin/clusters/head/{head.pk}/change/").content.decode()
    assert "commit policy is not asked" in html


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Nowhere"},
        {"windows": '[{"day": 9}]'},
        {"canary": '{"minutes": "soon"}'},
        {"canary": "[" * 100_000},
    ],
    ids=["zone", "window", "canary", "nesting"],
)
def test_policy_that_makes_no_sense_is_refused(
    root: Client, europe: ManagedCluster, wrong: dict[str, str]
) -> None:
    row = CommitPolicy.objects.get()
    form = {"cluster": europe.pk, "zone": "UTC", "windows": "[]", "canary": "{}", **wrong}
    assert root.post(f"/admin/portal/commitpolicy/{row.pk}/change/", form).status_code == 200
    assert CommitPolicy.objects.get().approval


def test_value_that_is_nested_too_deeply_is_refused(root: Client, europe: ManagedCluster) -> None:
    draft = europe.replica.drafts.get()
    answer = root.post(f"/admin/clusters/draft/{draft.pk}/change/", {"value": "[" * 100_000})
    assert answer.status_code == 200
    assert "Enter a valid JSON" in answer.content.decode()
    assert europe.replica.drafts.get().value == draft.value
