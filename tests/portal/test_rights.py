"""Who may be where: every address of the portal, for each person and role, from the URL table itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from clusters import commits, replicas
from clusters.modes import CLUSTER
from portal.alerts.incidents import Alert, Fact, happened
from portal.alerts.kinds import Kind
from portal.alerts.routing import Channel
from portal.config_files import backups
from portal.jobs.rows import Job
from portal.proposals.proposal import Proposal
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

PUBLIC = {"account_login", "healthz", "set_language", "account_logout", "release_file", "invitation"}


def patterns() -> list[URLPattern]:
    """Every address that is not the admin site's, which has its own test."""
    return [p for p in get_resolver().url_patterns if isinstance(p, URLPattern)]


def filled(pattern: URLPattern, cluster: ManagedCluster) -> Iterator[str]:
    """The pattern with the values of a real cluster in it, one address per mode."""
    made = commits.last(cluster.replica_id)
    state = replicas.state(cluster.replica_id)
    job, _new = Job.everything.get_or_create(tenant=cluster.tenant, cluster=cluster, kind="synchronise")
    values: dict[str, Any] = {
        "slug": cluster.slug,
        "origin": made.id.origin,
        "tab": "network",
        "name": "smtp_routes",
        "tenant": cluster.tenant.slug,
        "word": "no-invitation",
        "way": "mail",
        "serial": next(iter(state.machines)),
    }
    one = cluster.tenant.members.first()
    proposal, _new = Proposal.everything.get_or_create(tenant=cluster.tenant, cluster=cluster)
    numbers = {
        "job": job.pk,
        "commit": made.id.number,
        "member": one.pk if one else 0,
        "proposal": proposal.pk,
        "alert": alert_of(cluster),
        "channel": channel_of(cluster),
        "load_file": 1,
        "backup": backup_of(cluster),
    }
    for mode in state.modes() if "mode" in pattern.pattern.converters else [None]:
        path = "/" + str(pattern.pattern)
        for name, converter in pattern.pattern.converters.items():
            value = (
                mode if name == "mode" else numbers[str(pattern.name)] if name == "number" else values[name]
            )
            raw = [part for part in path.split("<") if part.endswith(">") or ">" in part]
            part = next(p.split(">")[0] for p in raw if p.split(">")[0].split(":")[-1] == name)
            path = path.replace(f"<{part}>", converter.to_url(value))
        yield path


def alert_of(cluster: ManagedCluster) -> int:
    found = Alert.everything.filter(cluster=cluster).first()
    return (found or happened(cluster.tenant, cluster, Fact(Kind.DOWN, "X"), timezone.now())).pk


def channel_of(cluster: ManagedCluster) -> int:
    channel = Channel.everything.filter(tenant=cluster.tenant).first()
    if channel is None:
        channel = Channel(tenant=cluster.tenant, name="Ops", way="mail")
        channel.enter({"recipients": "ops@example.com"})
        channel.save()
    return int(channel.pk)


def backup_of(cluster: ManagedCluster) -> int:
    kept = backups.Backup.objects.filter(cluster=cluster).first()
    return (kept or backups.keep(cluster, backups.Backup.Why.PERSON)).number


def of_clusters() -> list[URLPattern]:
    return [p for p in patterns() if p.pattern.converters and p.name not in PUBLIC | {"new_channel"}]


def test_foreign_cluster_is_not_found(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User, log_in: LogIn
) -> None:
    stranger, owner = log_in(alice), log_in(charlie)
    before = replicas.vector(secret.replica_id)
    for path in [path for pattern in of_clusters() for path in filled(pattern, secret)]:
        assert stranger.get(path).status_code in (404, 405), path
        assert stranger.post(path, {"do": "commit"}).status_code in (404, 405), path
        assert owner.get(path).status_code in (200, 302, 405), path
        assert replicas.vector(secret.replica_id) == before, path


def test_nobody_sees_anything_before_login(europe: ManagedCluster) -> None:
    for pattern in patterns():
        for path in filled(pattern, europe):
            answer = Client().get(path)
            if (pattern.name or str(pattern.pattern)) in PUBLIC:
                assert b"Europe" not in answer.content, path
            else:
                assert answer.status_code == 302, path
                assert answer.headers["Location"].startswith("/login/"), path


def test_no_page_of_mine_names_what_is_foreign(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    client = log_in(alice)
    for pattern in patterns():
        if pattern.name in PUBLIC:
            continue
        for path in filled(pattern, europe):
            text = client.get(path, follow=True).content.decode()
            for word in ("Blacksite", "blacksite", "hush", "whisper", "Umbra", "hidden.example"):
                assert word not in text, (path, word)


LOOKS = {"cluster", "job", "monitor", "links", "queues", "upgrades", "alert", "cluster_alerts"}
READS = LOOKS | {
    *("mode", "feature", "history", "commit", "conflicts", "matrix", "check", "advice", "references"),
    *("proposals", "proposal", "policy", "configuration_schema", "news"),
}
EDITS = READS | {"pending", "configuration_file", "membership", "terminal"}
SEES = {
    Role.ADMINISTRATOR: EDITS | {"people_of", "member", "audit_of", "channel", "join", "remove"},
    Role.OPERATOR: EDITS,
    Role.APPROVER: READS,
    Role.READONLY: READS,
    Role.GUEST: LOOKS,
}


@pytest.mark.parametrize("role", list(Role))
def test_role_sees_just_its_pages(role: Role, acme: Tenant, europe: ManagedCluster, log_in: LogIn) -> None:
    """GUI-20 for guests."""
    client = log_in(world.person("somebody", "Some Body", **{role.value: acme}))
    seen = set()
    for pattern in of_clusters():
        codes = {client.get(path).status_code for path in filled(pattern, europe)}
        assert codes <= {200, 302, 403, 405}
        if codes == {200}:
            seen.add(pattern.name)
    assert seen == SEES[role]


@pytest.mark.parametrize("role", [Role.APPROVER, Role.READONLY, Role.GUEST])
def test_role_that_may_not_edit_changes_nothing(
    role: Role, acme: Tenant, europe: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(world.person("somebody", "Some Body", **{role.value: acme}))
    before = replicas.vector(europe.replica_id)
    for pattern in of_clusters():
        # An approver decides on proposals: see test_deciding.
        if pattern.name == "job" or (pattern.name == "proposal" and role is Role.APPROVER):
            continue
        for path in filled(pattern, europe):
            for do in ("save", "delete", "copy", "move", "commit", "clear", "restore", ""):
                answer = client.post(path, {"do": do, "json": '{"routes": []}', "target": "cluster"})
                assert answer.status_code in (403, 405), (path, do)
    assert replicas.vector(europe.replica_id) == before
    assert not europe.replica.drafts.exists()


def test_job_of_a_reader_is_not_cancelled(acme: Tenant, europe: ManagedCluster, log_in: LogIn) -> None:
    client = log_in(world.person("somebody", "Some Body", readonly=acme))
    job = Job.everything.create(tenant=acme, cluster=europe, kind="synchronise")
    client.post(f"/jobs/{job.pk}/", {"do": "cancel"})
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_operator_adopts_nothing(acme: Tenant, bob: User, log_in: LogIn) -> None:
    assert log_in(bob).get("/adopt/").status_code == 403
    assert log_in(bob).post("/adopt/", {"step": "look"}).status_code == 403


def test_mode_that_is_gone_is_not_found(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    for path in ("machine/NO-SUCH/", "group/0/", "group/0/network/smtp_routes", "cluster/network/no_such"):
        assert client.get(f"/europe/{path}").status_code == 404, path


def test_every_mode_has_an_address(europe: ManagedCluster, alice: User, log_in: LogIn) -> None:
    """GUI-02."""
    paris = world.mode_of(europe, "paris.example")
    assert log_in(alice).get(f"/europe/machine/{paris.id}/network/smtp_routes").status_code == 200
    assert log_in(alice).get("/europe/cluster/network/smtp_routes").status_code == 200
    assert CLUSTER in replicas.state(europe.replica_id).modes()


def test_admin_site_is_closed_to_the_people_of_tenants(
    europe: ManagedCluster, alice: User, log_in: LogIn
) -> None:
    alice.is_staff = True
    alice.save()
    from django.contrib import admin

    client = log_in(alice)
    for model in admin.site._registry:
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert "/admin/login/" in answer.headers["Location"]
