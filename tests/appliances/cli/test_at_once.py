"""Several people at one machine at the same moment, in threads and a file as the daemon has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = """
import json, threading
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from clusters import replicas
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import CLUSTER
from tests.appliances.cli.hosts import Person, clustered_host

host = clustered_host()
done, failures = [], []

def work(user):
    person = Person.at(host, user=user, interactive=False)
    for n in range(12):
        address = f"{user}{n}@example.com"
        while True:
            assert person.types(f"clustermode cluster; unsubscribe add {address}") == 0, person.warned
            code = person.types("commit -m x")
            if code == 0:
                done.append(address)
                break
            assert code == 3, person.warned
            assert person.types("clear") == 0

def watched(user):
    try:
        work(user)
    except BaseException as error:
        failures.append(repr(error))

threads = [threading.Thread(target=watched, args=(user,)) for user in ("ada", "bob", "cyd")]
for thread in threads: thread.start()
for thread in threads: thread.join()
held = setting_at(replicas.state(host.replica_id), CLUSTER, "unsubscribe", catalogue()).value
print(json.dumps({"failures": failures, "done": sorted(done), "held": json.dumps(held)}))
"""


def test_entry_that_was_committed_is_never_undone_by_another_person_who_adds_one(tmp_path: Path) -> None:
    """TRL-09: `add` of three people; each hears 0 or of a conflict, and what 0 was said of is there."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings.machine",
        "GATEFOLD_VAR": str(tmp_path),
    }
    command = [sys.executable, "-c", PEOPLE]

    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["failures"] == []
    assert len(told["done"]) == 36
    assert [address for address in told["done"] if address not in told["held"]] == []
