"""What holds for every feature in a configuration file: its XSD, saving and loading are of one mind."""

from __future__ import annotations

import pytest
from hypothesis import given
from lxml import etree

from appliances.features.discovery import FEATURES
from appliances.features.registry import CATALOGUE
from clusters import drafts, replicas
from clusters.catalogue import Document, Scope
from clusters.config_files import loading
from clusters.config_files.errors import BadFile
from clusters.config_files.loading import Assignment
from clusters.config_files.reading import read
from clusters.config_files.saving import save_cluster, save_machine
from clusters.config_files.schema import schema
from clusters.config_files.sealing import Sealing
from clusters.modes import CLUSTER, machine
from clusters.state import ClusterState, Defined
from clusters.versions import Address, Change, Kind, settings_at
from tests.appliances.features.examples import DOCUMENTS, KEY
from tests.appliances.features.generated import documents
from tests.appliances.features.test_laws import patient

PASSPHRASE = "a long passphrase"
SEALING = Sealing.of(PASSPHRASE, b"salt of the tests")
XSD = etree.XMLSchema(etree.fromstring(schema(CATALOGUE).encode()))


ADMIN = {"users": [{"name": "admin", "role": "administrator", "authorised_keys": [KEY]}]}


def sealing(feature: str) -> Sealing | None:
    return SEALING if FEATURES[feature].secrets else None


def state(feature: str, document: Document) -> ClusterState:
    """A cluster with one machine and somebody who can log in, and the document where it may stand."""
    mode = machine("M1") if FEATURES[feature].scope is Scope.MACHINE else CLUSTER
    entries = {
        Address(Kind.MACHINE, "M1"): {"name": "mx1.example.com", "group": "g"},
        settings_at(CLUSTER, "userconfig"): ADMIN,
        settings_at(mode, feature): document,
    }
    return ClusterState({address: Defined(value) for address, value in entries.items()})


def loaded(text: str, feature: str) -> Document:
    file = read(text, CATALOGUE, PASSPHRASE)
    return {**file.cluster, **file.machines[0].settings}[feature]


def valid(text: str) -> bool:
    return bool(XSD.validate(etree.fromstring(text.encode())))


@pytest.mark.parametrize("name", FEATURES)
def test_every_document_saves_to_a_valid_file_and_loads_again(name: str) -> None:
    """LOAD-01, LOAD-09: a cluster's as a person wrote it, a machine's in normal form."""

    @patient
    @given(documents(name))
    def holds(document: Document) -> None:
        normal = FEATURES[name].check(document)
        written = state(name, document)
        for text in (
            save_cluster(written, CATALOGUE, sealing=sealing(name)),
            save_machine(state(name, normal), "M1", CATALOGUE, sealing=sealing(name)),
        ):
            XSD.assertValid(etree.fromstring(text.encode()))
            assert loaded(text, name) == normal
        XSD.assertValid(etree.fromstring(save_cluster(written, CATALOGUE).encode()))

    holds()


BARE = ClusterState({Address(Kind.MACHINE, "M1"): Defined({"name": "mx1.example.com", "group": "g"})})
NEEDED = {"userconfig"}
"""Without anybody who can log in a machine is lost: no load may bring that about."""


def test_machine_with_nothing_defined_loads_again_but_for_users() -> None:
    """LOAD-03, LOAD-09: for all features at once what holds without a definition."""
    text = save_machine(BARE, "M1", CATALOGUE)

    XSD.assertValid(etree.fromstring(text.encode()))
    settings = read(text, CATALOGUE).machines[0].settings
    assert settings == {name: CATALOGUE.fallback(name) for name in FEATURES if name not in NEEDED}


@pytest.mark.parametrize("name", FEATURES)
def test_machine_with_nothing_but_one_feature_loads_again(name: str) -> None:
    """LOAD-03: it loads with that feature as it was defined."""
    mode = machine("M1") if FEATURES[name].scope is Scope.MACHINE else CLUSTER
    normal = FEATURES[name].check(DOCUMENTS[name])
    lone = ClusterState({**BARE.entries, settings_at(mode, name): Defined(normal)})

    text = save_machine(lone, "M1", CATALOGUE, sealing=sealing(name))

    XSD.assertValid(etree.fromstring(text.encode()))
    assert read(text, CATALOGUE, PASSPHRASE).machines[0].settings[name] == normal


@pytest.mark.django_db
@pytest.mark.parametrize("users", [None, ADMIN])
def test_file_of_a_machine_without_users_leaves_those_of_the_target(users: Document | None) -> None:
    """LOAD-03: what was saved becomes pending there again, and whoever could log in still can."""
    replica_id = replicas.new_replica("M1").pk
    address = settings_at(CLUSTER, "userconfig")
    if users is not None:
        replicas.commit(replica_id, [Change(address, users)], user="admin", host="m1")

    loading.restore_machine(replica_id, "admin", read(save_machine(BARE, "M1", CATALOGUE), CATALOGUE))

    held = drafts.draft_state(replica_id, "admin")
    assert {a.name for a in held.entries} == set(FEATURES) - (NEEDED if users is None else set())
    assert all(held.entries[c.address].value == c.value for c in drafts.changes(replica_id, "admin"))
    found = held.defined(CLUSTER, "userconfig")
    assert (found.value if found else None) == users


def test_file_of_a_cluster_without_users_takes_nobody_away() -> None:
    """LOAD-06: all else becomes what the file says, and what it does not have goes."""
    here = ClusterState(
        {
            **state("smtproutes", FEATURES["smtproutes"].check(ROUTE)).entries,
            Address(Kind.CLUSTER, ""): Defined({"name": "Americas"}),
            settings_at(CLUSTER, "of_tomorrow"): Defined({}),
        }
    )

    planned = loading.plan(here, read(save_cluster(BARE, CATALOGUE), CATALOGUE), Assignment({}, {}))

    gone = [Change(settings_at(CLUSTER, name), None) for name in ("of_tomorrow", "smtproutes")]
    assert list(planned.changes) == gone


@pytest.mark.parametrize("name", FEATURES)
def test_feature_names_its_element_and_takes_no_unknown_field(name: str) -> None:
    """LOAD-09."""
    text = save_cluster(state(name, DOCUMENTS[name]), CATALOGUE, sealing=sealing(name))
    assert valid(text)
    assert loaded(text, name) == FEATURES[name].check(DOCUMENTS[name])
    spoilt = text.replace(f"</{name}>", f"<unheard>x</unheard></{name}>")
    assert spoilt != text
    assert not valid(spoilt)
    with pytest.raises(BadFile, match="unheard"):
        loaded(spoilt, name)


ROUTE = {"routes": [{"domain": "example.com", "hosts": [{"host": "192.0.2.1", "port": 25}]}]}
LIMITS = {"default": {"concurrency": 20, "tls": "off"}}


@pytest.mark.parametrize(
    ("name", "document", "part", "spoilt"),
    [
        ("smtproutes", ROUTE, '<port type="integer">25<', '<port type="integer">65536<'),
        ("smtproutes", ROUTE, '<port type="integer">25<', '<port type="integer">0<'),
        ("smtproutes", ROUTE, '<port type="integer">25<', "<port>25<"),
        ("smtproutes", ROUTE, '<port type="integer">25<', '<port type="integer">smtp<'),
        ("smtproutes", ROUTE, '<port type="integer">25<', '<port type="number">25.0<'),
        ("smtproutes", ROUTE, "<domain>example.com</domain>", ""),
        ("smtproutes", ROUTE, "<domain>example.com</domain>", "<domain/>"),
        ("smtproutes", ROUTE, "<domain>example.com</domain>", '<domain type="integer">5</domain>'),
        ("smtproutes", ROUTE, "<domain>", "<colour>red</colour><domain>"),
        ("smtproutes", ROUTE, "</domain>", "</domain><domain>example.org</domain>"),
        ("smtproutes", ROUTE, '<routes type="list">', '<routes type="map">'),
        ("destconfig", LIMITS, "<tls>off<", "<tls>sometimes<"),
        ("destconfig", LIMITS, '<concurrency type="integer">20<', '<concurrency type="integer">1001<'),
        ("destconfig", LIMITS, '<concurrency type="integer">20<', '<concurrency type="null"><'),
    ],
)
def test_what_a_feature_refuses_by_its_shape_is_not_valid_either(
    name: str, document: Document, part: str, spoilt: str
) -> None:
    """LOAD-09: wrong types, unknown and missing fields, numbers out of range, words that are none."""
    text = save_cluster(state(name, document), CATALOGUE)
    assert text.count(part) == 1
    assert valid(text)
    assert loaded(text, name) == FEATURES[name].check(document)
    broken = text.replace(part, spoilt)
    assert not valid(broken)
    with pytest.raises(BadFile, match=r"^Line \d+: "):
        loaded(broken, name)


def test_every_field_of_a_feature_has_its_type() -> None:
    """LOAD-09: none of these features needs what XSD 1.0 cannot say."""
    root = etree.fromstring(schema(CATALOGUE).encode())
    assert not root.findall(".//{*}element[@type='anything']")
    assert [found.getparent().getparent().get("name") for found in root.iter("{*}any")] == ["anything"]
