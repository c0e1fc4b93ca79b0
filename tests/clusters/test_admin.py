"""The admin site: raw edits become commits, the log cannot be touched, errors stand on the form."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from clusters import drafts, membership, models, replicas
from clusters.admin import DraftForm, EntryForm
from clusters.modes import CLUSTER, machine
from clusters.state import Portal
from clusters.versions import Address, Kind, settings_at
from tests.clusters.conftest import BY, Cluster, rows

pytestmark = pytest.mark.usefixtures("collected")
ROUTES = settings_at(CLUSTER, "routes")


@pytest.fixture
def root(client: Client, db) -> Client:
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "x"))
    return client


def head(address: Address) -> models.Head:
    return models.Head.objects.get(address=str(address), rank=0)


def url(row, action: str = "change") -> str:
    return reverse(f"admin:clusters_{row._meta.model_name}_{action}", args=[row.pk])


def post(root: Client, row, value: str, **other: str):
    shown = DraftForm(instance=row).initial["shown"] if isinstance(row, models.Draft) else ""
    asked = {"value": value, "commit_comment": "", "shown": shown, **other}
    return root.post(url(row), asked, follow=True)


def test_every_model_is_there_and_every_page_opens(root: Client, cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("b"))
    models.HeldCommit.objects.create(replica_id=cluster.replica_id, wire={"id": "X/1", "changes": []})
    models.RollbackPoint.objects.create(replica_id=cluster.replica_id, commit="M1/1")
    old = head(ROUTES)
    columns = models.Superseded.columns(old.read())
    models.Superseded.objects.create(replica_id=cluster.replica_id, address="cluster", **columns)

    for model in apps.get_app_config("clusters").get_models():
        listed = root.get(reverse(f"admin:clusters_{model._meta.model_name}_changelist"))
        assert listed.status_code == 200, model
        assert root.get(url(model.objects.first())).status_code == 200, model


@pytest.mark.parametrize("name", ["Replica", "Commit", "Change", "Superseded", "HeldCommit", "RollbackPoint"])
def test_log_is_read_only(name: str, root: Client, cluster: Cluster, rf) -> None:
    model_admin = admin.site._registry[apps.get_model("clusters", name)]
    request = rf.get("/")
    request.user = get_user_model().objects.get()

    asked = (
        model_admin.has_add_permission,
        model_admin.has_change_permission,
        model_admin.has_delete_permission,
    )
    assert [ask(request) for ask in asked] == [False, False, False]
    for inline in model_admin.get_inline_instances(request):
        assert not inline.has_add_permission(request)


@pytest.mark.usefixtures("contexts")
def test_entry_saved_is_a_commit_by_the_admin(root: Client, cluster: Cluster) -> None:
    before = head(ROUTES)
    assert b"example.com" in root.get(url(before)).content

    answer = post(root, before, '{"rows": [{"name": "raw"}]}', commit_comment="by hand")

    assert [str(m) for m in answer.context["messages"]] == ["settings/cluster/routes was committed."]
    assert cluster.value(CLUSTER, "routes") == rows("raw")
    now = head(ROUTES).read()
    assert (now.user, now.host, now.comment, now.seen["M1"]) == ("root", "M1", "by hand", before.number + 4)
    made = models.Commit.objects.get(origin="M1", number=now.id.number).read()
    assert made.changes[0].replaces == before.commit_id


def test_entry_saved_on_a_portal_names_the_portal(root: Client, cluster: Cluster) -> None:
    portal = Portal("P1", "portal.example.com", "key")
    membership.enrol_portal(cluster.replica_id, portal=portal, **BY)
    models.Replica.objects.update(origin="P1")

    post(root, head(ROUTES), '{"rows": []}')

    assert head(ROUTES).read().host == "portal.example.com"


def test_entry_emptied_becomes_absent(root: Client, cluster: Cluster) -> None:
    post(root, head(ROUTES), "")

    assert cluster.value(CLUSTER, "routes") is None
    assert head(ROUTES).value is None
    assert root.get(url(head(ROUTES))).status_code == 200


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("{", "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ('{"rows": 3}', "expected a list"),
        ("{}", "expected a list"),
    ],
    ids=["broken", "nested too deeply", "wrong kind", "a field missing"],
)
def test_entry_with_a_wrong_value_shows_the_error_and_commits_nothing(
    root: Client, cluster: Cluster, value: str, error: str
) -> None:
    before = replicas.vector(cluster.replica_id)

    answer = post(root, head(ROUTES), value)

    assert error in answer.content.decode()
    assert replicas.vector(cluster.replica_id) == before


def test_entry_changed_meanwhile_is_not_overwritten(root: Client, cluster: Cluster) -> None:
    old = head(ROUTES)
    form = EntryForm({"value": '{"rows": []}'}, instance=old)
    cluster.put(CLUSTER, "routes", rows("theirs"), user="bob")

    assert not form.is_valid()
    assert "changed meanwhile" in str(form.errors)
    post(root, old, '{"rows": []}')
    assert cluster.value(CLUSTER, "routes") == rows("theirs")


@pytest.mark.parametrize("address", [Address(Kind.MACHINE, "M1"), Address(Kind.CLUSTER)])
def test_entry_that_is_no_setting_has_its_own_operations(root: Client, cluster: Cluster, address) -> None:
    before = replicas.vector(cluster.replica_id)

    assert post(root, head(address), "{}").status_code == 403
    assert replicas.vector(cluster.replica_id) == before


def test_loser_of_a_conflict_cannot_be_edited(root: Client, cluster: Cluster) -> None:
    row = head(ROUTES)
    models.Head.objects.filter(pk=row.pk).update(rank=1)

    assert post(root, row, "{}").status_code == 403


def test_draft_is_edited_and_dropped_when_it_changes_nothing(root: Client, cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("b"))
    row = models.Draft.objects.get()
    assert 'name="shown" value="' in root.get(url(row)).content.decode()

    post(root, row, '{"rows": [{"name": "c"}]}')
    assert [p.value for p in drafts.pending(cluster.replica_id, "bob")] == [rows("c")]

    row.refresh_from_db()
    assert "expected a list" in post(root, row, "{}").content.decode()
    post(root, row, '{"rows": [{"name": "example.com"}]}')
    assert drafts.pending(cluster.replica_id, "bob") == []


def test_draft_that_its_user_has_changed_since_is_not_overwritten(root: Client, cluster: Cluster) -> None:
    """TRL-09: the form says which draft it was made from."""
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("b"))
    row = models.Draft.objects.get()
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("newer"))

    answer = post(root, row, '{"rows": [{"name": "mine"}]}')

    assert "has been changed meanwhile" in answer.content.decode()
    assert [p.value for p in drafts.pending(cluster.replica_id, "bob")] == [rows("newer")]


def test_draft_of_a_pending_join_takes_an_object(cluster: Cluster) -> None:
    waiting = Address(Kind.PENDING_JOIN, "M7")
    drafts.edit_entry(cluster.replica_id, "bob", waiting, {"host": "mx7", "user_key": "k"})
    row = models.Draft.objects.get()

    shown = DraftForm(instance=row).initial["shown"]
    assert DraftForm({"value": '{"host": "mx8"}', "shown": shown}, instance=row).is_valid()
    row.refresh_from_db()
    assert not DraftForm({"value": "[1]", "shown": shown}, instance=row).is_valid()
    row.refresh_from_db()
    assert DraftForm({"value": "", "shown": shown}, instance=row).is_valid()


def test_draft_is_deleted_and_never_added(root: Client, cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "bob", machine("M1"), "ports", rows("b"))
    row = models.Draft.objects.get()

    assert root.get(reverse("admin:clusters_draft_add")).status_code == 403
    root.post(url(row, "delete"), {"post": "yes"})
    assert not models.Draft.objects.exists()


USERS = settings_at(CLUSTER, "users")


def test_secrets_are_on_no_page_of_the_admin(root: Client, cluster: Cluster) -> None:
    cluster.put(CLUSTER, "users", rows("eve", passphrase="hunter2"))
    drafts.edit(cluster.replica_id, "bob", CLUSTER, "users", rows("eve", passphrase="hunter3"))
    old = head(USERS)
    columns = models.Superseded.columns(old.read())
    models.Superseded.objects.create(replica_id=cluster.replica_id, address=str(USERS), **columns)
    wire = models.Commit.objects.order_by("-pk")[0].read().to_wire()
    models.HeldCommit.objects.create(replica_id=cluster.replica_id, wire=wire)

    for model in (
        models.Head,
        models.Change,
        models.Commit,
        models.Superseded,
        models.HeldCommit,
        models.Draft,
    ):
        for row in model.objects.all():
            page = root.get(url(row)).content.decode()
            assert "hunter" not in page, row
    models.Head.objects.filter(pk=old.pk).update(rank=1)
    loser = root.get(url(old)).content.decode()
    assert "eve" in loser
    assert "hunter" not in loser


def test_secret_left_hidden_stays_what_it_is(root: Client, cluster: Cluster) -> None:
    cluster.put(CLUSTER, "users", rows("eve", passphrase="hunter2"))

    post(root, head(USERS), '{"rows": [{"name": "eve", "passphrase": "********", "role": "guest"}]}')

    assert cluster.value(CLUSTER, "users") == rows("eve", passphrase="hunter2", role="guest")
