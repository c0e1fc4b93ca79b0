"""The table of routes, from what machines say of their links."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from appliances.machine.routes import routes
from appliances.machine.status import LinkStatus, MachineStatus


def linked(*serials: str) -> tuple[LinkStatus, ...]:
    return tuple(LinkStatus(serial=serial, state="connected") for serial in serials)


def test_only_live_links_of_machines_count() -> None:
    own = (
        LinkStatus(serial="B", state="connected"),
        LinkStatus(serial="C", state="down"),
        LinkStatus(serial="P", state="connected", kind="portal"),
    )
    heard = {"B": MachineStatus(serial="B", links=linked("C", "A"))}
    assert routes(own, heard) == {"B": ("B",), "C": ("B", "C"), "A": ("B", "A")}


GRAPHS = st.dictionaries(st.sampled_from("BCDEF"), st.sets(st.sampled_from("BCDEF")), max_size=5)


@given(own=st.sets(st.sampled_from("BCDEF")), graph=GRAPHS)
def test_each_way_is_a_shortest_one_along_links(own: set[str], graph: dict[str, set[str]]) -> None:
    """COM-03: whatever is linked with what."""
    heard = {serial: MachineStatus(serial=serial, links=linked(*others)) for serial, others in graph.items()}
    found = routes(linked(*own), heard)
    layers, reached = [own], set(own)
    while layers[-1]:
        step = {o for s in layers[-1] for o in graph.get(s, set())} - reached
        reached |= step
        layers.append(step)
    assert set(found) == reached
    for serial, way in found.items():
        assert way[-1] == serial
        assert serial in layers[len(way) - 1]
        assert way[0] in own
        assert all(there in graph[here] for here, there in itertools.pairwise(way))
