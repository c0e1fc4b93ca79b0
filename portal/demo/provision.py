"""Builds the demo's clusters the way a person would: over the command line of the machines.

Each finished step is written down, so that a demo which was interrupted goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncssh

from appliances.links.identity import HOST_KEY
from appliances.releases.program import command
from portal.demo.plan import CLUSTERS, PASSPHRASE, SSH_PORT, DemoCluster, DemoMachine, Settings
from portal.demo.supervisor import Program
from portal.upgrades import releases


class DemoFailed(RuntimeError):
    """A command of the demo that a machine refused."""


class Steps:
    """The finished steps, one line each in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = set(path.read_text().splitlines()) if path.exists() else set()

    def once(self, name: str, step: Callable[[], None]) -> None:
        """Do `step` unless it was finished before."""
        if name in self._done:
            return
        step()
        self._done.add(name)
        with self._path.open("a") as file:
            file.write(f"{name}\n")


def answers(address: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def home(var: Path, machine: DemoMachine) -> Path:
    """Where a machine of the demo keeps everything."""
    return var / "machines" / machine.name


def prepare(var: Path, cluster: DemoCluster, machine: DemoMachine) -> None:
    """Make the machine's home: standalone, with an address, a name and an administrator."""
    making = command(
        "machine", "init", "--home", str(home(var, machine)), "--serial", machine.serial,
        "--hostname", cluster.hostname(machine), "--address", machine.address,
        "--ssh-port", str(SSH_PORT),
    )  # fmt: skip
    done = subprocess.run(making, input=f"{PASSPHRASE}\n", text=True, capture_output=True, check=False)
    if done.returncode:
        raise DemoFailed(f"{machine.name}: {done.stderr.strip() or done.stdout.strip()}")


def program(var: Path, machine: DemoMachine) -> Program:
    """The machine's daemon."""
    return Program(
        machine.name,
        command("machine", "run", "--home", str(home(var, machine)), "--releases", str(releases.folder())),
        lambda: answers(machine.address, SSH_PORT),
    )


class Typist:
    """Types commands as admin on machines, over one SSH connection to each; use it as a context."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._links: dict[str, asyncssh.SSHClientConnection] = {}

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *error: object) -> None:
        for link in self._links.values():
            link.abort()
        self._runner.close()

    def type_in(self, machine: DemoMachine, line: str, stdin: str = "") -> str:
        """What a line of commands prints; raises DemoFailed with the machine's own words."""
        return self._runner.run(self._type_in(machine, line, stdin))

    async def _type_in(self, machine: DemoMachine, line: str, stdin: str) -> str:
        link = self._links.get(machine.address)
        if link is None or link.is_closed():
            link = self._links[machine.address] = await _login(machine)
        done = await link.run(line, input=stdin)
        if done.exit_status:
            raise DemoFailed(f"{machine.name}> {line}: {str(done.stderr) or str(done.stdout)}")
        return str(done.stdout)


async def _login(machine: DemoMachine) -> asyncssh.SSHClientConnection:
    # The demo's machines are ours and on loopback; a person checks the fingerprint instead.
    return await asyncssh.connect(
        machine.address, SSH_PORT, username="admin", password=PASSPHRASE, known_hosts=None,
        config=None, agent_path=None, client_keys=None,
    )  # fmt: skip


def fingerprint(var: Path, machine: DemoMachine) -> str:
    """The fingerprint of the machine's host key, read from its home."""
    key = asyncssh.read_private_key(home(var, machine) / "keys" / HOST_KEY)
    return key.get_fingerprint()


def define(typist: Typist, first: DemoMachine, mode: str, settings: Settings) -> None:
    """Make these settings at a mode, and commit them."""
    for feature, document in settings.items():
        typist.type_in(first, f"clustermode {mode}; {feature} load", json.dumps(document))
    if settings:
        typist.type_in(first, f'commit -m "Settings of {mode}"')


def found(typist: Typist, cluster: DemoCluster) -> None:
    """The first machine creates the cluster, its groups, and what they define."""
    first = cluster.machines[0]
    typist.type_in(first, f"clusterconfig new {cluster.name} --by-address")
    for group in cluster.groups:
        typist.type_in(first, f"clusterconfig addgroup {group}")
    define(typist, first, "cluster", cluster.settings)
    for group, settings in cluster.groups.items():
        define(typist, first, f"group {group}", settings)


def join(typist: Typist, var: Path, cluster: DemoCluster, machine: DemoMachine) -> None:
    """A further machine joins through the first, goes to its group and gets its own settings."""
    first = cluster.machines[0]
    member = f"{first.address} --port {SSH_PORT} --user admin --fingerprint {fingerprint(var, first)}"
    typist.type_in(machine, f"clusterconfig join {member} --passphrase-stdin", f"{PASSPHRASE}\n")
    name = cluster.hostname(machine)
    if machine.group != "Main_Group":
        typist.type_in(first, f"clusterconfig setgroup {name} {machine.group}")
    define(typist, first, f"machine {name}", machine.settings)


def adopt(var: Path, cluster: DemoCluster) -> None:
    """The portal begins to follow the cluster."""
    first = cluster.machines[0]
    adopting = command(
        "portal", "adopt", "--tenant", cluster.tenant, "--address", first.address, "--port", str(SSH_PORT),
        "--user", "admin", "--fingerprint", fingerprint(var, first), "--passphrase-stdin",
    )  # fmt: skip
    done = subprocess.run(adopting, input=f"{PASSPHRASE}\n", text=True, capture_output=True, check=False)
    if done.returncode:
        raise DemoFailed(f"adopting {cluster.name}: {done.stderr.strip() or done.stdout.strip()}")


def provision(var: Path, steps: Steps, say: Callable[[str], None]) -> None:
    """Everything that is not done yet, cluster after cluster; the machines must be running."""
    with Typist() as typist:
        for cluster in CLUSTERS:
            say(f"cluster {cluster.name}: {', '.join(m.name for m in cluster.machines)}")
            steps.once(f"found {cluster.name}", partial(found, typist, cluster))
            for machine in cluster.machines[1:]:
                steps.once(f"join {machine.serial}", partial(join, typist, var, cluster, machine))
            steps.once(f"adopt {cluster.name}", partial(adopt, var, cluster))


def prepare_all(var: Path, steps: Steps) -> None:
    """The homes of all machines that have none yet, two at a time."""
    todo = [(cluster, machine) for cluster in CLUSTERS for machine in cluster.machines]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda each: steps.once(f"init {each[1].serial}", lambda: prepare(var, *each)), todo)
        list(done)
