"""Where a portal calls a machine, and where people log in, when SSH and CCS have addresses of their own."""

from __future__ import annotations

from typing import Any

import pytest

from appliances.following.ways import for_logins, link_port
from clusters.modes import machine
from clusters.state import ClusterState, Defined, Machine
from clusters.versions import settings_at

MANAGEMENT, DATA, NAME = "10.0.0.1", "10.0.0.2", "mx1.example.com"


def interface(ip: str, *, ssh: bool, ccs: bool) -> Any:
    services = {"ssh": {"enabled": ssh, "port": 2200}, "ccs": {"enabled": ccs, "port": 2222}}
    return {"name": f"at {ip}", "ip": ip, "hostname": NAME, **services}


APART = [interface(MANAGEMENT, ssh=True, ccs=False), interface(DATA, ssh=False, ccs=True)]
BOTH = [interface(MANAGEMENT, ssh=True, ccs=True)]


@pytest.mark.parametrize(
    ("address", "ccs_port", "interfaces", "port", "login"),
    [
        (DATA, 2222, APART, 2222, MANAGEMENT),
        (NAME, 2222, APART, 2222, MANAGEMENT),
        (NAME, None, APART, 2200, NAME),
        (MANAGEMENT, 2222, BOTH, 2200, MANAGEMENT),
        ("192.0.2.1", 2222, APART, 2200, "192.0.2.1"),
        (DATA, 2222, [{"name": "of another release"}], 2200, DATA),
        (DATA, 2222, [APART[1]], 2222, DATA),
    ],
)
def test_portal_calls_ssh_unless_it_is_off_there_and_people_log_in_where_it_is_on(
    address: str, ccs_port: int | None, interfaces: list[Any], port: int, login: str
) -> None:
    """COM-14, CL-15."""
    member = Machine("MX1", NAME, "G", address, 2200, ccs_port)
    settings = {settings_at(machine("MX1"), "interfaceconfig"): Defined({"interfaces": interfaces})}
    state = ClusterState(settings)

    assert link_port(state, member) == port
    assert for_logins(state, member).address == login
