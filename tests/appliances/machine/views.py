"""What a machine's replica might say, without one."""

from __future__ import annotations

from typing import Any

from appliances.machine.view import View
from clusters.modes import machine as machine_mode
from clusters.state import ClusterState, Defined, Group
from clusters.state import Machine as Member
from clusters.versions import THE_CLUSTER, Address, Kind, settings_at

MANAGEMENT, DATA = "10.0.0.1", "10.0.0.2"


def interface(ip: str, ssh: int | None = None, ccs: int | None = None) -> Any:
    return {
        "name": f"at {ip}",
        "ip": ip,
        "hostname": "mx1.example.com",
        "ssh": {"enabled": ssh is not None, "port": ssh or 22},
        "ccs": {"enabled": ccs is not None, "port": ccs or 2222},
    }


def own_view(
    told: str, *interfaces: Any, name: str = "mx1.example.com", by_address: bool = True, others: int = 0
) -> View:
    """A member that calls itself `name`, is called mx1.example.com, and is reached at `told`."""
    settings: dict[str, dict[str, Any]] = {
        "interfaceconfig": {"interfaces": list(interfaces)},
        "sethostname": {"hostname": name},
    }
    entries = {settings_at(machine_mode("MX1"), n): Defined(value) for n, value in settings.items()}
    entries[THE_CLUSTER] = Defined({"name": "Americas", "by_address": by_address})
    entries[Address(Kind.GROUP, "G")] = Defined(Group("G", "Main_Group", initial=True).to_value())
    members = [Member("MX1", "mx1.example.com", "G", told, 22)]
    members += [Member(f"MX{n}", f"mx{n}.example.com", "G", f"10.0.1.{n}", 22) for n in range(2, others + 2)]
    entries |= {Address(Kind.MACHINE, each.serial): Defined(each.to_value()) for each in members}
    return View("MX1", 0, "", {}, ClusterState(entries))
