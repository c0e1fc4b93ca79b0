"""The admin site opens every table for those who run the portal, and nothing there breaks the log."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from clusters import drafts
from clusters.models import Replica
from clusters.modes import CLUSTER
from portal.jobs import Job
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
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(a_example="192.0.2.3"))
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
    assert "gatefold/admin.css" in html
    assert "Gatefold" in html
