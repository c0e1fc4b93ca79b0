"""Which interfaces and names are proven, and which on trial: what `ground.json` holds, over any history."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features.interfaceconfig import FEATURE
from appliances.machine.returning import Ground, SelfReturn
from appliances.machine.sessions import Login
from appliances.machine.status import Trouble, now
from tests.appliances.machine.views import DATA, MANAGEMENT, interface, own_view

WINDOW = 600.0
PORTS = st.one_of(st.none(), st.integers(1, 3))
GROUNDS = st.tuples(PORTS, PORTS, PORTS, st.sampled_from(["a.example.com", "b.example.com"]))


def view_of(ssh: int | None, ccs: int | None, data: int | None, name: str, **more: Any) -> Any:
    """A machine with SSH and CCS on those ports of one address, and SSH on another."""
    rows = [interface(MANAGEMENT, ssh, None if ccs == ssh else ccs), interface(DATA, data)]
    return own_view(MANAGEMENT, *FEATURE.check({"interfaces": rows})["interfaces"], name=name, **more)


@given(first=GROUNDS, then=st.lists(GROUNDS, max_size=6), by_address=st.booleans())
def test_proven_doors_are_never_given_up_unless_somebody_has_come(
    first: Any, then: list[Any], by_address: bool
) -> None:
    """TRL-15: over any sequence of changes and restarts; what is on trial is what holds."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ground.json"
        begun = view_of(*first, by_address=by_address, others=1)
        SelfReturn(path, WINDOW).look(begun)
        for each in then:
            view = view_of(*each, by_address=by_address, others=1)
            machine = SelfReturn(path, WINDOW)
            machine.look(view)
            assert machine.kept
            assert machine.kept.proven.doors >= Ground.of(begun).doors
            assert (machine.trial is None) is (machine.kept.proven == Ground.of(view))
            assert machine.trial is None or machine.trial.ground == Ground.of(view)
            again = SelfReturn(path, WINDOW)
            again.look(view)
            assert again.kept == machine.kept


@pytest.mark.parametrize(
    ("changed", "stake"),
    [
        ((2200, None, None, "a.example.com"), True),
        ((None, None, None, "a.example.com"), True),
        ((22, None, 22, "a.example.com"), False),
        ((22, None, None, "b.example.com"), True),
    ],
)
def test_trial_begins_where_somebody_may_find_the_machine_no_more(
    tmp_path: Path, changed: Any, stake: bool
) -> None:
    """TRL-15: a door that is shut, or the name by which the others call; never for what is added."""
    machine = SelfReturn(tmp_path / "ground.json", WINDOW)
    machine.look(view_of(22, None, None, "a.example.com", by_address=False, others=1))
    machine.look(view_of(*changed, by_address=False, others=1))
    assert (machine.trial is not None) is stake


def test_name_alone_is_not_on_trial_where_nobody_calls_by_it(tmp_path: Path) -> None:
    """TRL-15: a script that names a lone machine need not log in again."""
    for number, more in enumerate(({"by_address": True, "others": 1}, {"by_address": False})):
        machine = SelfReturn(tmp_path / f"{number}.json", WINDOW)
        machine.look(view_of(22, None, None, "a.example.com", **more))
        machine.look(view_of(22, None, None, "b.example.com", **more))
        assert machine.trial is None


@pytest.mark.parametrize("until", [-10_000, 10_000])
def test_restart_leaves_a_tenth_of_the_window_and_no_more_than_all(tmp_path: Path, until: int) -> None:
    """TRL-15: whatever the clock did meanwhile."""
    path = tmp_path / "ground.json"
    machine = SelfReturn(path, WINDOW)
    machine.look(view_of(22, None, None, "a.example.com"))
    machine.look(view_of(2200, None, None, "a.example.com"))
    assert machine.kept
    assert machine.trial
    machine._keep(replace(machine.kept, trial=replace(machine.trial, until=now() + until * 1000)))

    again = SelfReturn(path, WINDOW)

    assert again.trial
    assert 0.05 * WINDOW < (again.trial.until - now()) / 1000 <= WINDOW


def test_return_is_told_until_a_person_changes_these_settings(tmp_path: Path) -> None:
    """TRL-15: not by looking again, and not by a restart."""
    path = tmp_path / "ground.json"
    before = view_of(22, None, None, "a.example.com")
    machine = SelfReturn(path, WINDOW)
    machine.look(before)
    machine.look(view_of(2200, None, None, "a.example.com"))
    assert machine.kept
    machine._keep(replace(machine.kept, returned=Trouble(text="It went back", since=1)))
    machine.look(before)
    again = SelfReturn(path, WINDOW)
    again.look(before)
    assert (list(again.notes()), again.trial) == (["It went back"], None)

    again.look(view_of(2201, None, None, "a.example.com"))

    assert again.returned is None
    assert "on trial" in next(again.notes())


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"proven": 1}', '{"proven": {}, "trial": 3, "returned": 4}']
)
def test_damaged_file_changes_no_settings(tmp_path: Path, text: str) -> None:
    """TRL-15: what holds now counts as proven, and the file is written anew."""
    path = tmp_path / "ground.json"
    path.write_text(text)
    machine, view = SelfReturn(path, WINDOW), view_of(22, None, None, "a.example.com")
    machine.look(view)
    assert machine.kept == SelfReturn(path, WINDOW).kept
    assert machine.kept
    assert (machine.kept.proven, machine.trial) == (Ground.of(view), None)


@pytest.mark.parametrize(
    ("door", "later", "proves"),
    [((MANAGEMENT, 2200), 1, True), ((MANAGEMENT, 22), 1, False), ((MANAGEMENT, 2200), -1, False)],
)
def test_login_proves_only_through_a_door_that_stays(
    tmp_path: Path, door: tuple[str, int], later: int, proves: bool
) -> None:
    """TRL-15: the session that made the change, and others through the door that it shuts, tell nothing."""
    machine = SelfReturn(tmp_path / "ground.json", WINDOW)
    machine.look(view_of(22, None, None, "a.example.com"))
    machine.look(view_of(2200, None, None, "a.example.com"))
    assert machine.trial
    login = Login("admin", "192.0.2.7", machine.trial.since + later, door=door)
    daemon: Any = SimpleNamespace(
        home=SimpleNamespace(serial="MX1"),
        sessions=SimpleNamespace(all=lambda: [login]),
        table=SimpleNamespace(links=list),
        services=SimpleNamespace(notes=()),
        status_changed=lambda: None,
    )
    asyncio.run(machine.check(daemon))
    assert (machine.trial is None) is proves
