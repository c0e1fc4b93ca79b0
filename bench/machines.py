"""Eight real machines of one cluster on loopback, for the measurements that need them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ["GATEFOLD_DEMO_NET"] = "127.30"

from bench.sizes import scaled
from portal.demo import provision
from portal.demo.plan import NET, SINK_PORT, DemoCluster, DemoMachine, listener
from portal.demo.supervisor import Supervisor

DOMAIN = "bench.example"
SINK = f"{NET}.200.1"
COUNT = scaled(8, 2)


def route(host: str) -> dict[str, object]:
    """An `smtproutes` document that sends the domain to one host."""
    return {"routes": [{"domain": DOMAIN, "hosts": [{"host": host, "port": SINK_PORT}]}]}


CLUSTER = DemoCluster(
    name="Bench",
    tenant="bench",
    domain="gw.bench.example",
    settings={"listenerconfig": listener((DOMAIN,)), "smtproutes": route(SINK)},
    groups={},
    machines=tuple(DemoMachine(f"BENCH-{n}", f"gw{n}", f"{NET}.9.{n}") for n in range(1, COUNT + 1)),
)


class NotEnforced(RuntimeError):
    """Some machine did not get to the settings wanted in time."""


@dataclass(frozen=True)
class Running:
    """The machines while they run, who types on them, and where their homes are."""

    typist: provision.Typist
    machines: tuple[DemoMachine, ...]
    var: Path

    def status(self, machine: DemoMachine) -> dict[str, object]:
        """What the machine says of itself."""
        return dict(json.loads(self.typist.type_in(machine, "status --json")))

    def wanted(self) -> dict[str, object]:
        """The fingerprint that each machine wants now, by name."""
        return {machine.name: self.status(machine)["wanted"] for machine in self.machines}

    def await_enforced(
        self,
        before: dict[str, object] | None = None,
        reached: tuple[DemoMachine, ...] = (),
        timeout: float = 90.0,
    ) -> None:
        """Returns when those reached (else all) enforce what they want, and that is not what it was `before`.

        Raises NotEnforced after `timeout` seconds with the machines' own words.
        """
        old = before or {}
        late = list(reached or self.machines)
        deadline = time.monotonic() + timeout
        while late := [machine for machine in late if not self._done(machine, old.get(machine.name))]:
            if time.monotonic() > deadline:
                raise NotEnforced("; ".join(f"{m.name}: {self.status(m)['error']}" for m in late))
            time.sleep(0.1)

    def _done(self, machine: DemoMachine, before: object) -> bool:
        said = self.status(machine)
        return bool(said["wanted"]) and said["wanted"] == said["enforced"] and said["wanted"] != before

    def change_route(self, mode: str, host: str) -> None:
        """Draft another route of the domain at a mode, typed on the first machine."""
        self.typist.type_in(self.machines[0], f"clustermode {mode}; smtproutes load", json.dumps(route(host)))

    def commit(self) -> None:
        """Commit what was drafted on the first machine."""
        self.typist.type_in(self.machines[0], 'commit -m "bench"')


@contextmanager
def running() -> Iterator[Running]:
    """The machines, joined and at rest; all state goes with the end."""
    var = Path(tempfile.mkdtemp(prefix="gf-bench-", dir="/tmp"))
    var.chmod(0o755)
    (var / "log").mkdir()
    supervisor = Supervisor(var / "log", print)
    try:
        for machine in CLUSTER.machines:
            provision.prepare(var, CLUSTER, machine)
        supervisor.start([provision.program(var, machine) for machine in CLUSTER.machines])
        with provision.Typist() as typist:
            cluster = Running(typist, CLUSTER.machines, var)
            provision.found(typist, CLUSTER)
            for machine in CLUSTER.machines[1:]:
                provision.join(typist, var, CLUSTER, machine)
            cluster.await_enforced()
            yield cluster
    finally:
        supervisor.stop()
        shutil.rmtree(var)
