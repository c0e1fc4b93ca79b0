"""A machine's own replica when it joins and when it leaves: all or nothing, and no number used twice."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import drafts, membership, models, replicas
from clusters.catalogue import UnknownFeature, WrongLevel
from clusters.effective import effective
from clusters.enrolment import ADVISED_MACHINES
from clusters.joining import fresh_origin
from clusters.membership_refusals import (
    AlreadyMember,
    Apart,
    InCluster,
    NotEnrolled,
    NotInCluster,
    NotThisMachine,
    PendingDrafts,
)
from clusters.modes import CLUSTER, machine
from clusters.operations import Operation
from clusters.replication import Snapshot
from clusters.state import UnknownMode
from clusters.versions import Change, settings_at
from tests.clusters.catalogues import CATALOGUE
from tests.clusters.conftest import BY, Cluster, member, rows

HERE = Path(__file__).resolve().parents[2]


def newcomer(serial: str = "M4") -> int:
    """The replica of a standalone machine with its own ports, routes and users."""
    replica_id = replicas.new_replica(serial).pk
    changes = [
        Change(settings_at(machine(serial), "ports"), rows("mine")),
        Change(settings_at(CLUSTER, "routes"), rows("mine")),
        Change(settings_at(CLUSTER, "users"), rows("local")),
    ]
    for change in changes:
        replicas.commit(replica_id, [change], **BY)
    return replica_id


def enrol(cluster: Cluster, replica_id: int) -> Snapshot:
    """What the contacted member does and sends."""
    own = membership.own_settings(replica_id)
    serial = models.Replica.objects.get(pk=replica_id).serial
    joiner = member(int(serial[1:]))
    membership.enrol_machine(cluster.replica_id, machine=joiner, settings=own, **BY)
    return Snapshot.from_wire(replicas.snapshot(cluster.replica_id).to_wire())


def join(cluster: Cluster, serial: str = "M4") -> int:
    replica_id = newcomer(serial)
    membership.become_member(replica_id, uuid.uuid4(), enrol(cluster, replica_id), serial)
    return replica_id


def sync(*replica_ids: int) -> None:
    """Until all have all."""
    for _round in range(2):
        for a in replica_ids:
            for b in replica_ids:
                replicas.absorb(b, replicas.missing(a, replicas.vector(b)))


def test_join_takes_the_clusters_settings_and_keeps_the_machines_own(cluster: Cluster) -> None:
    replica_id = join(cluster)

    state = replicas.state(replica_id)
    found = effective(state, machine("M4"), CATALOGUE).settings
    assert (found["routes"].value, found["routes"].origin) == (rows("example.com"), CLUSTER)
    assert (found["ports"].value, found["ports"].origin) == (rows("mine"), machine("M4"))
    assert found["users"].value == {"rows": []}
    assert state.machines["M4"].group == cluster.main.id
    assert replicas.entries_digest(replica_id) == replicas.entries_digest(cluster.replica_id)


def test_join_brings_nothing_into_the_cluster_but_the_machine(cluster: Cluster) -> None:
    before = dict(cluster.state.entries)

    join(cluster)

    added = {str(a) for a in cluster.state.entries} - {str(a) for a in before}
    assert added == {"machine/M4", "settings/machine:M4/ports"}
    assert {a: d.value for a, d in before.items()} == {a: cluster.state.entries[a].value for a in before}


def test_join_forgets_the_standalone_log_and_what_was_held(cluster: Cluster) -> None:
    replica_id = newcomer()
    row = models.Replica.objects.get(pk=replica_id)
    models.HeldCommit.objects.create(replica=row, wire={"id": "X/1", "changes": []})
    new_id = uuid.uuid4()

    membership.become_member(replica_id, new_id, enrol(cluster, replica_id), "M4")

    row.refresh_from_db()
    assert (row.cluster_id, row.name, row.commits.count(), row.held_commits.count()) == (
        new_id,
        "Americas",
        0,
        0,
    )


def test_join_numbers_its_commits_so_that_all_take_them(cluster: Cluster) -> None:
    replica_id = join(cluster)

    made = replicas.commit(replica_id, [Change(settings_at(machine("M4"), "routes"), rows("new"))], **BY)
    sync(replica_id, cluster.replica_id)

    assert str(made.id) == "M4/1"
    assert cluster.value(machine("M4"), "routes") == rows("new")


def test_rejoin_never_uses_a_number_that_some_member_may_know(cluster: Cluster) -> None:
    replica_id = join(cluster)
    unheard = replicas.commit(replica_id, [Change(settings_at(machine("M4"), "routes"), rows("lost"))], **BY)
    # The member that removes it has never seen that commit, and is the one it joins through again.
    membership.remove_machine(cluster.replica_id, "M4", **BY)
    membership.leave(replica_id, "M4")

    membership.become_member(replica_id, uuid.uuid4(), enrol(cluster, replica_id), "M4")
    again = replicas.commit(replica_id, [Change(settings_at(machine("M4"), "limits"), rows("x"))], **BY)

    assert again.id != unheard.id
    assert again.id.origin.startswith("M4#")
    assert models.Replica.objects.get(pk=replica_id).serial == "M4"
    sync(replica_id, cluster.replica_id)
    assert replicas.entries_digest(replica_id) == replicas.entries_digest(cluster.replica_id)
    assert cluster.value(machine("M4"), "limits") == rows("x")


def test_rejoin_with_an_empty_disk_never_uses_a_number_twice(cluster: Cluster) -> None:
    first = join(cluster)
    replicas.commit(first, [Change(settings_at(machine("M4"), "routes"), rows("a"))], **BY)
    sync(first, cluster.replica_id)
    membership.remove_machine(cluster.replica_id, "M4", **BY)

    second = join(cluster)
    made = replicas.commit(second, [Change(settings_at(machine("M4"), "limits"), rows("b"))], **BY)
    sync(second, cluster.replica_id)

    assert made.id.origin.startswith("M4#")
    assert cluster.value(machine("M4"), "limits") == rows("b")


def test_join_keeps_own_settings_changed_since_they_were_sent(cluster: Cluster) -> None:
    replica_id = newcomer()
    snapshot = enrol(cluster, replica_id)
    address = settings_at(machine("M4"), "ports")
    head = replicas.heads(replica_id, [address])[address][0]
    replicas.commit(replica_id, [Change(address, rows("late"), head.id)], **BY)

    membership.become_member(replica_id, uuid.uuid4(), snapshot, "M4", user="root")
    sync(replica_id, cluster.replica_id)

    assert cluster.value(machine("M4"), "ports") == rows("late")
    made = replicas.heads(cluster.replica_id, [address])[address][0]
    assert (made.user, made.host) == ("root", "mx4.example.com")


def test_join_is_refused_when_wrong_and_changes_nothing(cluster: Cluster) -> None:
    replica_id = newcomer()
    too_early = replicas.snapshot(cluster.replica_id)
    before = replicas.entries_digest(replica_id)
    with pytest.raises(NotEnrolled):
        membership.become_member(replica_id, uuid.uuid4(), too_early, "M4")
    with pytest.raises(NotEnrolled):
        membership.become_member(replica_id, uuid.uuid4(), replicas.snapshot(newcomer("M5")), "M4")
    snapshot = enrol(cluster, replica_id)
    with pytest.raises(NotThisMachine):
        membership.become_member(replica_id, uuid.uuid4(), snapshot, "M1")
    with pytest.raises(InCluster):
        membership.become_member(cluster.replica_id, uuid.uuid4(), snapshot, "M1")
    drafts.edit(replica_id, "bob", CLUSTER, "routes", rows("b"))
    with pytest.raises(PendingDrafts):
        membership.become_member(replica_id, uuid.uuid4(), snapshot, "M4")

    assert replicas.entries_digest(replica_id) == before
    assert len(drafts.pending(replica_id, "bob")) == 1


def test_leave_keeps_what_was_in_effect_and_forgets_the_cluster(cluster: Cluster) -> None:
    """RM-01."""
    replica_id = join(cluster)
    cluster.put(cluster.main, "limits", rows("main"))
    cluster.put(machine("M4"), "texts", rows("own"))
    drafts.edit(replica_id, "bob", CLUSTER, "routes", rows("b"))
    membership.remove_machine(cluster.replica_id, "M4", **BY)
    sync(replica_id, cluster.replica_id)
    assert membership.is_removed(replica_id)
    row = models.Replica.objects.get(pk=replica_id)

    membership.leave(replica_id, "M4")

    state = replicas.state(replica_id)
    assert state.standalone
    assert {mode: {n: d.value for n, d in s.items()} for mode, s in state.settings.items()} == {
        CLUSTER: {"routes": rows("example.com"), "limits": rows("main"), "texts": rows("own")},
        machine("M4"): {"ports": rows("mine")},
    }
    after = models.Replica.objects.get(pk=replica_id)
    assert after.cluster_id != row.cluster_id
    assert (after.name, list(after.vector.values())) == ("", [1])
    assert drafts.people(replica_id) == []
    assert not membership.is_removed(replica_id)


def test_leave_of_one_removed_while_away_keeps_what_it_knew(cluster: Cluster) -> None:
    """RM-06."""
    replica_id = join(cluster)
    membership.remove_machine(cluster.replica_id, "M4", **BY)
    cluster.put(CLUSTER, "routes", rows("later"))

    assert not membership.is_removed(replica_id)
    membership.leave(replica_id, "M4")

    state = replicas.state(replica_id)
    assert state.defined(CLUSTER, "routes").value == rows("example.com")


def test_leave_as_the_last_one(cluster: Cluster) -> None:
    cluster.put(cluster.main, "limits", rows("main"))
    for serial in ("M3", "M2", "M1"):
        membership.remove_machine(cluster.replica_id, serial, **BY)

    membership.leave(cluster.replica_id, "M1")

    found = effective(cluster.state, machine("M1"), CATALOGUE).documents
    assert (found["limits"], found["routes"], found["ports"]) == (
        rows("main"),
        rows("example.com"),
        rows("public"),
    )


def test_leave_with_nothing_defined_leaves_an_empty_replica(cluster: Cluster) -> None:
    replica_id = replicas.new_replica("M4").pk
    membership.become_member(replica_id, uuid.uuid4(), enrol(cluster, replica_id), "M4")
    cluster.put(CLUSTER, "routes", None)
    sync(replica_id, cluster.replica_id)

    membership.leave(replica_id, "M4")

    assert replicas.vector(replica_id) == {}


def test_leave_is_refused_when_there_is_nothing_to_leave(cluster: Cluster) -> None:
    with pytest.raises(NotInCluster):
        membership.leave(newcomer(), "M4")
    with pytest.raises(NotThisMachine):
        membership.leave(cluster.replica_id, "M2")
    with pytest.raises(UnknownMode):
        membership.flatten(cluster.state, "M9", CATALOGUE)


def test_fresh_origins_differ_and_keep_the_serial_number() -> None:
    first = fresh_origin("M4")
    second = fresh_origin(first)

    assert first != second
    assert {first.partition("#")[0], second.partition("#")[0]} == {"M4"}
    assert second.count("#") == 1


MODES = ["cluster", "main", "paris", "M1", "M3"]
DEFINITIONS = st.lists(
    st.tuples(
        st.sampled_from(MODES),
        st.sampled_from(["routes", "limits", "texts", "listeners", "users", "ports"]),
        st.none() | st.lists(st.sampled_from("abc"), unique=True, max_size=3),
    ),
    max_size=12,
)


def put_all(cluster: Cluster, definitions) -> None:
    """Commit, as one, the definitions that their scopes allow."""
    modes = {"cluster": CLUSTER, "main": cluster.main, "paris": cluster.paris}
    values = {}
    for place, feature, names in definitions:
        mode = modes.get(place) or machine(place)
        if CATALOGUE.allows(feature, mode):
            values[settings_at(mode, feature)] = None if names is None else rows(*names)
    with replicas.opened(cluster.replica_id) as replica:
        Operation(replica).commit(values, "alice", "mx1", "") if values else None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEFINITIONS, st.booleans())
def test_flatten_keeps_every_effective_value(cluster: Cluster, definitions, known: bool) -> None:
    put_all(cluster, definitions)
    row = replicas.new_replica("M1")
    replicas.absorb_snapshot(row.pk, replicas.snapshot(cluster.replica_id))
    before = effective(replicas.state(row.pk), machine("M1"), CATALOGUE)
    if known:
        membership.remove_machine(row.pk, "M1", **BY)

    membership.leave(row.pk, "M1")

    after = effective(replicas.state(row.pk), machine("M1"), CATALOGUE)
    assert after.documents == before.documents
    assert after.fingerprint == before.fingerprint


KILLED = """
import django, os, signal, sys, uuid
django.setup()
from clusters import membership, models, replicas
from clusters.modes import CLUSTER, machine
from clusters.replication import Snapshot
from clusters.versions import Change, settings_at
from tests.clusters.conftest import BY, member, rows

if sys.argv[1] == "prepare":
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    one = replicas.new_replica("M1").pk
    replicas.commit(one, [Change(settings_at(CLUSTER, "routes"), rows("cluster"))], **BY)
    membership.create(one, name="Americas", machine=member(1), by_address=False, **BY)
    four = replicas.new_replica("M4").pk
    replicas.commit(four, [Change(settings_at(machine("M4"), "ports"), rows("own"))], **BY)
    replicas.commit(four, [Change(settings_at(CLUSTER, "routes"), rows("alone"))], **BY)
    membership.enrol_machine(one, machine=member(4), settings=membership.own_settings(four), **BY)
else:
    from django.db.backends.sqlite3.base import SQLiteCursorWrapper
    one, four = (models.Replica.objects.get(origin__startswith=o).pk for o in ("M1", "M4"))
    state = replicas.state(four)
    told = sorted(f"{address}={defined.value}" for address, defined in state.entries.items())
    print(state.name, *told, sep="|", flush=True)
    snapshot = replicas.snapshot(one)
    left, execute = [int(sys.argv[2])], SQLiteCursorWrapper.execute
    def dying(self, *args):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(self, *args)
    SQLiteCursorWrapper.execute = dying
    if sys.argv[1] == "join":
        membership.become_member(four, uuid.uuid4(), snapshot, "M4")
    elif sys.argv[1] == "leave":
        membership.leave(four, "M4")
"""


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.clusters.machine_settings",
        "GATEFOLD_VAR": str(home),
        "PYTHONPATH": str(HERE),
    }
    asked = [sys.executable, "-c", KILLED, *words]
    return subprocess.run(asked, env=environment, cwd=HERE, capture_output=True, text=True, check=False)


def test_kill_in_the_middle_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    assert run(tmp_path, "prepare").stderr == ""
    alone = run(tmp_path, "look", "0").stdout
    assert alone.startswith("|settings/cluster/routes=")

    for step in ("5", "17"):
        done = run(tmp_path, "join", step)
        assert (done.returncode, done.stdout) == (-9, alone)
    assert run(tmp_path, "join", "0").stdout == alone
    member_of = run(tmp_path, "leave", "5")
    assert member_of.returncode == -9
    assert member_of.stdout.startswith("Americas|")
    for step, code in (("14", -9), ("0", 0)):
        done = run(tmp_path, "leave", step)
        assert (done.returncode, done.stdout) == (code, member_of.stdout)

    assert run(tmp_path, "look", "0").stdout == (
        "|settings/cluster/routes={'rows': [{'name': 'cluster'}]}"
        "|settings/machine:M4/ports={'rows': [{'name': 'own'}]}\n"
    )


# what a join would do


def snapshot_of(cluster: Cluster) -> Snapshot:
    return Snapshot.from_wire(replicas.snapshot(cluster.replica_id).to_wire())


def test_preview_of_a_join_is_what_comes_of_it(cluster: Cluster) -> None:
    """JN-05, JN-07, RM-01: what is shown before is what holds after."""
    replica_id = newcomer()
    before = effective(replicas.state(replica_id), machine("M4"), CATALOGUE).documents
    shown = membership.preview_join(replica_id, snapshot_of(cluster), member(4))

    membership.become_member(replica_id, uuid.uuid4(), enrol(cluster, replica_id), "M4")

    after = effective(replicas.state(replica_id), machine("M4"), CATALOGUE).documents
    assert (shown.cluster, shown.group) == ("Americas", "Main_Group")
    assert shown.members == ("mx1.example.com", "mx2.example.com", "mx3.example.com")
    changed = {found.feature: (found.before.value, found.after.value) for found in shown.differences}
    assert changed == {n: (before[n], after[n]) for n in before if before[n] != after[n]}
    assert "ports" not in changed
    assert "routes" in changed


def test_preview_of_another_group_shows_its_settings(cluster: Cluster) -> None:
    """JN-07."""
    cluster.put(cluster.paris, "routes", rows("of paris"))

    shown = membership.preview_join(newcomer(), snapshot_of(cluster), member(4), "paris")

    assert shown.group == "Paris"
    found = next(each for each in shown.differences if each.feature == "routes")
    assert found.after.value == rows("of paris")
    with pytest.raises(UnknownMode):
        membership.preview_join(newcomer("M5"), snapshot_of(cluster), member(5), "Rome")


@pytest.mark.parametrize(("members", "crowded"), [(ADVISED_MACHINES - 1, False), (ADVISED_MACHINES, True)])
def test_preview_of_a_join_that_makes_more_than_is_advised_says_so(
    cluster: Cluster, members: int, crowded: bool
) -> None:
    """CL-08."""
    for number in range(len(cluster.state.machines), members):
        membership.enrol_machine(cluster.replica_id, machine=member(number + 10), settings={}, **BY)

    shown = membership.preview_join(newcomer(), snapshot_of(cluster), member(4))

    assert (len(shown.members), shown.crowded) == (members, crowded)


def test_kept_settings_stay_as_overrides_of_the_joiner(cluster: Cluster) -> None:
    """JN-05, JN-19."""
    replica_id = newcomer()
    shown = membership.preview_join(replica_id, snapshot_of(cluster), member(4), kept=["routes"])
    assert "routes" not in [found.feature for found in shown.differences]
    kept = membership.kept_settings(replica_id, ["routes"])
    own, others = membership.own_settings(replica_id), cluster.value(CLUSTER, "routes")

    membership.enrol_machine(cluster.replica_id, machine=member(4), settings=own, kept=kept, **BY)

    assert cluster.value(machine("M4"), "routes") == rows("mine")
    assert cluster.value(CLUSTER, "routes") == others


@pytest.mark.parametrize(("name", "error"), [("users", WrongLevel), ("nonsense", UnknownFeature)])
def test_feature_that_no_machine_can_keep_is_refused(
    cluster: Cluster, name: str, error: type[Exception]
) -> None:
    replica_id = newcomer()
    with pytest.raises(error):
        membership.kept_settings(replica_id, [name])
    with pytest.raises(error):
        membership.enrol_machine(
            cluster.replica_id, machine=member(4), settings={}, kept={name: rows("x")}, **BY
        )


def test_machine_that_is_welcome_is_told_before_and_nothing_changes(cluster: Cluster) -> None:
    """JN-04."""
    before = replicas.vector(cluster.replica_id)

    membership.require_welcome(cluster.state, member(4), member="M1")
    with pytest.raises(AlreadyMember):
        membership.require_welcome(cluster.state, member(2), member="M1")

    assert replicas.vector(cluster.replica_id) == before


def test_member_that_is_disconnected_takes_nobody_in(cluster: Cluster) -> None:
    """JN-04, SYN-06: the others would not let the newcomer in; it is told before and in earnest."""
    membership.set_disconnected(cluster.replica_id, ["M1"], True, **BY)
    before = replicas.vector(cluster.replica_id)

    with pytest.raises(Apart, match="is disconnected from its cluster"):
        membership.require_welcome(cluster.state, member(4), member="M1")
    with pytest.raises(Apart):
        membership.enrol_machine(cluster.replica_id, machine=member(4), settings={}, **BY)

    assert replicas.vector(cluster.replica_id) == before
