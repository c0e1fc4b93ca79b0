"""A whole portal follows one cluster of 8 real and 1,000 simulated machines: links, rest, pages, one commit.

Real: eight daemons with their Postfix; the portal with its Redis, one worker and one web process; every SSH
link of the portal, and of the real machines with one another and with simulated ones; what travels over them;
each row that the portal keeps. Simulated (`bench.simulated`): the replica of a machine is in memory and
shares what it has not changed; it has no mail and calls nobody. Its entry came with one commit that the
portal made, not by a join of its own.

BENCH_SIMULATED says how many are simulated, if not 1,000.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench import machines
from bench.figures import spread
from bench.sizes import scaled
from portal.demo import provision
from portal.demo.plan import NET, PASSPHRASE, SSH_PORT

if TYPE_CHECKING:
    from tests.portal.installation import Installation

SIMULATED = scaled(1000, 3)
PROCESSES = 2
PATIENCE = 1800.0
REST, RUNS, PAUSE = scaled((60.0, 5, 2.5), (1.0, 1, 0.0))
CSRF = "b" * 32

PEOPLE = """
from django.test import Client
from portal.tenants import Tenant
from tests.portal import world
tenant = Tenant.objects.create(name="Bench", slug="bench")
client = Client()
client.force_login(world.person("bench", "Some Body", administrator=tenant))
print(client.cookies["sessionid"].value)
"""
ENTRIES = """
import json, sys
from clusters import replicas
from clusters.versions import Address, Change, Kind
from portal.tenants import ManagedCluster
one = ManagedCluster.everything.get().replica
home = replicas.state(one.pk).initial_group.id
entries = json.loads(open({path!r}).read())
made = [Change(Address(Kind.MACHINE, e["serial"]), {{**e["value"], "group": home}}) for e in entries]
replicas.commit(one.pk, made, user="bench", host="bench", comment="The simulated machines")
print(json.dumps({{"cluster": str(one.cluster_id), "snapshot": replicas.snapshot(one.pk).to_wire()}}))
"""
DRAFT = """
from clusters import drafts
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
drafts.edit(ManagedCluster.everything.get().replica_id, "bench", CLUSTER, "smtproutes", {document!r})
"""
QUERIES = """
import json
from django.contrib.auth.models import User
from bench import pages
from portal.tenants import ManagedCluster
client, one = pages.browser(User.objects.get()), ManagedCluster.everything.get()
found = pages.pages(one, {serial!r})
print(json.dumps({{name: [path, pages.queries(client, path)] for name, path in found.items()}}))
"""


class TooLate(RuntimeError):
    """What was to come has not come in time."""


def measure() -> Iterator[str]:
    """Rows of figures."""
    # Installations for tests are what is wanted here, too: whole, of their own, and gone afterwards.
    from tests.portal.installation import Installation

    count = int(os.environ.get("BENCH_SIMULATED", SIMULATED))
    with ExitStack() as stack:
        real = stack.enter_context(machines.running())
        portal = stack.enter_context(Installation())
        crowd = stack.enter_context(Crowd(count))
        yield from Fleet(real, portal, crowd).figures()


class Crowd:
    """The processes of simulated machines, ended with the context."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        shares = [self.count // PROCESSES + (n < self.count % PROCESSES) for n in range(PROCESSES)]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings.machine"}
        first = 1
        for share in shares:
            code = f"from bench import simulated; simulated.main({first}, {share})"
            process = subprocess.Popen(
                [sys.executable, "-c", f"import django; django.setup(); {code}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
            )  # fmt: skip
            self._processes.append(process)
            first += share
        self.entries: list[dict[str, Any]] = [entry for part in self._hear() for entry in part]
        return self

    def __exit__(self, *why: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.communicate()

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [process.pid for process in self._processes]

    def join(self, cluster: str) -> None:
        """All are members of the cluster, and answer."""
        self._tell(cluster)
        self._hear()

    def hold(self, commit: str) -> tuple[int, float]:
        """How many hold a commit, and when the last one took it."""
        self._tell(commit)
        said = self._hear()
        return sum(part["held"] for part in said), max(part["last"] for part in said)

    def _tell(self, line: str) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(line.strip() + "\n")
            process.stdin.flush()

    def _hear(self) -> list[Any]:
        return [json.loads(p.stdout.readline()) for p in self._processes if p.stdout is not None]


@dataclass
class Usage:
    """What a process has used up to now: seconds on a processor; its memory now, in MB."""

    pid: int
    cpu: float = field(init=False)
    memory: float = field(init=False)

    def __post_init__(self) -> None:
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        self.memory = int(words[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Fleet:
    """The portal, the machines that it follows, and what is measured of them."""

    real: machines.Running
    portal: Installation
    crowd: Crowd
    cookie: str = ""

    @property
    def size(self) -> int:
        """How many machines the cluster has."""
        return machines.COUNT + self.crowd.count

    def figures(self) -> Iterator[str]:
        """All of them, in the order in which they are taken."""
        self._found()
        began = time.monotonic()
        worker = self.portal.start_worker("-B", "-s", str(self.portal.var / "beat"))
        web = self.portal.start_web()
        yield self._until("the portal shows all machines connected", "connection = 'connected'", began)
        yield self._until("the portal shows all machines enforcing what is wanted", ENFORCING, began)
        yield f"the worker has used {Usage(worker.pid).cpu:.1f} s of a processor up to then"
        yield self._load()
        programs = {"worker": [worker.pid], "web": [web.pid], "simulated machines": self.crowd.pids}
        yield from self._rest(programs)
        self.portal.python(DRAFT.format(document=machines.route(f"{NET}.200.9")))
        yield from self._pages()
        before = Usage(worker.pid).cpu
        yield from self._commit()
        yield f"the worker has used {Usage(worker.pid).cpu - before:.1f} s of a processor for the commit"
        yield from (f"{name}, memory at the end: {_memory(pids):.0f} MB" for name, pids in programs.items())
        yield self._load()
        if "Traceback" in self.portal.log("worker") + self.portal.log("web"):
            yield "something has failed meanwhile: " + self.portal.log("worker")[-4000:]

    def _found(self) -> None:
        """The portal adopts the cluster of the real machines, and commits the entries of the others."""
        self.portal.prepare()
        self.cookie = self.portal.python(PEOPLE).strip()
        first = self.real.machines[0]
        done = self.portal.manage(
            "adopt", "--tenant", "bench", "--address", first.address, "--port", str(SSH_PORT),
            "--fingerprint", provision.fingerprint(self.real.var, first), stdin=f"{PASSPHRASE}\n",
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        path = self.portal.var / "entries.json"
        path.write_text(json.dumps(self.crowd.entries))
        self.crowd.join(self.portal.python(ENTRIES.format(path=str(path))))

    def _until(self, what: str, condition: str, began: float) -> str:
        query = f"SELECT count(*) AS n FROM appliances_machinestatus WHERE {condition}"
        _wait(what, lambda: self.portal.rows(query)[0]["n"] == self.size)
        return f"{what} ({self.size}) after {time.monotonic() - began:.1f} s"

    def _load(self) -> str:
        return "load of the host: " + " ".join(f"{load:.1f}" for load in os.getloadavg())

    def _rest(self, programs: dict[str, list[int]]) -> Iterator[str]:
        before = {name: [Usage(pid) for pid in pids] for name, pids in programs.items()}
        time.sleep(REST)
        for name, pids in programs.items():
            spent = sum(Usage(pid).cpu for pid in pids) - sum(usage.cpu for usage in before[name])
            yield f"{name}, at rest: {_memory(pids):.0f} MB, {100 * spent / REST:.0f} % of one processor"

    def _pages(self) -> Iterator[str]:
        found = json.loads(self.portal.python(QUERIES.format(serial=self.crowd.entries[0]["serial"])))
        took: dict[str, list[float]] = {name: [] for name in found}
        for _run in range(RUNS):
            for name, (path, _queries) in found.items():
                # What was made a moment ago for another page would be given again.
                time.sleep(PAUSE)
                took[name].append(self._look(path))
        for name, (_path, queries) in found.items():
            yield f"{name}: {queries} queries, {spread(took[name])}"

    def _look(self, path: str) -> float:
        headers = {"HX-Request": "true"} if path.endswith("?live") else {}
        began = time.monotonic()
        status, _where = self._ask("GET", path, headers)
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return time.monotonic() - began

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=PATIENCE)
        try:
            cookies = f"sessionid={self.cookie}; csrftoken={CSRF}"
            connection.request(method, path, body or None, {"Cookie": cookies, **headers})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("Location", "")
        finally:
            connection.close()

    def _commit(self) -> Iterator[str]:
        """A person presses the button; all machines and this program look at one clock."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.time()
        status, where = self._ask("POST", "/bench/pending/", form, f"csrfmiddlewaretoken={CSRF}&comment=one")
        yield f"the answer to the button that commits: {time.time() - began:.1f} s"
        if status != 302 or "/history/" not in where:
            raise RuntimeError(f"the commit was not made: {status} {where}")
        origin, number = where.strip("/").split("/")[-2:]
        shown = time.monotonic() - (time.time() - began)
        yield self._until("the portal shows all machines enforcing the commit", ENFORCING, shown)
        commit = f"{origin}/{number}"
        _wait("all simulated machines hold it", lambda: self.crowd.hold(commit)[0] == self.crowd.count)
        held = self.crowd.hold(commit)[1] - began
        yield f"all {self.crowd.count} simulated machines hold it after {held:.1f} s"
        with provision.Typist() as typist:
            real = replace(self.real, typist=typist)
            real.await_enforced()
            since = [int(str(real.status(m)["enforced_since"])) / 1000 - began for m in real.machines]
        yield (
            f"the {machines.COUNT} real machines enforce it after {max(since):.1f} s, the median one after "
            f"{statistics.median(since):.1f} s"
        )


ENFORCING = (
    "enforced = wanted AND enforced <> '' AND wanted_revision >= "
    "(SELECT revision FROM clusters_replica WHERE clusters_replica.id = replica_id)"
)


def _memory(pids: list[int]) -> float:
    return sum(Usage(pid).memory for pid in pids)


def _wait(what: str, fact: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not fact():
        if time.monotonic() > end:
            raise TooLate(f"not within {PATIENCE:g} s: {what}")
        time.sleep(0.25)
