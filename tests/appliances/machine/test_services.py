"""The doors of a machine follow its interfaces; one that cannot be opened locks nobody out."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from typing import Any

import pytest

from appliances.links import names
from appliances.links.errors import Unreachable
from appliances.machine.own_entry import OwnEntry, moved_entry, renamed, unfit_name
from appliances.machine.services import doors
from appliances.machine.view import View
from clusters.modes import machine as machine_mode
from clusters.state import ClusterState, Defined, Group
from clusters.state import Machine as Member
from clusters.versions import Address, Kind, settings_at
from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, greeting, until
from tests.appliances.machine.views import DATA, MANAGEMENT, interface, own_view

CCS_PORT = 2222


@pytest.fixture(scope="module")
def machine(shared_machines: Machines) -> Machine:
    return shared_machines.started("mx1")[0]


def test_ccs_opens_and_closes_with_its_setting_and_takes_no_logins(machine: Machine) -> None:
    """COM-14, T6."""
    assert greeting(machine.address, CCS_PORT) == ""

    machine.does("interfaceconfig set Management ccs.enabled=yes ccs.port=2222; commit -m ccs")

    until(lambda: "Gatefold_CCS" in greeting(machine.address, CCS_PORT), "CCS answers")
    words = [str(CCS_PORT) if word == str(SSH_PORT) else word for word in machine.ssh_words("whoami")]
    done = subprocess.run(
        words,
        env=machine.asking(machine.passphrase),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 255
    machine.does("interfaceconfig set Management ccs.enabled=no; commit -m 'no ccs'")
    until(lambda: greeting(machine.address, CCS_PORT) == "", "CCS is closed")


def test_port_of_logins_moves(machine: Machine) -> None:
    machine.does("interfaceconfig set Management ssh.port=2201; commit -m move")

    until(lambda: "Gatefold_SSH" in greeting(machine.address, 2201), "the new port answers")
    until(lambda: greeting(machine.address, SSH_PORT) == "", "the old port is closed")

    words = ["2201" if word == str(SSH_PORT) else word for word in machine.ssh_words()]
    back = "interfaceconfig set Management ssh.port=2200; commit -m back"
    subprocess.run(
        [*words, back],
        env=machine.asking(machine.passphrase),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    until(lambda: "Gatefold_SSH" in greeting(machine.address, SSH_PORT), "the first port answers again")
    until(lambda: greeting(machine.address, 2201) == "", "the other is closed")


def test_port_that_is_taken_leaves_the_old_door_open(machine: Machine) -> None:
    """COM-12: a port that another program has."""
    with socket.create_server((machine.address, 2202)):
        machine.does("interfaceconfig set Management ssh.port=2202; commit -m taken")

        found = until(
            lambda: [note for note in machine.status["notes"] if "port 2202" in note], "the status says it"
        )
        assert "cannot listen" in found[0]

        # It stays taken until the machine wants it no more: free, it would be opened and the old door closed.
        machine.does("interfaceconfig set Management ssh.port=2200; commit -m back")
        until(lambda: not any("2202" in note for note in machine.status["notes"]), "all is well again")


def test_members_follow_a_port_that_moves(machines: Machines) -> None:
    """CL-15."""
    first, second = machines.cluster("mx1", "mx2")

    second.does(
        "clustermode machine mx2.example.com; interfaceconfig set Management ssh.port=2201; commit -m x"
    )

    until(lambda: "port 2201" in first.does("clusterconfig listdetail"), "mx1 knows the new port")
    until(lambda: greeting(second.address, SSH_PORT) == "", "the old port is closed")
    until(lambda: "mx2.example.com (machine): connected" in first.does("connstatus"), "mx2 is linked")
    first.does("clustermode cluster; smtproutes set example.net 127.0.0.9; commit -m after --wait 60")


@pytest.mark.parametrize(
    ("told", "interfaces", "wanted"),
    [
        ((DATA, 22, 2222), [interface(MANAGEMENT, 22), interface(DATA, ccs=2223)], (DATA, 22, 2223)),
        ((DATA, 22, 2222), [interface(MANAGEMENT, 22), interface(DATA, 2201)], (DATA, 2201, None)),
        (("mx1.example.com", 22, 2222), [interface(MANAGEMENT, 22), interface(DATA, ccs=2222)], None),
        (("mx1.example.com", 22, None), [interface(MANAGEMENT, 22), interface(DATA, ccs=2222)], None),
        (
            ("mx1.example.com", 22, 2222),
            [interface(MANAGEMENT, 22), interface(DATA, ccs=2223)],
            ("mx1.example.com", 22, 2223),
        ),
        (
            ("mx1.example.com", 22, None),
            [interface(MANAGEMENT, 2201), interface(DATA, ccs=2222)],
            ("mx1.example.com", 2201, None),
        ),
        (("192.0.2.1", 22, None), [interface(MANAGEMENT, 2201)], None),
    ],
)
def test_entry_follows_the_doors_of_the_interface_where_members_call(
    told: tuple[str, int, int | None], interfaces: list[Any], wanted: tuple[str, int, int | None] | None
) -> None:
    """CL-15, COM-07: SSH for administrators on one address and CCS for members on another."""
    address, port, ccs = told
    member = Member("MX1", "mx1.example.com", "G", address, port, ccs)
    settings = {"interfaceconfig": {"interfaces": interfaces}, "sethostname": {"hostname": member.name}}
    entries = {settings_at(machine_mode("MX1"), name): Defined(value) for name, value in settings.items()}
    entries[Address(Kind.MACHINE, "MX1")] = Defined(member.to_value())
    entries[Address(Kind.GROUP, "G")] = Defined(Group("G", "Main_Group", initial=True).to_value())
    view = View("MX1", 0, "", {}, ClusterState(entries))

    moved = moved_entry(view, doors(view.interfaces))

    assert (moved and (moved.address, moved.port, moved.ccs_port)) == wanted


@pytest.mark.parametrize(
    ("told", "interfaces", "former", "wanted"),
    [
        ("10.0.0.9", [interface(DATA, 2200)], {"10.0.0.9": "Management"}, (DATA, 2200)),
        (
            "10.0.0.9",
            [interface(DATA, 22), interface(MANAGEMENT, 2200)],
            {"10.0.0.9": f"at {MANAGEMENT}"},
            (MANAGEMENT, 2200),
        ),
        (MANAGEMENT, [interface(MANAGEMENT), interface(DATA, 22)], {MANAGEMENT: "Management"}, (DATA, 22)),
        ("192.0.2.1", [interface(MANAGEMENT, 2201)], {MANAGEMENT: "Management"}, None),
        ("10.0.0.9", [interface(MANAGEMENT)], {"10.0.0.9": "Management"}, None),
    ],
)
def test_entry_follows_an_address_that_was_the_machines_own(
    told: str, interfaces: list[Any], former: dict[str, str], wanted: tuple[str, int] | None
) -> None:
    """TRL-34: the interface of the same name first; a translator's address is nobody's business here."""
    view = own_view(told, *interfaces)
    moved = moved_entry(view, doors(view.interfaces), former)
    assert (moved and (moved.address, moved.port)) == wanted


@pytest.mark.parametrize(
    ("by_address", "told", "wanted"),
    [
        (True, MANAGEMENT, MANAGEMENT),
        (False, "mx1.example.com", "new.example.com"),
        (False, "alias.example.com", "alias.example.com"),
    ],
)
def test_entry_follows_the_name_of_the_machine(by_address: bool, told: str, wanted: str) -> None:
    """TRL-16: and members who call it by that name call it by the new one."""
    view = own_view(told, interface(MANAGEMENT, 22), name="new.example.com", by_address=by_address)
    assert view.member
    named = renamed(view.member, view.name, by_address=by_address)
    moved = moved_entry(view, doors(view.interfaces), named=named)
    assert moved
    assert (moved.name, moved.address, moved.port) == ("new.example.com", wanted, 22)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mx1.example.com", ""),
        ("new.example.com", ""),
        ("MX2.example.com", "another member is called so"),
        ("localhost.localdomain", "no member can be called so"),
    ],
)
def test_entry_keeps_its_name_where_the_new_one_is_no_name_of_a_member(name: str, said: str) -> None:
    """TRL-16: the status says why lists go on with the old one."""
    view = own_view(MANAGEMENT, interface(MANAGEMENT, 22), name=name, others=1)
    assert view.member
    found = unfit_name(view, view.member)
    assert said in found
    assert bool(found) is bool(said)


async def test_name_by_which_members_call_is_told_once_it_leads_somewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TRL-16: until then the cluster goes on with the old one, and the status says why."""
    known: set[str] = set()

    async def places_of(name: str, port: int) -> list[Any]:
        if name not in known:
            raise Unreachable(f"the name {name} is not known")
        return []

    monkeypatch.setattr(names, "places_of", places_of)
    begun: list[asyncio.Task[None]] = []
    told: list[str] = []
    own = OwnEntry(
        lambda work: begun.append(asyncio.ensure_future(work)),
        lambda: told.append("again"),
        lambda: told.append("changed"),
    )
    view = own_view(
        "mx1.example.com", interface(MANAGEMENT, 22), name="new.example.com", by_address=False, others=1
    )

    await own.tell(view, [])
    await begun.pop()
    assert told == ["changed"]
    assert "the name new.example.com is not known" in own.notes[0]

    known.add("new.example.com")
    await own.tell(view, [])
    await begun.pop()
    assert told == ["changed", "again"]
    assert view.member
    assert own._named(view, view.member).name == "new.example.com"
    assert own.notes == ()
