"""Lives of simulated clusters hold every invariant of design section 3, and broken rules are found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from clusters import replication
from clusters.fence import Fence
from clusters.replication import Replica
from clusters.versions import Clock, Heads, Timestamp, Version, merge
from tests.simulation.__main__ import main
from tests.simulation.simulator import Report, run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
CHUNK = 50
STEPS = 200


def lives(seeds: Iterable[int], steps: int = STEPS) -> list[Report]:
    """The reports of these seeds, up to the first that fails."""
    reports = []
    for seed in seeds:
        reports.append(run(seed, steps))
        if reports[-1].failure:
            break
    return reports


def told(report: Report) -> str:
    again = f"python -m tests.simulation --seeds 1 --first {report.seed} --steps {report.steps}"
    return f"{report.story()}\n{report.failure}\nagain: {again}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_replicas_agree_and_nothing_is_lost(first: int) -> None:
    """Design, sections 3 and 14."""
    last = lives(range(first, first + CHUNK))[-1]
    assert not last.failure, told(last)


def test_short_lives_hold_every_invariant_and_meet_every_hardship() -> None:
    """What the simulator is for does happen in it: no invariant holds for want of occasion."""
    reports = lives(range(5_000_000, 5_000_040), 120)
    assert not reports[-1].failure, told(reports[-1])
    met = sum((report.counts for report in reports), Counter[str]())
    hardships = (
        *("crash", "split", "disconnect", "reconnect", "remove", "restore", "compact", "clock"),
        *("conflicts", "waiting", "held", "accept", "stale", "fenced off", "resolve", "Whole", "Commits"),
    )
    assert {what for what in hardships if not met[what]} == set()


def test_seed_is_one_life_whatever_the_order_of_sets() -> None:
    """A failing seed can be seen again, in any process."""
    show = "from tests.simulation.simulator import run; r = run(7, 150); print(r.counts, r.story(10**6))"
    stories = {
        subprocess.run(
            [sys.executable, "-c", show],
            env={**os.environ, "PYTHONHASHSEED": order},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for order in ("1", "2", "3")
    }
    assert len(stories) == 1
    assert "commit" in stories.pop()


# broken rules


def keep_first(versions: Iterable[Version]) -> Heads:
    """Whoever came first stands."""
    return tuple(versions)[:1]


def clock_only(versions: Iterable[Version]) -> Heads:
    """The latest stands, whatever its author had seen."""
    return tuple(sorted({v.id: v for v in versions}.values(), key=lambda v: (v.time, v.id), reverse=True))


def latest_wins(versions: Iterable[Version]) -> Heads:
    """The latest stands, the rest is forgotten."""
    return clock_only(versions)[:1]


def drop_losers(versions: Iterable[Version]) -> Heads:
    """The right one stands, and a conflict's losers are forgotten."""
    return merge(versions)[:1]


def by_arrival(versions: Iterable[Version]) -> Heads:
    """Of concurrent versions the last to arrive stands."""
    known = list(versions)
    return tuple(sorted(merge(known), key=lambda v: known.index(v), reverse=True))


@pytest.mark.parametrize("broken", [keep_first, clock_only, latest_wins, drop_losers, by_arrival])
def test_broken_merge_rule_is_found(
    broken: Callable[[Iterable[Version]], Heads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "merge", broken)
    assert lives(range(20))[-1].failure


def newest(heads: Heads) -> Version | None:
    """The newest is in force, though the cluster chose to wait."""
    return heads[0]


def before_the_newest(heads: Heads) -> Version | None:
    """What stood for the author of the newest alone is in force."""
    past = heads[0].past
    return past.versions[0] if past and past.versions else heads[0]


@pytest.mark.parametrize("broken", [newest, before_the_newest])
def test_conflict_that_does_not_wait_is_found(
    broken: Callable[..., Version | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYN-08: safe wait."""
    monkeypatch.setattr(replication, "standing_each", lambda found: {a: broken(h) for a, h in found.items()})
    assert "does not wait" in lives(range(40))[-1].failure


def ignore_order(commits: Iterable[Any], known: dict[str, int], tips: dict[str, str]) -> Any:
    """Every commit is taken at once, whatever it builds on."""
    ready = [c for c in commits if known.get(c.id.origin, 0) < c.id.number]
    for commit in ready:
        known[commit.id.origin] = commit.id.number
        tips[commit.id.origin] = commit.link
    return ready, [], ()


def test_commits_taken_out_of_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "_ready", ignore_order)
    assert lives(range(60))[-1].failure


def test_fence_that_lets_everything_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fence, "admits", lambda self, vector: True)
    assert "older generation" in lives(range(60))[-1].failure


def test_fence_that_stays_shut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fence, "admits", lambda self, vector: vector == self.applied or not self.applied)
    assert "newer generation" in lives(range(60))[-1].failure


def test_replica_that_claims_more_than_it_has_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def boast(self: Replica) -> dict[str, int]:
        return {origin: number + 1 for origin, number in self.vector.items()}

    monkeypatch.setattr(Replica, "in_hand", property(boast))
    assert lives(range(20))[-1].failure


def test_compaction_without_a_floor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Replica, "compact", lambda self, vector: self.store.forget(vector))
    assert lives(range(60))[-1].failure


def test_stale_drafts_let_through_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """CMT-04."""
    true_commit = Replica.commit

    def careless(self: Replica, changes: Any, **by: str) -> Any:
        heads = self.store.heads([change.address for change in changes])
        based = [
            type(c)(c.address, c.value, heads[c.address][0].id if c.address in heads else None)
            for c in changes
        ]
        return true_commit(self, based, **by)

    monkeypatch.setattr(Replica, "commit", careless)
    assert "stale draft" in lives(range(60))[-1].failure


def test_clock_that_follows_every_date_is_harmless_to_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The merge rule needs no true time: absurd clocks cost order among the concurrent, and nothing else."""
    monkeypatch.setattr(Clock, "observe", lambda self, time: None)
    monkeypatch.setattr(Clock, "tick", lambda self: Timestamp(self.wall(), 0))
    reports = lives(range(10), 120)
    assert not reports[-1].failure, told(reports[-1])


# the command


def test_command_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3", "--first", "11", "--steps", "60"]) == 0
    shown = capsys.readouterr().out
    assert "3 lives of 60 steps held every invariant" in shown
    assert "commit " in shown


def test_command_ends_at_a_failing_seed_and_says_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "merge", keep_first)
    assert main(["--seeds", "5", "--first", "100"]) == 1
    shown = capsys.readouterr().out
    assert "again: python -m tests.simulation --seeds 1 --first 100 --steps 200" in shown
    assert shown.count("commit") > 5
