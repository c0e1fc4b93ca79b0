"""Members that reach one another by name or by address, with a real name server between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliances.releases.artifact import build
from tests.appliances.machine.machines import ROOT, SSH_PORT, Machine, Machines, free_address, until
from tests.appliances.machine.nameserver import NameServer
from tests.appliances.machine.namespaces import Wire

NEW = "7.6.0"


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[NameServer]:
    found = NameServer(tmp_path / "zone", free_address()).start()
    yield found
    found.stop()


def named(machines: Machines, dns: NameServer, *names: str) -> list[Machine]:
    """Standalone machines that ask that name server; the name of their interface is not their own."""
    found = [machines.new(name, prefix=dns.asking()) for name in names]
    for machine in found:
        assert machine.init().returncode == 0
        machine.start()
        name = f"interface.{machine.hostname}"
        machine.does(f"interfaceconfig set Management hostname={name}; commit -m 'another name'")
    return found


def line(machine: Machine, other: Machine) -> str:
    """The line of the other one in the table of links, with its reason."""
    rows = machine.ssh("connstatus --json").json
    return next((f"{r['state']} {r['reason']}" for r in rows if r["serial"] == other.serial), "")


def zone(*machines: Machine) -> dict[str, str]:
    return {machine.hostname: machine.address for machine in machines}


def test_members_call_the_main_host_name_and_say_where_it_leads(
    machines: Machines, dns: NameServer, tmp_path: Path
) -> None:
    """COM-06, COM-07, COM-08, COM-10, COM-15, UPG-10: no name, no member; else no link."""
    one, two = named(machines, dns, "mx1", "mx2")
    one.does("clusterconfig new Americas --by-name")
    before = two.status["vector"]

    dns.knows(zone(one))
    answer = two.join(one)
    assert (answer.code, "the name mx2.example.com is not known" in answer.err) == (1, True), answer
    dns.knows(zone(two))
    answer = two.join(one)
    assert (answer.code, "the name mx1.example.com is not known" in answer.err) == (1, True), answer
    dns.knows({}, silent=("A", "AAAA"))
    assert two.join(one).code == 1
    assert two.status["vector"] == before
    assert "MX2" not in one.does("clusterconfig list")

    dns.knows(zone(one, two))
    assert two.join(one).code == 0
    for here, there in ((one, two), (two, one)):
        until(lambda a=here, b=there: line(a, b).startswith("connected"), "linked by name")
    assert not [question for question in dns.asked if "interface." in question]

    dns.knows({**zone(one), two.hostname: free_address()})
    two.kill()
    two.start("--releases", str(tmp_path / "releases"))
    one.does("clusterconfig disconnect mx2.example.com")
    one.ssh("clusterconfig reconnect mx2.example.com")  # which reaches it only while the old link stands
    two.kill()
    until(lambda: "cannot be reached" in line(one, two), f"mx1 says that nothing answers: {line(one, two)}")
    dns.knows(zone(one))
    until(lambda: "the name mx2.example.com is not known" in line(one, two), "mx1 says that the name is gone")
    assert "MX2" in one.does("clusterconfig list")

    build(ROOT, NEW, tmp_path / "releases")
    two.start("--releases", str(tmp_path / "releases"))
    warned = two.ssh(f"upgrade guided {NEW}").err
    assert "DNS does not know mx2.example.com" in warned, warned


def test_caller_whose_address_nobody_answers_for_is_not_let_in(
    machines: Machines, wire: Wire, tmp_path: Path
) -> None:
    """COM-09, COM-10: an address without a name is quickly told so and does no harm; silence does."""
    wire.forget_names()
    server = NameServer(tmp_path / "zone", "127.0.0.53", wire.prefix(0)).start()
    try:
        one = machines.new("mx1", address=wire.addresses[0], prefix=[*wire.prefix(0), *server.asking()])
        two = machines.new("mx2", address=wire.addresses[1], prefix=wire.prefix(1))
        for machine in (one, two):
            assert machine.init().returncode == 0
            machine.start()
        one.does("clusterconfig new Americas --by-address")
        server.knows({}, silent=("PTR",))
        before = two.status["vector"]

        answer = two.join(one)

        assert (answer.code, f"do not answer for the address {two.address}" in answer.err) == (1, True), (
            answer
        )
        assert "/etc/hosts" in answer.err
        assert (two.status["cluster"], two.status["vector"]) == ("", before)
        assert "MX2" not in one.does("clusterconfig list")

        server.knows({})
        assert two.join(one).code == 0
        assert f"port {SSH_PORT}" in one.does("clusterconfig listdetail")
    finally:
        server.stop()
