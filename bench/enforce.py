"""From the word `commit` on one of eight real machines to all eight enforcing the change.

Every machine writes down when its new settings were in force, by the one clock that all of them share here.
Side by side: the bare work of one machine alone with the same change, which no push tool can avoid either.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench import machines
from bench.figures import spread
from bench.sizes import scaled
from portal.demo.plan import NET, DemoMachine

RUNS = scaled(10, 1)


def measure() -> Iterator[str]:
    """Rows of figures."""
    with machines.running() as cluster:
        took = [_once(cluster, "cluster", n, cluster.machines) for n in range(RUNS)]
        own = f"machine {machines.CLUSTER.hostname(cluster.machines[0])}"
        alone = [max(_once(cluster, own, n, cluster.machines[:1])) for n in range(RUNS)]
    slowest, median = [max(each) for each in took], [statistics.median(each) for each in took]
    yield f"commit to enforced on the slowest of {machines.COUNT} machines: {spread(slowest)}"
    yield f"commit to enforced on the median machine: {spread(median)}"
    yield f"the same change for one machine alone: {spread(alone)}"


def _once(cluster: machines.Running, mode: str, n: int, reached: tuple[DemoMachine, ...]) -> list[float]:
    cluster.change_route(mode, f"{NET}.{200 + len(reached)}.{n + 1}")
    before = cluster.wanted()
    began = time.time()
    cluster.commit()
    cluster.await_enforced(before, reached)
    return [int(str(cluster.status(machine)["enforced_since"])) / 1000 - began for machine in reached]
