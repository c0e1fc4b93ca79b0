"""What a machine tells its peers of itself, in clusters of any size."""

from __future__ import annotations

import pytest

from appliances.machine.status import LinkStatus, MachineStatus


def status(known: int, unknown: int) -> MachineStatus:
    states = [*["connected", "down"] * (known // 2), *["unknown"] * unknown]
    links = tuple(LinkStatus(serial=f"M{n}", state=state) for n, state in enumerate(states))
    return MachineStatus(serial="A", links=links)


@pytest.mark.parametrize("members", [60, 1000])
def test_reports_do_not_grow_with_the_members_of_a_large_cluster(members: int) -> None:
    told = status(18, members - 18).told
    assert [link.state for link in told.links] == ["connected", "down"] * 9


def test_report_of_a_small_cluster_names_every_member() -> None:
    found = status(2, 18)
    assert found.told is found
