"""Configuration files: written, read again, refused with the line, loaded as pending changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from clusters import commits, drafts, grouping, models, replicas
from clusters.catalogue import Document
from clusters.config_files import loading, values
from clusters.config_files.errors import BadFile, MaskedSecret, NotForClusters, TooLong, WrongPassphrase
from clusters.config_files.loading import Assignment, BadMapping, alike, plan, stage
from clusters.config_files.reading import read
from clusters.config_files.resealing import resealed
from clusters.config_files.saving import save_cluster, save_machine
from clusters.config_files.schema import schema
from clusters.config_files.sealing import Sealing
from clusters.modes import CLUSTER, machine
from clusters.refusals import Overtaken
from tests.clusters.catalogues import CATALOGUE
from tests.clusters.conftest import Cluster, rows

PASSPHRASE = "a long passphrase"
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
documents = st.dictionaries(
    st.text(min_size=1),
    st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20),
    max_size=5,
)


# values


@given(documents)
@example({"null": None, "true": True, "no": -1, "real": 0.5, "no name": "x", "list": ["\0", {}]})
def test_document_survives_the_file_whatever_is_in_it(document: dict[str, object]) -> None:
    """LOAD-01: the law of writing and reading."""
    root = etree.Element("feature")
    values.write(root, document, (), None)
    etree.indent(root)

    again = etree.fromstring(etree.tostring(root))

    assert values.read(again, None) == document


def test_secret_is_masked_or_sealed_wherever_its_path_leads() -> None:
    """LOAD-10."""
    document = {"users": [{"name": "a", "hash": "s3cret"}, {"name": "b", "hash": ""}], "key": "s3cret"}
    sealing = Sealing.new(PASSPHRASE)
    for seal in (None, sealing.seal):
        root = etree.Element("feature")
        values.write(root, document, {"users.*.hash", "key"}, seal)
        assert b"s3cret" not in etree.tostring(root)
        if seal is None:
            with pytest.raises(MaskedSecret):
                values.read(root, None)
        else:
            assert values.read(root, Sealing.of(PASSPHRASE, sealing.salt).unseal) == document
            with pytest.raises(BadFile, match="passphrase"):
                values.read(root, None)
            with pytest.raises(WrongPassphrase):
                values.read(root, Sealing.of("another passphrase", sealing.salt).unseal)


@pytest.mark.parametrize(
    "text",
    [
        '<s><a type="integer">x</a></s>',
        '<s><a type="boolean">yes</a></s>',
        '<s><a type="null">x</a></s>',
        '<s><a type="weird">x</a></s>',
        "<s><a>x</a><a>y</a></s>",
        '<s><a type="list"><b>x</b></a></s>',
        "<s><a><b>x</b></a></s>",
        '<s><a encoding="base64">%%%</a></s>',
        '<s><a secret="encrypted">x</a></s>',
    ],
)
def test_value_that_is_none_is_refused_with_its_line(text: str) -> None:
    """LOAD-09."""
    with pytest.raises(BadFile, match=r"^Line 1: "):
        values.read(etree.fromstring(text), None)


def test_short_passphrase_of_a_file_is_refused() -> None:
    with pytest.raises(WrongPassphrase):
        Sealing.new("short")


def test_key_of_a_passphrase_and_salt_is_that_of_every_release() -> None:
    key = Sealing.of("correct horse battery", bytes(16)).key
    assert key.hex() == "e3f23af74a745077312da6405266f85fe8e0eb862a560910467d23bb51c0d351"


# saving


def saved(cluster: Cluster, **more: object) -> str:
    return save_cluster(cluster.state, CATALOGUE, **more)


def test_same_state_gives_the_same_file_but_for_one_line(cluster: Cluster) -> None:
    """LOAD-03: so that files can be kept under version control."""
    one = saved(cluster, at=datetime(2031, 2, 3, tzinfo=UTC)).splitlines()
    other = saved(cluster, at=datetime(2032, 2, 3, tzinfo=UTC)).splitlines()

    assert [a for a, b in zip(one, other, strict=True) if a != b] == ["<!-- saved 2031-02-03T00:00:00Z -->"]
    assert saved(cluster) == saved(cluster)


def test_file_holds_every_mode_with_its_own_settings(cluster: Cluster) -> None:
    """LOAD-01."""
    cluster.put(cluster.paris, "texts", rows())
    file = read(saved(cluster), CATALOGUE)

    assert (file.kind, file.name) == ("cluster", "Americas")
    assert file.cluster["routes"] == cluster.value(CLUSTER, "routes")
    assert {g.name: g.settings for g in file.groups}["Paris"] == {"texts": rows()}
    assert [m.serial for m in file.machines] == ["M1", "M2", "M3"]
    assert file.machines[1].settings == {"ports": rows("public")}


def test_machine_flattened_has_all_that_holds_there(cluster: Cluster) -> None:
    """LOAD-03: without touching its membership."""
    before = replicas.vector(cluster.replica_id)

    (found,) = read(save_machine(cluster.state, "M2", CATALOGUE), CATALOGUE).machines

    assert found.settings["routes"] == cluster.value(CLUSTER, "routes")
    assert found.settings["ports"] == rows("public")
    assert replicas.vector(cluster.replica_id) == before


def test_feature_of_another_release_is_left_out(cluster: Cluster) -> None:
    cluster.put(CLUSTER, "of_tomorrow", {"new": True})

    assert "of_tomorrow" not in read(saved(cluster), CATALOGUE).cluster


# reading


BROKEN = {
    "no xml": "nonsense",
    "cut off": "<config format='1' kind='cluster'><cluster name='x'>",
    "another root": "<other/>",
    "another format": "<config format='2' kind='cluster'/>",
    "another kind": "<config format='1' kind='weird'/>",
    "unknown section": "<config format='1' kind='cluster'><weird/></config>",
    "unknown feature": ("<config format='1' kind='cluster'><cluster><weird/></cluster></config>"),
    "feature of another kind of name": (
        "<config format='1' kind='cluster'><cluster><x:routes xmlns:x='x'/></cluster></config>"
    ),
    "group without id": "<config format='1' kind='cluster'><group/></config>",
    "twice": "<config format='1' kind='cluster'><cluster/><cluster/></config>",
    "bad salt": "<config format='1' kind='cluster' salt='%'/>",
    "two machines flattened": (
        "<config format='1' kind='machine'><machine serial='a'/><machine serial='b'/></config>"
    ),
    "feature twice": (
        "<config format='1' kind='cluster'><cluster><routes><rows type='list'/></routes>"
        "<routes><rows type='list'/></routes></cluster></config>"
    ),
    "bad settings": (
        "<config format='1' kind='cluster'><cluster><routes><weird/></routes></cluster></config>"
    ),
    "wrong level": (
        "<config format='1' kind='cluster'><cluster><ports><rows type='list'/></ports></cluster></config>"
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_is_refused_with_the_line(text: str) -> None:
    """LOAD-09."""
    with pytest.raises(BadFile, match=r"^Line \d+: "):
        read(text, CATALOGUE, PASSPHRASE)


def test_feature_that_is_not_known_is_named_with_its_line() -> None:
    """LOAD-09."""
    text = "<config format='1' kind='cluster'>\n<cluster>\n<routes><rows type='list'/></routes>\n<weird/>"
    with pytest.raises(BadFile, match=r'^Line 4: section "weird" is not known here\.$'):
        read(f"{text}</cluster></config>", CATALOGUE)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE config SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE config [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE config [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>',
        # Behind the name of the root in a comment, where it is not looked for beforehand.
        '<!-- <config> --><!DOCTYPE config [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>',
    ],
)
def test_document_type_and_entities_are_refused(head: str) -> None:
    """LOAD-11."""
    text = f"{head}<config format='1' kind='cluster'><cluster name='x'/></config>"
    with pytest.raises(BadFile, match="document type"):
        read(text, CATALOGUE)


def test_file_of_endless_length_is_refused_and_not_saved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-17, LOAD-11: what is saved can be loaded, so one limit holds for both."""
    text = saved(cluster)
    monkeypatch.setattr("clusters.config_files.reading.MOST", 100)
    with pytest.raises(BadFile, match="not taken: it has more than 1 MB"):
        read(text, CATALOGUE)
    monkeypatch.setattr("clusters.config_files.saving.MOST", 1100)
    with pytest.raises(TooLong, match="at most 1 MB"):
        saved(cluster)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("", "cut off"),
        ("</cluster>", "“cluster” ends what “config” in line 1 has begun"),
        ("<a b></a></config>", "the attribute “b” has no value"),
        ("<a b=1></a></config>", "needs quotes"),
        ("<a b='1' b='2'/></config>", "“b” is there twice"),
        ("<a>fish & chips</a></config>", "“&amp;”"),
        ("<a>&uuml;</a></config>", "“&uuml;” is not known"),
        ("<a>\x01</a></config>", "control character"),
        ("<a>" * 400, "nested too deeply"),
        ("</config><config/>", "something follows"),
        ("<a:b/></config>", "names with “:”"),
        ("<1/></config>", "no name follows"),
    ],
)
def test_broken_xml_is_told_in_our_words(inside: str, words: str) -> None:
    """TRL-17: with the line, and nothing of the library's switches."""
    with pytest.raises(BadFile) as found:
        read(f"<config format='1' kind='cluster'>{inside}", CATALOGUE)
    assert words in str(found.value)
    assert str(found.value).startswith("Line 1: ")


def test_entities_that_grow_are_refused_as_a_document_type() -> None:
    """TRL-17: before the library reads what they declare."""
    head = f"<!DOCTYPE a [<!ENTITY b '{'x' * 1000}'>]>"
    with pytest.raises(BadFile, match="Line 2: a document type"):
        read(f"<?xml version='1.0'?>\n{head}<config>{'&b;' * 20_000}</config>", CATALOGUE)


# loading


def all_of(cluster: Cluster) -> Assignment:
    state = cluster.state
    return Assignment({ident: ident for ident in state.groups}, {s: s for s in state.machines})


def test_loaded_file_is_pending_and_commits_to_what_was_saved(cluster: Cluster) -> None:
    """LOAD-01, LOAD-06, LOAD-08."""
    cluster.put(cluster.paris, "texts", rows("paris"))
    file = read(saved(cluster), CATALOGUE)
    before = replicas.state(cluster.replica_id)
    cluster.put(CLUSTER, "routes", rows("other"))
    cluster.put(cluster.paris, "texts", None)
    cluster.put(machine("M3"), "routes", rows("new"))
    vector = replicas.vector(cluster.replica_id)

    stage(cluster.replica_id, "alice", plan(cluster.state, file, all_of(cluster)))

    assert replicas.vector(cluster.replica_id) == vector
    assert len(drafts.pending(cluster.replica_id, "alice")) == 3
    commits.commit_pending(cluster.replica_id, user="alice", host="m1")
    after = replicas.state(cluster.replica_id)
    assert {a: d.value for a, d in after.entries.items()} == {a: d.value for a, d in before.entries.items()}


def test_machine_that_is_not_mapped_keeps_its_settings(cluster: Cluster) -> None:
    """LOAD-06: Don't Copy."""
    file = read(saved(cluster), CATALOGUE)
    cluster.put(machine("M2"), "routes", rows("mine"))
    cluster.put(machine("M3"), "routes", rows("mine"))

    groups = {cluster.paris.id: cluster.paris.id}
    planned = plan(cluster.state, file, Assignment(groups, {"M3": "M3"}))

    assert [str(change.address) for change in planned.changes] == ["settings/machine:M3/routes"]


def test_one_appliance_of_the_file_goes_to_one_machine(cluster: Cluster) -> None:
    """LOAD-07: a dead machine's part to its successor."""
    cluster.put(machine("M2"), "routes", rows("of two"))
    file = read(saved(cluster), CATALOGUE)

    planned = plan(
        cluster.state, file, Assignment({}, {"M3": "M2"}, cluster=False), compare={"ports": unlike}
    )

    stage(cluster.replica_id, "alice", planned)
    assert {p.mode for p in drafts.pending(cluster.replica_id, "alice")} == {machine("M3")}
    assert not planned.warnings or "ports" in planned.warnings[0]


def unlike(here: Document, file: Document) -> list[str]:
    return [] if here == file else ["one row"]


def test_unlike_interfaces_are_pointed_out(cluster: Cluster) -> None:
    """LOAD-04."""
    file = read(saved(cluster), CATALOGUE)
    cluster.put(machine("M2"), "ports", rows("other"))

    planned = plan(cluster.state, file, all_of(cluster), compare={"ports": unlike})

    assert planned.warnings == ("ports of Machine mx2.example.com: one row. Look at it before you commit.",)


@pytest.mark.parametrize("wanted", [({"nobody": "nobody"}, {}), ({}, {"M2": "M9"}), ({}, {"M9": "M2"})])
def test_mapping_to_what_is_not_there_is_refused(
    cluster: Cluster, wanted: tuple[dict[str, str], dict[str, str]]
) -> None:
    with pytest.raises(BadMapping):
        plan(cluster.state, read(saved(cluster), CATALOGUE), Assignment(*wanted))


def test_appliance_of_another_group_is_refused(cluster: Cluster) -> None:
    """TRL-17, LOAD-06: M3 is of Paris, which Main_Group does not get; alone it goes anywhere (LOAD-07)."""
    file = read(saved(cluster), CATALOGUE)
    paris, main = cluster.paris.id, cluster.main.id
    with pytest.raises(BadMapping, match="M3 is of group Paris of the file, which group Main_Group of mx2"):
        plan(cluster.state, file, Assignment({main: main, paris: paris}, {"M2": "M3"}))
    with pytest.raises(BadMapping):
        plan(cluster.state, file, Assignment({}, {"M2": "M3"}, cluster=True))
    plan(cluster.state, file, Assignment({main: paris}, {"M2": "M3"}))
    plan(cluster.state, file, Assignment({}, {"M2": "M3"}, cluster=False))


@pytest.mark.parametrize("whole", [True, False])
def test_one_appliance_for_two_machines_is_refused(cluster: Cluster, whole: bool) -> None:
    """TRL-17: two machines with one machine's addresses."""
    file = read(saved(cluster), CATALOGUE)
    groups = {cluster.main.id: cluster.main.id} if whole else {}
    with pytest.raises(BadMapping, match="M2 of the file is chosen for two machines"):
        plan(cluster.state, file, Assignment(groups, {"M1": "M2", "M2": "M2"}, whole))


def test_two_groups_of_one_name_are_told_apart_by_id(cluster: Cluster) -> None:
    """TRL-17: neither is guessed."""
    text = saved(cluster).replace("</config>", '<group id="second" name="paris"/></config>')
    file = read(text, CATALOGUE)
    assert cluster.paris.id not in alike(cluster.state, file).groups
    with pytest.raises(BadMapping, match=f"2 groups named Paris. Say its id: {cluster.paris.id}, second"):
        loading.group_named(file, "Paris")
    assert loading.group_named(file, "second") == "second"
    with pytest.raises(BadMapping, match="no group Lyon; it has: Main_Group, Paris, paris"):
        loading.group_named(file, "Lyon")


def test_group_of_the_file_is_named_in_any_case(cluster: Cluster) -> None:
    """TRL-17, LOAD-06: the one group of that name, though another has that name as its id."""
    text = saved(cluster).replace("</config>", '<group id="PARIS" name="Lyon"/></config>')
    assert loading.group_named(read(text, CATALOGUE), "PARIS") == cluster.paris.id


@pytest.mark.parametrize("theirs", [rows("theirs"), None])
def test_file_is_not_staged_over_what_was_changed_since(cluster: Cluster, theirs: Document | None) -> None:
    """TRL-09, LOAD-08: the person has not seen that; nothing of the file is pending then."""
    file = read(saved(cluster), CATALOGUE)
    cluster.put(CLUSTER, "routes", rows("here"))
    cluster.put(machine("M2"), "routes", rows("of two"))
    planned = plan(cluster.state, file, all_of(cluster))
    cluster.put(CLUSTER, "routes", theirs, user="bob")

    with pytest.raises(Overtaken, match="changed since you were asked"):
        stage(cluster.replica_id, "alice", planned)

    assert drafts.pending(cluster.replica_id, "alice") == []
    assert len(stage(cluster.replica_id, "alice", plan(cluster.state, file, all_of(cluster)))) == 2


def test_likely_mapping_can_always_be_loaded(cluster: Cluster) -> None:
    """TRL-17: a machine that has changed its group since is left alone, and no refusal follows."""
    file = read(saved(cluster), CATALOGUE)
    grouping.set_group(cluster.replica_id, ["M2"], cluster.paris.id, user="alice", host="m1")
    found = alike(cluster.state, file)
    assert "M2" not in found.machines
    plan(cluster.state, file, found)


def test_file_of_one_machine_does_not_go_into_a_cluster(cluster: Cluster) -> None:
    """LOAD-02."""
    file = read(save_machine(cluster.state, "M2", CATALOGUE), CATALOGUE)

    with pytest.raises(NotForClusters):
        plan(cluster.state, file, all_of(cluster))
    with pytest.raises(NotForClusters):
        loading.restore_machine(cluster.replica_id, "alice", file)
    assert not drafts.pending(cluster.replica_id, "alice")


def test_file_of_a_cluster_does_not_go_onto_a_machine_in_none(standalone: int, cluster: Cluster) -> None:
    """LOAD-02."""
    alone = replicas.new_replica("M7").pk
    file = read(saved(cluster), CATALOGUE)

    with pytest.raises(NotForClusters):
        plan(replicas.state(alone), file, all_of(cluster))
    with pytest.raises(NotForClusters):
        loading.restore_machine(alone, "alice", file)


def test_file_of_one_machine_restores_a_standalone_one(cluster: Cluster) -> None:
    """LOAD-03: a retired machine comes back as it was, its own and the shared settings in their places."""
    alone = replicas.new_replica("M7").pk
    file = read(save_machine(cluster.state, "M2", CATALOGUE), CATALOGUE)

    loading.restore_machine(alone, "alice", file)
    commits.commit_pending(alone, user="alice", host="m7")

    state = replicas.state(alone)
    found = state.defined(CLUSTER, "routes")
    assert found
    assert found.value == cluster.value(CLUSTER, "routes")
    own = state.defined(machine("M7"), "ports")
    assert own
    assert own.value == rows("public")
    assert models.Replica.objects.get(pk=alone).serial == "M7"


def test_masked_file_of_users_is_refused_and_a_sealed_one_loads(cluster: Cluster) -> None:
    """LOAD-10."""
    secret = next((f.name for f in CATALOGUE if f.secrets), None)
    assert secret is None or re.fullmatch(r"\w+", secret)
    sealing = Sealing.new(PASSPHRASE)
    file = read(saved(cluster, sealing=sealing), CATALOGUE, PASSPHRASE)
    assert file.cluster["routes"] == cluster.value(CLUSTER, "routes")


def test_likely_mapping_is_by_group_name_and_serial_number(cluster: Cluster) -> None:
    """LOAD-06."""
    file = read(saved(cluster), CATALOGUE)
    found = alike(cluster.state, file)
    assert found == all_of(cluster)
    assert alike(cluster.state, read(saved(cluster), CATALOGUE), cluster=False).cluster is False


def test_one_group_of_the_file_may_go_to_several_groups(cluster: Cluster) -> None:
    """LOAD-06: a menu for each group here."""
    cluster.put(cluster.paris, "texts", rows("paris"))
    file = read(saved(cluster), CATALOGUE)
    paris = cluster.paris.id

    planned = plan(cluster.state, file, Assignment(dict.fromkeys(cluster.state.groups, paris), {}, False))

    assert {c.address.mode for c in planned.changes} == {m for m in _groups(cluster) if m != cluster.paris}


def _groups(cluster: Cluster) -> list[object]:
    return [mode for mode in cluster.state.modes() if mode.level == "group"]


# another passphrase


def test_kept_file_is_given_with_another_passphrase_or_masked(cluster: Cluster) -> None:
    """LOAD-10."""
    cluster.put(CLUSTER, "users", {"rows": [{"name": "admin", "passphrase": "s3cret"}]})
    kept = saved(cluster, sealing=Sealing.new(PASSPHRASE))
    at = datetime(2026, 1, 2, tzinfo=UTC)

    again = resealed(kept, PASSPHRASE, Sealing.new("another passphrase"), at)

    assert "2026-01-02" in again
    assert read(again, CATALOGUE, "another passphrase") == read(kept, CATALOGUE, PASSPHRASE)
    masked = resealed(kept, PASSPHRASE, None)
    assert "s3cret" not in masked
    assert "salt" not in masked
    with pytest.raises(MaskedSecret):
        read(masked, CATALOGUE)
    with pytest.raises(WrongPassphrase):
        resealed(kept, "something else", None)


# schema


def test_saved_files_are_valid_by_the_schema(cluster: Cluster) -> None:
    """LOAD-09."""
    found = etree.XMLSchema(etree.fromstring(schema(CATALOGUE).encode()))
    cluster.put(cluster.paris, "texts", rows("paris"))
    for text in (
        saved(cluster),
        saved(cluster, sealing=Sealing.new(PASSPHRASE)),
        save_machine(cluster.state, "M2", CATALOGUE),
    ):
        found.assertValid(etree.fromstring(text.encode()))


@pytest.mark.parametrize(
    "body",
    [
        "<cluster/><cluster/>",
        '<group id="a"/><group id="a"/>',
        '<machine serial="a"/><machine serial="a"/>',
        "<group/>",
        "<cluster><unheard/></cluster>",
        '<cluster><settings feature="texts"/></cluster>',
        "<cluster><ports/></cluster>",
        '<group id="a"><users/></group>',
        "<cluster><texts/><texts/></cluster>",
        "<other/>",
    ],
)
def test_schema_refuses_what_is_not_complete_or_not_unique(body: str) -> None:
    """LOAD-09."""
    found = etree.XMLSchema(etree.fromstring(schema(CATALOGUE).encode()))
    text = f'<config format="1" kind="cluster">{body}</config>'
    assert not found.validate(etree.fromstring(text))
