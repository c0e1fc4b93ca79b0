"""`clusterconfig preflight`: what would hinder a join, found without trying one."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from appliances.links.client import Probe
from appliances.links.ssh import ServiceKind
from appliances.machine import preflight
from clusters import replicas
from tests.appliances.cli.hosts import KEY, Person, QuietHost

MEMBER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SEEN = Probe(ServiceKind.SSH, MEMBER_KEY)


@pytest.fixture
def script(standalone: QuietHost, monkeypatch: pytest.MonkeyPatch) -> Person:
    standalone.seen = {22: SEEN, 2222: Probe(ServiceKind.CCS, MEMBER_KEY)}
    known = {standalone.name: [(0, 0, 0, "", ("127.0.0.1", 0))]}
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, port: known[name])
    monkeypatch.setattr(socket, "gethostbyaddr", lambda address: (standalone.name, [], [address]))
    return Person.at(standalone, interactive=False)


def verdicts(person: Person, words: str) -> dict[str, str]:
    person.types(f"clusterconfig preflight {words} --json")
    return {row["check"]: row["verdict"] for row in json.loads(person.said)}


def test_everything_in_order_is_green_and_changes_nothing(script: Person) -> None:
    """COM-06, COM-07."""
    before = replicas.vector(script.session.replica_id)
    found = verdicts(script, f"192.0.2.1 --fingerprint {SEEN.fingerprint}")
    assert found.pop("welcome") == "unknown", "nobody can judge that from outside"
    assert set(found) == {"changes", "name", "reverse", "port", "service", "host-key"}
    assert set(found.values()) == {"ok"}
    assert script.types(f"clusterconfig preflight 192.0.2.1 --fingerprint {SEEN.fingerprint}") == 0
    assert script.said.startswith("+ changes")
    assert "--dry-run" in script.said
    assert replicas.vector(script.session.replica_id) == before


@pytest.mark.parametrize(
    ("words", "check", "verdict"),
    [
        ("192.0.2.1 --port 2200", "port", "bad"),
        ("192.0.2.1 --port 2200", "service", "unknown"),
        ("192.0.2.1 --port 2222", "service", "bad"),
        ("192.0.2.1 --ccs", "service", "ok"),
        ("192.0.2.1", "host-key", "warn"),
        ("192.0.2.1 --fingerprint SHA256:other", "host-key", "bad"),
    ],
)
def test_member_that_does_not_fit_is_named_by_what_is_wrong(
    script: Person, words: str, check: str, verdict: str
) -> None:
    """JN-03, JN-04."""
    assert verdicts(script, words)[check] == verdict
    assert script.types(f"clusterconfig preflight {words}") == int("bad" in verdicts(script, words).values())


def test_what_the_join_refuses_by_itself_is_found_before(script: Person, standalone: QuietHost) -> None:
    """TRL-22: pending changes, and its own address; the outcome of a script is the same with --json."""
    script.types("unsubscribe add a@example.com")
    line = f"clusterconfig preflight 192.0.2.1 --fingerprint {SEEN.fingerprint}"
    assert verdicts(script, line.removeprefix("clusterconfig preflight "))["changes"] == "bad"
    assert [script.types(line), script.types(f"{line} --json")] == [1, 1]

    script.types("clear")
    standalone.seen[22] = Probe(ServiceKind.SSH, KEY)
    assert verdicts(script, "127.0.0.1")["host-key"] == "bad"
    assert script.types("clusterconfig preflight 127.0.0.1 --json") == 1


def test_names_that_lead_nowhere_or_elsewhere_are_pointed_out(
    script: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COM-08, COM-09, COM-10: a missing reverse name does no harm, one that times out does."""

    def nothing(*asked: Any) -> Any:
        raise OSError("not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    monkeypatch.setattr(socket, "gethostbyaddr", nothing)
    found = verdicts(script, "192.0.2.1")
    assert (found["name"], found["reverse"]) == ("warn", "warn")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: [(0, 0, 0, "", ("192.0.2.99", 0))])
    assert verdicts(script, "192.0.2.1")["name"] == "warn"
    asleep = threading.Event()
    monkeypatch.setattr(preflight, "PATIENCE", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: asleep.wait(20))
    monkeypatch.setattr(socket, "gethostbyaddr", lambda *asked: asleep.wait(20))
    found = verdicts(script, "192.0.2.1")
    asleep.set()
    assert (found["name"], found["reverse"]) == ("bad", "bad")


@pytest.mark.parametrize("words", ["", "192.0.2.1 --port 70000", "192.0.2.1 --port x"])
def test_words_that_are_no_question_are_refused(script: Person, words: str) -> None:
    assert script.types(f"clusterconfig preflight {words}") == 2


def test_member_has_no_preflight(admin: Person) -> None:
    """CL-17."""
    assert admin.types("clusterconfig preflight 192.0.2.1", "Y") == 1
    assert "in the cluster Americas already" in admin.warned
