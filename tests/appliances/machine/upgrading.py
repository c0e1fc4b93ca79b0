"""What tests of upgrades wait for, and mail that flows meanwhile."""

from __future__ import annotations

import json
import shutil
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliances.releases.artifact import build
from tests.appliances.machine.machines import ROOT, Machine, until
from tests.appliances.machine.sinks import send


def build_broken(number: str, folder: Path, tree: Path) -> None:
    """A release that does not come up on a machine; `tree` is where it is made."""
    for part in ("appliances", "clusters", "locale", "portal", "templates"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("manage.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / part, tree / part)
    view = tree / "appliances/machine/view.py"
    view.write_text(view.read_text().replace("def read(", "def read_no_more("))
    build(tree, number, folder, "worse")


def release_of(machine: Machine) -> str | None:
    answer = machine.ssh("version --json")
    return str(json.loads(answer.out)["release"]) if answer.code == 0 else None


def runs(machine: Machine, release: str) -> None:
    until(lambda: release_of(machine) == release, f"{machine.serial} runs {release}\n{machine.log}", 120)


def over(machine: Machine) -> dict[str, str]:
    """The guided run once it has ended."""

    def fact() -> dict[str, str] | None:
        answer = machine.ssh("upgrade status --json")
        run = json.loads(answer.out)["run"] if answer.code == 0 else None
        return run if run and (run["failed"] or run["step"] == "done") else None

    return until(fact, f"the guided run of {machine.serial} ends\n{machine.log}", 180)


def connected(machine: Machine, count: int) -> None:
    """It has links with so many members."""

    def fact() -> bool:
        answer = machine.ssh("status --json")
        links = json.loads(answer.out)["links"] if answer.code == 0 else []
        return [link["state"] for link in links].count("connected") == count

    until(fact, f"{machine.serial} has {count} links\n{machine.log}")


@contextmanager
def mail_through(machines: list[Machine], pause: float = 0.05) -> Iterator[list[str]]:
    """Mail flows as from a sender that knows several gateways; the subjects of what was taken."""
    taken: list[str] = []
    ending = threading.Event()

    def flow() -> None:
        number = 0
        while not ending.wait(pause):
            for turn in range(len(machines)):
                machine = machines[(number + turn) % len(machines)]
                try:
                    with machine.beside():
                        send(machine.address, f"flow {number}")
                except (OSError, smtplib.SMTPException):
                    continue
                taken.append(f"flow {number}")
                break
            number += 1

    sender = threading.Thread(target=flow)
    sender.start()
    try:
        yield taken
    finally:
        ending.set()
        sender.join()
