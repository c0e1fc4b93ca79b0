"""Operations on the cluster: who belongs to it, in which group, under which name."""

import base64
from dataclasses import replace

import pytest

from clusters import commits, drafts, membership, models, replicas
from clusters.addressing import check_host, check_key, check_serial, require_release
from clusters.catalogue import InvalidDocument, UnknownFeature
from clusters.membership_refusals import (
    AlreadyMember,
    AlreadyNamed,
    BadAddress,
    BadKey,
    BadName,
    GroupInUse,
    InCluster,
    LastGroup,
    MembershipRefused,
    NotInCluster,
    NotThisMachine,
    OtherRelease,
    OwnSettingsOnly,
    PendingDrafts,
)
from clusters.modes import CLUSTER, Level, group, machine
from clusters.operations import Operation
from clusters.refusals import Leaving
from clusters.state import Machine, Portal, UnknownMode
from clusters.versions import Address, Kind
from tests.clusters.conftest import BY, Cluster, member, rows


def make(replica_id: int, **other: object):
    asked = {"name": "Americas", "machine": member(1), "by_address": False, **BY, **other}
    return membership.create(replica_id, **asked)


def test_create_takes_effect_at_once_with_the_creator_in_main_group(standalone: int) -> None:
    made = make(standalone)

    state = replicas.state(standalone)
    assert (state.name, state.by_address, [g.name for g in state.groups.values()]) == (
        "Americas",
        False,
        ["Main_Group"],
    )
    assert state.machines["M1"].group == state.initial_group.id
    assert (made.user, made.comment) == ("alice", "Create the cluster Americas")
    assert models.Replica.objects.get(pk=standalone).name == "Americas"
    assert drafts.people(standalone) == []


def test_create_makes_clusterable_settings_the_clusters_and_leaves_the_rest(standalone: int) -> None:
    """CR-03."""
    drafts.edit(standalone, "alice", machine("M1"), "limits", rows("own"))
    replicas.commit(standalone, drafts.changes(standalone, "alice"), **BY)
    drafts.clear(standalone, "alice")

    make(standalone)

    state = replicas.state(standalone)
    assert set(state.settings[CLUSTER]) == {"routes", "limits"}
    assert set(state.settings[machine("M1")]) == {"ports"}
    assert set(state.settings) == {CLUSTER, machine("M1")}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"name": "  "}, BadName),
        ({"name": "x" * 256}, BadName),
        ({"name": "a\nb"}, BadName),
        ({"name": "main_group"}, AlreadyNamed),
        ({"by_address": True}, BadAddress),
        ({"machine": member(1, address="192.0.2.1")}, BadAddress),
        ({"machine": member(1, address="")}, BadAddress),
        ({"machine": member(1, name="")}, BadName),
        ({"machine": member(2)}, NotThisMachine),
    ],
)
def test_create_is_refused_when_wrong(standalone: int, asked, error) -> None:
    before = replicas.entries_digest(standalone)

    with pytest.raises(error):
        make(standalone, **asked)

    assert replicas.entries_digest(standalone) == before


def test_create_with_pending_changes_of_anyone_is_refused_and_loses_nothing(standalone: int) -> None:
    drafts.edit(standalone, "bob", CLUSTER, "routes", rows("b"))

    with pytest.raises(PendingDrafts, match=r"bob.*[Cc]ommit"):
        make(standalone)

    assert replicas.state(standalone).standalone
    assert len(drafts.pending(standalone, "bob")) == 1


def test_create_by_address_takes_addresses(standalone: int) -> None:
    make(standalone, by_address=True, machine=member(1, address="2001:db8::1"))

    assert replicas.state(standalone).by_address


def test_create_in_a_cluster_is_refused(cluster: Cluster) -> None:
    with pytest.raises(InCluster, match="Americas"):
        make(cluster.replica_id)


def test_operations_on_a_standalone_machine_are_refused(standalone: int) -> None:
    with pytest.raises(NotInCluster):
        membership.add_group(standalone, "Paris", **BY)


def enrol(cluster: Cluster, joiner: Machine, **documents):
    return membership.enrol_machine(cluster.replica_id, machine=joiner, settings=documents, **BY)


def test_enrol_puts_the_machine_in_the_initial_group_with_its_own_settings(cluster: Cluster) -> None:
    before = {mode: cluster.state.settings.get(mode) for mode in cluster.state.modes()}

    enrol(cluster, member(4, disconnected=True), ports=rows("public"))

    found = cluster.state.machines["M4"]
    assert (found.group, found.disconnected) == (cluster.main.id, False)
    assert cluster.value(machine("M4"), "ports") == rows("public")
    assert {mode: cluster.state.settings.get(mode) for mode in before} == before


def test_enrol_into_a_renamed_initial_group(cluster: Cluster) -> None:
    membership.rename_group(cluster.replica_id, cluster.main.id, "Aardvarks", **BY)

    enrol(cluster, member(4))

    assert cluster.state.machines["M4"].group == cluster.main.id


def test_enrol_ends_the_wait_of_a_pending_join(cluster: Cluster) -> None:
    key = public_key()
    membership.prepare_join(cluster.replica_id, "bob", host="mx4.example.com", serial="M4", user_key=key)
    replicas.commit(cluster.replica_id, drafts.changes(cluster.replica_id, "bob"), **BY)
    assert [p.host for p in membership.pending_joins(cluster.state)] == ["mx4.example.com"]

    enrol(cluster, member(4))

    assert membership.pending_joins(cluster.state) == []


def test_enrol_again_after_removal_leaves_no_old_machine_settings(cluster: Cluster) -> None:
    cluster.put(machine("M3"), "routes", rows("own"))
    membership.remove_machine(cluster.replica_id, "M3", **BY)
    # An edit that crossed the removal has come in later.
    cluster.put(machine("M3"), "limits", rows("stray"))

    enrol(cluster, member(3), ports=rows("new"))

    assert {n: d.value for n, d in cluster.state.settings[machine("M3")].items()} == {"ports": rows("new")}


@pytest.mark.parametrize(
    ("joiner", "documents", "error"),
    [
        (member(2), {}, AlreadyMember),
        (member(4, name="MX2.example.com"), {}, AlreadyNamed),
        (member(4, address="192.0.2.4"), {}, BadAddress),
        (member(4, address="-x-.example.com"), {}, BadAddress),
        (member(4, group="nowhere"), {}, UnknownMode),
        (replace(member(4), serial="a/b"), {}, BadName),
        (replace(member(4), serial="M1#1"), {}, BadName),
        (member(4), {"routes": rows("mine")}, OwnSettingsOnly),
        (member(4), {"users": rows("mine")}, OwnSettingsOnly),
        (member(4), {"ports": {}}, InvalidDocument),
        (member(4), {"nonsense": {}}, UnknownFeature),
    ],
)
def test_enrol_is_refused_when_wrong(cluster: Cluster, joiner, documents, error) -> None:
    before = replicas.entries_digest(cluster.replica_id)

    with pytest.raises(error):
        enrol(cluster, joiner, **documents)

    assert replicas.entries_digest(cluster.replica_id) == before


def test_portal_follows_and_is_removed(cluster: Cluster) -> None:
    portal = Portal("P1", "portal.example.com", "key")
    membership.enrol_portal(cluster.replica_id, portal=portal, **BY)
    assert cluster.state.portals == {"P1": portal}

    membership.remove_portal(cluster.replica_id, "P1", **BY)

    assert cluster.state.portals == {}
    with pytest.raises(UnknownMode):
        membership.remove_portal(cluster.replica_id, "P1", **BY)


@pytest.mark.parametrize(
    ("name", "error"), [("", BadName), ("paris", AlreadyNamed), ("AMERICAS", AlreadyNamed)]
)
def test_group_name_is_refused_when_taken_or_empty(cluster: Cluster, name, error) -> None:
    with pytest.raises(error):
        membership.add_group(cluster.replica_id, name, **BY)
    with pytest.raises(error):
        membership.rename_group(cluster.replica_id, cluster.main.id, name, **BY)


def test_group_is_added_empty(cluster: Cluster) -> None:
    rome = membership.add_group(cluster.replica_id, " Rome ", **BY)

    assert (rome.name, cluster.state.members(rome.id)) == ("Rome", [])


def test_group_renamed_keeps_members_and_settings(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))

    membership.rename_group(cluster.replica_id, cluster.paris.id, "PARIS", **BY)

    assert cluster.state.mode_name(cluster.paris) == "PARIS"
    assert [m.serial for m in cluster.state.members(cluster.paris.id)] == ["M3"]
    assert cluster.value(cluster.paris, "routes") == rows("paris")


def test_machines_are_put_into_a_group_at_once(cluster: Cluster) -> None:
    membership.set_group(cluster.replica_id, ["M1", "M2", "M1"], cluster.paris.id, **BY)

    assert [m.serial for m in cluster.state.members(cluster.paris.id)] == ["M1", "M2", "M3"]
    assert membership.set_group(cluster.replica_id, ["M1"], cluster.paris.id, **BY) is None
    for serials, target in ((["M9"], cluster.paris.id), (["M1"], "nowhere")):
        with pytest.raises(UnknownMode):
            membership.set_group(cluster.replica_id, serials, target, **BY)


def test_group_deleted_hands_over_its_machines_and_loses_its_settings(cluster: Cluster) -> None:
    cluster.put(cluster.paris, "routes", rows("paris"))
    with pytest.raises(GroupInUse):
        membership.delete_group(cluster.replica_id, cluster.paris.id, **BY)
    for target in (cluster.paris.id, "nowhere"):
        with pytest.raises(UnknownMode):
            membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=target, **BY)

    membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=cluster.main.id, **BY)

    assert cluster.state.machines["M3"].group == cluster.main.id
    assert set(cluster.state.groups) == {cluster.main.id}
    assert cluster.paris not in cluster.state.settings


def test_last_group_cannot_be_deleted(cluster: Cluster) -> None:
    membership.delete_group(cluster.replica_id, cluster.paris.id, target_id=cluster.main.id, **BY)

    with pytest.raises(LastGroup):
        membership.delete_group(cluster.replica_id, cluster.main.id, **BY)


def test_initial_group_deleted_makes_its_heir_initial(cluster: Cluster) -> None:
    membership.delete_group(cluster.replica_id, cluster.main.id, target_id=cluster.paris.id, **BY)

    assert cluster.state.initial_group.id == cluster.paris.id
    assert cluster.state.initial_group.initial


def test_cluster_renamed(cluster: Cluster) -> None:
    membership.set_name(cluster.replica_id, "Europe", **BY)

    assert (cluster.state.name, cluster.state.by_address) == ("Europe", False)
    assert models.Replica.objects.get(pk=cluster.replica_id).name == "Europe"
    for name, error in (("", BadName), ("PARIS", AlreadyNamed)):
        with pytest.raises(error):
            membership.set_name(cluster.replica_id, name, **BY)


def test_disconnected_is_still_a_member(cluster: Cluster) -> None:
    membership.set_disconnected(cluster.replica_id, ["M2"], True, **BY)
    assert cluster.state.machines["M2"].disconnected
    assert membership.set_disconnected(cluster.replica_id, ["M2"], True, **BY) is None

    made = membership.set_disconnected(cluster.replica_id, ["M2"], False, **BY)

    assert not cluster.state.machines["M2"].disconnected
    assert made.comment == "Reconnect mx2.example.com"


def test_communication_changes_style_only_for_all(cluster: Cluster) -> None:
    def at(serial: str, number: int) -> Machine:
        return replace(cluster.state.machines[serial], address=f"192.0.2.{number}", port=2200, name="ignored")

    with pytest.raises(BadAddress):
        membership.set_communication(cluster.replica_id, by_address=True, machines=[at("M1", 1)], **BY)

    every = [at(serial, i) for i, serial in enumerate(cluster.state.machines, 1)]
    membership.set_communication(cluster.replica_id, by_address=True, machines=every, **BY)

    assert cluster.state.by_address
    found = cluster.state.machines["M2"]
    assert (found.address, found.port, found.name) == ("192.0.2.2", 2200, "mx2.example.com")


def test_entry_follows_what_the_machine_says_of_itself(cluster: Cluster) -> None:
    """TRL-16, TRL-34: one commit renames it everywhere; nothing else of the entry changes."""
    before = cluster.state.machines["M1"]
    now = replace(before, name="new.example.com", address="new.example.com", port=2200, group="other")

    made = membership.follow_member(cluster.replica_id, now, **BY)

    assert made
    assert made.comment == f"{before.name} is called new.example.com now"
    expected = replace(before, name="new.example.com", address="new.example.com", port=2200)
    assert cluster.state.machines["M1"] == expected
    assert cluster.state.mode_named(Level.MACHINE, "new.example.com") == machine("M1")
    assert membership.follow_member(cluster.replica_id, now, **BY) is None
    for wrong in ("MX2.example.com", ""):
        with pytest.raises((AlreadyNamed, BadName)):
            membership.follow_member(cluster.replica_id, replace(now, name=wrong), **BY)
    assert cluster.state.machines["M1"] == expected


def test_communication_of_one_machine(cluster: Cluster) -> None:
    one = replace(cluster.state.machines["M1"], address="new.example.com", ccs_port=2222)
    membership.set_communication(cluster.replica_id, by_address=False, machines=[one], **BY)

    assert {m.serial: (m.address, m.ccs_port) for m in cluster.state.machines.values()} == {
        "M1": ("new.example.com", 2222),
        "M2": ("mx2.example.com", None),
        "M3": ("mx3.example.com", None),
    }


def test_keys_are_changed_by_a_person(cluster: Cluster) -> None:
    membership.set_keys(cluster.replica_id, "M2", host_key="h", user_key="u", **BY)

    assert (cluster.state.machines["M2"].host_key, cluster.state.machines["M2"].user_key) == ("h", "u")


def test_machine_removed_takes_its_settings_along(cluster: Cluster) -> None:
    others = {s: m for s, m in cluster.state.machines.items() if s != "M3"}

    membership.remove_machine(cluster.replica_id, "M3", **BY)

    assert cluster.state.machines == others
    assert machine("M3") not in cluster.state.settings
    assert cluster.paris.id in cluster.state.groups
    with pytest.raises(UnknownMode):
        membership.remove_machine(cluster.replica_id, "M3", **BY)


def test_last_machine_removed_deletes_the_cluster(cluster: Cluster) -> None:
    for serial in ("M3", "M2", "M1"):
        membership.remove_machine(cluster.replica_id, serial, **BY)

    assert cluster.state.standalone
    assert cluster.state.entries == {}
    assert models.Replica.objects.get(pk=cluster.replica_id).name == ""


def test_machine_that_was_removed_takes_nothing_before_it_goes_on_alone(cluster: Cluster) -> None:
    """TRL-12: drafts, commits and operations would be lost a moment later."""
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", rows("x"))
    membership.remove_machine(cluster.replica_id, "M1", losing=["alice"], **BY)
    before = replicas.vector(cluster.replica_id)

    with pytest.raises(Leaving, match="about to go on alone"):
        drafts.edit(cluster.replica_id, "bob", CLUSTER, "routes", rows("y"))
    with pytest.raises(Leaving):
        commits.commit_pending(cluster.replica_id, user="alice", host="mx1.example.com")
    with pytest.raises(Leaving):
        membership.add_group(cluster.replica_id, "Rome", **BY)

    assert replicas.vector(cluster.replica_id) == before
    assert drafts.people(cluster.replica_id) == ["alice"]


def public_key(kind: str = "ssh-ed25519") -> str:
    body = len(kind).to_bytes(4) + kind.encode() + (32).to_bytes(4) + bytes(32)
    return f"{kind} {base64.b64encode(body).decode()}"


def test_pending_join_waits_for_commit(cluster: Cluster) -> None:
    lines = public_key("ssh-dss")
    pasted = f" {lines[:30]}\n{lines[30:50]}\n{lines[50:]}\n"

    edited = membership.prepare_join(
        cluster.replica_id, "alice", host="mx7.example.com", serial=" M7 ", user_key=pasted
    )

    assert edited.pending
    assert membership.pending_joins(cluster.state) == []
    (found,) = membership.pending_joins(drafts.draft_state(cluster.replica_id, "alice"))
    assert (found.serial, found.host, found.user_key) == ("M7", "mx7.example.com", lines)


def test_pending_join_withdrawn(cluster: Cluster) -> None:
    asked = {"host": "mx7.example.com", "serial": "M7", "user_key": public_key()}
    membership.prepare_join(cluster.replica_id, "alice", **asked)
    replicas.commit(cluster.replica_id, drafts.changes(cluster.replica_id, "alice"), **BY)
    drafts.clear(cluster.replica_id, "alice")

    assert membership.withdraw_join(cluster.replica_id, "alice", "M7").pending
    assert (
        drafts.draft_state(cluster.replica_id, "alice").entries.get(Address(Kind.PENDING_JOIN, "M7")) is None
    )
    with pytest.raises(UnknownMode):
        membership.withdraw_join(cluster.replica_id, "alice", "M7")


def test_admitted_host_may_join_at_once_and_drafts_stay_what_they_are(cluster: Cluster) -> None:
    """JN-12."""
    joiner = membership.PendingJoin("M7", "mx7.example.com", public_key())
    drafts.edit(cluster.replica_id, "alice", CLUSTER, "routes", {"rows": [{"name": "draft"}]})

    made = membership.admit(cluster.replica_id, joiner=joiner, user="alice", host="portal")

    assert made
    assert made.user == "alice"
    assert membership.pending_joins(cluster.state) == [joiner]
    assert len(drafts.pending(cluster.replica_id, "alice")) == 1
    assert membership.admit(cluster.replica_id, joiner=joiner, user="alice", host="portal") is None
    other = membership.PendingJoin("M7", "mx9.example.com", public_key("ssh-rsa"))
    with pytest.raises(AlreadyMember):
        membership.admit(cluster.replica_id, joiner=other, user="alice", host="portal")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"host": "not a host"}, BadAddress),
        ({"host": "192.0.2.7"}, BadAddress),
        ({"host": "mx2.example.com"}, AlreadyMember),
        ({"serial": "M2"}, AlreadyMember),
        ({"host": "MX8.example.com"}, AlreadyMember),
        ({"serial": "M8"}, AlreadyMember),
        ({"serial": ""}, BadName),
        ({"user_key": "ssh-ed25519 AAAA"}, BadKey),
        ({"user_key": "ssh-ed25519 %%%"}, BadKey),
        ({"user_key": "ssh-ed25519"}, BadKey),
        ({"user_key": ""}, BadKey),
        ({"user_key": public_key("ssh-rsa").replace("ssh-rsa", "ssh-dss")}, BadKey),
    ],
)
def test_pending_join_is_refused_when_wrong(cluster: Cluster, asked, error) -> None:
    other = {"host": "mx8.example.com", "serial": "M8", "user_key": public_key()}
    membership.prepare_join(cluster.replica_id, "alice", **other)

    with pytest.raises(error):
        membership.prepare_join(
            cluster.replica_id,
            "alice",
            **{"host": "mx7.example.com", "serial": "M7", "user_key": public_key(), **asked},
        )

    assert len(drafts.pending(cluster.replica_id, "alice")) == 1


def test_pending_join_of_a_standalone_machine_is_refused(standalone: int) -> None:
    with pytest.raises(NotInCluster):
        membership.prepare_join(
            standalone, "alice", host="mx7.example.com", serial="M7", user_key=public_key()
        )


def test_host_names_and_serial_numbers_have_limits() -> None:
    assert check_host("mx1.example.com.") == "mx1.example.com."
    assert check_serial("0A12-BEEF") == "0A12-BEEF"
    for host in ("a" * 64 + ".com", "a..b", "x" * 254, ""):
        with pytest.raises(BadAddress):
            check_host(host)
    for serial in ("x" * 49, " M1", "a\tb"):
        with pytest.raises(BadName):
            check_serial(serial)


def test_keys_with_comments_lose_them() -> None:
    assert check_key(public_key() + " root@mx1") == public_key()


def test_other_release_is_refused_with_both_named() -> None:
    require_release("1.0", "1.0", "mx2")
    with pytest.raises(OtherRelease, match=r"mx2 runs release 2\.0.*1\.0"):
        require_release("1.0", "2.0", "mx2")


def test_refusals_are_told_apart_and_together() -> None:
    assert issubclass(GroupInUse, MembershipRefused)
    assert not issubclass(GroupInUse, LastGroup)


def test_operation_sees_what_the_transaction_has_written(cluster: Cluster) -> None:
    with replicas.opened(cluster.replica_id) as replica:
        Operation(replica).commit({Address(Kind.GROUP, "g"): {"name": "Rome"}}, "alice", "mx1", "")
        assert Operation(replica).state.mode_name(group("g")) == "Rome"
