"""Homes: made whole or not at all, one process in each, ended in good order."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from appliances.postfix.instance import Instance
from appliances.postfix.parts import Place
from tests.appliances.machine import nursery
from tests.appliances.machine.machines import MANAGE, Machine, Machines, listener


@pytest.fixture(scope="module")
def made(shared_machines: Machines) -> Machine:
    return shared_machines.made("mx1")[0]


def test_home_that_exists_is_refused_and_stays(made: Machine) -> None:
    before = (made.home / "machine.json").read_text()

    again = made.init()

    assert again.returncode == 1
    assert "is the home of machine MX1 already" in again.stderr
    assert (made.home / "machine.json").read_text() == before


def test_directory_with_other_things_is_refused(machines: Machines) -> None:
    machine = machines.new("mx2")
    machine.home.mkdir()
    (machine.home / "letter.txt").write_text("dear")

    done = machine.init()

    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert (machine.home / "letter.txt").read_text() == "dear"


def test_init_that_was_interrupted_begins_anew(machines: Machines) -> None:
    machine = machines.new("mx2")
    machine.home.mkdir()
    (machine.home / "unfinished").touch()
    (machine.home / "state.sqlite3").write_bytes(b"half")

    done = machine.init()

    assert done.returncode == 0, done
    assert json.loads((machine.home / "machine.json").read_text())["serial"] == "MX2"
    assert not (machine.home / "unfinished").exists()


DAMAGE = {
    "empty database": ("state.sqlite3", b""),
    "database that is none": ("state.sqlite3", b"not a database, but long enough to be read as one" * 100),
    "missing database": ("state.sqlite3", None),
    "empty keys": ("sealing_keys", b""),
    "missing keys": ("sealing_keys", None),
    "keys that are none": ("sealing_keys", b"\xff\x00 no key\n"),
    "keys of another home": ("sealing_keys", b"Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8=\n"),
    "missing host key": ("keys/host_ed25519", None),
    "empty host key": ("keys/host_ed25519", b""),
    "host key that is none": ("keys/host_ed25519", b"\x00\xff" * 200),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_is_named_with_what_to_do(made: Machine, tmp_path: Path, damage: str) -> None:
    """TRL-29: no traceback, nothing made anew in its place."""
    home, (name, content) = tmp_path / "home", DAMAGE[damage]
    shutil.copytree(made.home, home, ignore=shutil.ignore_patterns("postfix", "*.sock"))
    file = home / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    command = [*MANAGE, "run", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env=nursery.environment(), check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(file) in done.stderr
    assert "backup" in done.stderr
    assert (file.read_bytes() if file.exists() else None) == content


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"hostname": "nodots"}, "hostname"),
        ({"address": "not-an-address"}, "is not an IP address"),
        ({"serial": "a/b"}, "serial number"),
        ({"serial": ""}, "serial number"),
    ],
)
def test_bad_identity_is_refused_in_words_and_nothing_is_made(
    machines: Machines, changed: dict[str, str], words: str
) -> None:
    machine = machines.new("mx2")
    for name, value in changed.items():
        setattr(machine, name, value)

    done = machine.init()

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not machine.home.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"nosuchconfig": {}},
        {"smtproutes": {"routes": "x"}},
        {"smtproutes": []},
        {"sethostname": {"hostname": "a\nb.example.com"}},
        [],
    ],
)
def test_bad_first_settings_are_refused_in_words(machines: Machines, settings: Any) -> None:
    machine = machines.new("mx2")

    done = machine.init(settings)

    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: ")
    assert not machine.home.exists()


def test_short_passphrase_is_refused(machines: Machines) -> None:
    machine = machines.new("mx2")
    words = ["init", "--home", str(machine.home), "--serial", "MX2", "--hostname", "mx2.example.com"]

    done = subprocess.run(
        [*MANAGE, *words, "--address", "127.0.0.1"],
        input="short\n",
        capture_output=True,
        text=True,
        env=nursery.environment(),
        check=False,
    )

    assert done.returncode == 1
    assert "at least 8 characters" in done.stderr
    assert not machine.home.exists()


def test_files_with_secrets_are_closed_to_others(made: Machine) -> None:
    for name in ("state.sqlite3", "keys/host_ed25519", "keys/user_ed25519"):
        assert (made.home / name).stat().st_mode & 0o077 == 0, name


def test_keys_of_secrets_are_renewed_and_logins_go_on(machines: Machines) -> None:
    machine = machines.made("mx2")[0]
    database = machine.home / "state.sqlite3"
    keys = machine.home / "sealing_keys"
    before = keys.read_text()
    assert b"$argon2" not in database.read_bytes()

    done = subprocess.run(
        [*MANAGE, "rotate-keys", "--home", str(machine.home)],
        capture_output=True, text=True, env=nursery.environment(), check=False,
    )  # fmt: skip

    assert done.returncode == 0, done
    assert "sealed with a new key" in done.stdout
    assert keys.read_text().split()[1:] == before.split()
    assert keys.stat().st_mode & 0o077 == 0
    assert machine.start().ssh("version").code == 0


def test_run_without_a_home_says_how_to_make_one(machines: Machines) -> None:
    machine = machines.new("mx2")

    machine.start(wait=False)

    assert machine.process is not None
    assert machine.process.wait(40) == 1
    assert "make one with `machine init`" in machine.log


def test_second_process_on_a_home_is_told_the_first(made: Machine) -> None:
    made.start("--log", "json")
    assert made.process is not None
    try:
        second = subprocess.run(
            [*MANAGE, "run", "--home", str(made.home)],
            capture_output=True,
            text=True,
            env=nursery.environment(),
            check=False,
        )

        assert second.returncode == 1
        assert f"process {made.process.pid} works in" in second.stderr
        assert made.ssh("version").code == 0
    finally:
        made.stop()
    lines = [json.loads(line) for line in made.log.splitlines()]
    assert any(line["text"].startswith("ready: machine MX1") for line in lines)


@pytest.mark.parametrize("keep", [False, True])
def test_end_by_signal_stops_postfix_unless_it_is_to_stay(machines: Machines, keep: bool) -> None:
    (machine,) = machines.made("mx2", settings={"listenerconfig": listener()})
    machine.start(*(["--keep-postfix"] if keep else []))
    before = machine.settled()

    assert machine.process is not None
    machine.process.send_signal(signal.SIGTERM)

    assert machine.process.wait(40) == 0
    assert not (machine.home / "ready.json").exists()
    assert Instance(Place(machine.home / "postfix")).running is keep
    machine.start()
    after = machine.settled()
    assert after["enforced"] == before["enforced"]
    assert (after["generation"] == before["generation"]) is keep
