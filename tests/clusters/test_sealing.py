"""Secrets rest sealed: in no row is the text, and every key of the file opens what it sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from clusters import commits, drafts, membership, models, replicas, sealing
from clusters.modes import CLUSTER
from clusters.sealed_columns import SealedTextField, require_keys, rotate
from clusters.sealing import KeyMissing
from clusters.versions import settings_at
from tests.clusters.conftest import Cluster, rows

SECRET = "hunter2 in the clear"
USERS = settings_at(CLUSTER, "users")


@pytest.fixture
def keys(tmp_path: Path, settings: Any) -> Path:
    settings.GATEFOLD_SEALING_KEYS = tmp_path / "keys" / "sealing_keys"
    return tmp_path / "keys" / "sealing_keys"


def stored() -> str:
    """Every text of every table, as the database keeps it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'select * from "{table}"')
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


def commit_secret(cluster: Cluster) -> None:
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "users", rows("eve", passphrase=SECRET))
    assert SECRET not in stored()
    commits.commit_pending(cluster.replica_id, user="alice", host="M1")


def test_secret_is_in_no_row_and_comes_back_whole(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)

    assert SECRET not in stored()
    assert sealing.MARK in stored()
    held = replicas.state(cluster.replica_id).settings[CLUSTER]["users"].value
    assert SECRET in repr(held)
    assert keys.stat().st_mode & 0o777 == 0o600


def test_secret_of_a_held_commit_is_sealed(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)
    wire = models.Commit.objects.order_by("-pk")[0].read().to_wire()
    replica = models.Replica.objects.get(pk=cluster.replica_id)

    row = models.HeldCommit.objects.create(replica=replica, wire=wire)

    assert SECRET not in stored()
    row.refresh_from_db()
    assert row.wire == wire
    rows_of = models.HeldCommit.objects.filter(pk=row.pk)
    rows_of.update(wire=wire["changes"])
    assert SECRET not in stored()
    assert rows_of.get().wire == wire["changes"]


def test_secret_that_stood_before_is_sealed(cluster: Cluster, keys: Path) -> None:
    """SYN-08: under safe wait a version carries what had stood."""
    by = {"user": "alice", "host": "M1"}
    membership.set_safe_wait(cluster.replica_id, True, **by)
    commit_secret(cluster)
    cluster.put(CLUSTER, "users", rows("eve", passphrase="another"))
    (head,) = replicas.heads(cluster.replica_id, [USERS])[USERS]
    assert head.past is not None
    assert SECRET in repr(head.past)
    made = models.Commit.objects.order_by("-pk")[0].read()
    assert SECRET in repr(made.changes[0].past)
    models.HeldCommit.objects.create(replica_id=cluster.replica_id, wire=made.to_wire())
    assert SECRET not in stored()
    assert rotate() > 0
    assert SECRET not in stored()
    assert replicas.heads(cluster.replica_id, [USERS])[USERS] == (head,)


def test_rotation_seals_everything_anew_and_opens_what_was_sealed_before(
    cluster: Cluster, keys: Path
) -> None:
    commit_secret(cluster)
    before = keys.read_text().split()

    assert rotate() > 0

    after = keys.read_text().split()
    assert after[1:] == before
    assert SECRET not in stored()
    keys.write_text(after[0] + "\n")
    assert SECRET in repr(models.Head.objects.get(address="settings/cluster/users").read().value)


def test_rotation_forgets_the_keys_before_the_last(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)
    for _turn in range(3):
        rotate()
    assert len(keys.read_text().split()) == sealing.KEPT


def test_lost_keys_are_named_and_no_value_is_made_up(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)
    keys.unlink()

    with pytest.raises(KeyMissing, match="put the file back"):
        models.Head.objects.get(address="settings/cluster/users")
    assert not keys.exists()


def test_keys_of_another_database_are_named(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)
    keys.unlink()
    sealing.begin()

    with pytest.raises(KeyMissing, match="does not open what is sealed"):
        require_keys()


def test_require_keys_keys_there_or_nothing_sealed_raises_nothing(cluster: Cluster, keys: Path) -> None:
    require_keys()
    assert not keys.exists()
    commit_secret(cluster)
    require_keys()


def test_require_keys_keys_lost_while_something_is_sealed_is_refused(cluster: Cluster, keys: Path) -> None:
    commit_secret(cluster)
    keys.unlink()
    with pytest.raises(KeyMissing, match="put the file back"):
        require_keys()


def test_keys_where_one_cannot_look_are_named(tmp_path: Path, settings: Any) -> None:
    settings.GATEFOLD_SEALING_KEYS = tmp_path / ("x" * 300)
    with pytest.raises(KeyMissing, match="the system refused it"):
        sealing.begun()


def test_file_without_keys_is_refused(keys: Path) -> None:
    keys.parent.mkdir()
    keys.write_text("no key\n")
    with pytest.raises(KeyMissing, match="holds no keys"):
        sealing.seal("x")


def test_keys_of_the_process_that_was_first_are_taken(keys: Path) -> None:
    sealing.begin()
    first = keys.read_text()

    sealing.begin()

    assert keys.read_text() == first
    assert sealing.unseal(sealing.seal("x")) == "x"
    assert [path.name for path in keys.parent.iterdir()] == [keys.name]


PATHS = ("name", "users.*.pass", "deep.er.still", "*")
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "users", "pass", "deep", "er", "still", "other"]), inner)
    ),
    max_leaves=20,
)


@given(documents, st.sets(st.sampled_from(PATHS)))
def test_sealed_document_opens_to_itself(document: Any, paths: set[str]) -> None:
    sealing.begin()
    assert sealing.unsealed(sealing.sealed(document, paths)) == document


def test_text_that_is_a_secret_as_a_whole_rests_sealed(keys: Path, db: None) -> None:
    column = SealedTextField()

    kept = column.get_prep_value(SECRET)

    assert SECRET not in kept
    assert column.from_db_value(kept, None, connection) == SECRET
    assert column.get_prep_value("") == ""
    assert column.from_db_value("", None, connection) == ""
