from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from appliances.links.neighbours import CEILING, everybody, neighbours

serials = st.lists(st.text("0123456789ABCDEF-", min_size=1, max_size=12), unique=True, max_size=150)


def reached(graph: dict[str, frozenset[str]], start: str) -> set[str]:
    seen, rest = {start}, [start]
    while rest:
        new = (graph[rest.pop()] & graph.keys()) - seen
        seen |= new
        rest.extend(new)
    return seen


@given(serials)
@settings(max_examples=60, deadline=None)
def test_neighbours_graph_is_mutual_and_connected_also_without_any_one_machine(members):
    graph = {own: neighbours(members, own) for own in members}

    for own, others in graph.items():
        assert own not in others
        assert all(own in graph[other] for other in others)
    for gone in [None, *members]:
        left = {own: others - {gone} for own, others in graph.items() if own != gone}
        if left:
            assert reached(left, next(iter(left))) == set(left)


@given(st.sets(st.text("0123456789", min_size=1), max_size=CEILING))
def test_neighbours_up_to_the_ceiling_are_all_others(members):
    for own in members:
        assert neighbours(members, own) == members - {own} == everybody(members, own)


def test_neighbours_of_many_are_few_and_near():
    members = [f"{n:04}" for n in range(1000)]
    graph = {own: neighbours(members, own) for own in members}

    assert max(map(len, graph.values())) == 18
    near = {"0000"}
    for _ in range(6):
        near |= {other for own in near for other in graph[own]}
    assert near == set(members)
