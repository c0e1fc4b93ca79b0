"""Replicas in a real file: several writers at once, and the power cut in the middle (design, section 7)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BEGIN = """
import json, sys, threading
import django
django.setup()
from clusters import models, replicas
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Change, Clock, settings_at

def commit(name, value):
    address = settings_at(CLUSTER, name)
    with replicas.opened(1) as replica:
        head = replica.store.heads([address]).get(address)
        change = Change(address, {"n": value}, head[0].id if head else None)
        return replica.commit([change], user="u", host="h")
"""
CREATE = "from django.core.management import call_command; call_command('migrate', verbosity=0)"
THREADS = """
failures = []
def work(name):
    try:
        for n in range(20):
            commit(name, n)
    except Exception as error:
        failures.append(repr(error))
threads = [threading.Thread(target=work, args=(name,)) for name in ("left", "right", "left")]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(failures))
"""
PROCESS = "for n in range(20): commit(sys.argv[1], n)"
ENDLESS = """
for n in range(100_000):
    print(str(commit(f"f{n % 7}", n).id), flush=True)
"""
LOOK = """
at = Replica(replicas.DjangoStore(models.Replica.objects.get(pk=1)), "A", Clock(replicas.now))
again = Replica(MemoryStore(), "Z", Clock(replicas.now))
log = list(at.store.commits_after({}))
again.absorb(log)
print(json.dumps({
    "vector": at.vector,
    "log": [str(c.id) for c in log],
    "whole": (at.digest(), at.store.tips()) == (again.digest(), again.store.tips()),
}))
"""


class Home:
    """A database in a folder of its own, used by processes of their own."""

    def __init__(self, folder: Path) -> None:
        settings = {"DJANGO_SETTINGS_MODULE": "tests.clusters.machine_settings", "GATEFOLD_VAR": str(folder)}
        self.environment = {**os.environ, **settings}
        self.run(f"{CREATE}\nreplicas.new_replica('A')")

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", BEGIN + script, *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, script: str) -> str:
        process = self.start(script)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(LOOK))
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_threads_that_commit_at_once_take_turns(home: Home) -> None:
    assert json.loads(home.run(THREADS)) == []
    found = home.look()
    assert found["vector"] == {"A": 60}
    assert found["log"] == [f"A/{n}" for n in range(1, 61)]
    assert found["whole"]


def test_processes_that_commit_at_once_take_turns(home: Home) -> None:
    processes = [home.start(PROCESS, name) for name in ("left", "right", "left")]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    found = home.look()
    assert (found["vector"], len(set(found["log"])), found["whole"]) == ({"A": 60}, 60, True)


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 7, 23])
def test_killed_process_loses_no_commit_that_it_acknowledged(home: Home, acknowledged: int) -> None:
    """Design, section 7: state on disk survives kill -9 at any point."""
    process = home.start(ENDLESS)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    found = home.look()
    assert found["log"][:acknowledged] == told == [f"A/{n}" for n in range(1, acknowledged + 1)]
    assert found["vector"] == {"A": len(found["log"])}
    assert found["whole"]
    home.run("commit('after', 1)")
    assert home.look()["whole"]
