"""People at a terminal, scripts, and callers who want more than a command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, until
from tests.appliances.machine.terminals import Terminal


@pytest.fixture(scope="module")
def machine(shared_machines: Machines) -> Machine:
    return shared_machines.cluster("mx1")[0]


@pytest.fixture
def terminal(machine: Machine) -> Iterator[Terminal]:
    found = Terminal(machine)
    yield found
    found.close()


def test_person_at_a_terminal_edits_commits_and_leaves(machine: Machine, terminal: Terminal) -> None:
    terminal.sees("(Machine mx1.example.com)>")
    terminal.types("clustermode cluster\r")
    terminal.sees("(Cluster Americas)>")
    terminal.types("smtpr\t set typed.example.com 127.0.0.9\r")
    terminal.sees("pending until you commit")
    terminal.types("nonsense\x03")
    terminal.types("exit\r")
    terminal.sees("Leave without committing?")
    terminal.types("n\r")
    terminal.sees("(Cluster Americas)>")
    terminal.types("commit\r")
    terminal.sees("Comment describing the change")
    terminal.types("typed\r")
    terminal.sees("Keep the present configuration")
    terminal.types("\r")
    terminal.sees("Changes committed")
    terminal.sees("(Cluster Americas)>")
    terminal.types("\x04")

    assert terminal.ended() == 0
    assert "typed.example.com" in machine.does("smtproutes")


def test_person_interrupts_a_question(machine: Machine, terminal: Terminal) -> None:
    terminal.sees(")>")
    terminal.types("clusterconfig removemachine mx1.example.com\r")
    terminal.sees("[Y]>")
    terminal.types("\r")
    terminal.sees("[N]>")

    terminal.types("\x03")

    terminal.sees("nothing was changed")
    terminal.types("whoami\r")
    terminal.sees("admin (administrator)")
    assert "MX1" in machine.does("clusterconfig list")


def test_lines_on_standard_input_run_up_to_the_first_that_fails(machine: Machine) -> None:
    done = subprocess.run(
        machine.ssh_words(options=["-T"]),
        input="whoami\nversion\nnonsense\nhistory\n",
        capture_output=True,
        text=True,
        env=machine.asking(machine.passphrase),
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "admin (administrator)" in done.stdout
    assert "Serial #: MX1" in done.stdout
    assert "First settings" not in done.stdout


def test_answers_in_japanese_for_a_japanese_terminal_do_not_break(machine: Machine) -> None:
    options = ["-o", "SetEnv=LANG=ja_JP.UTF-8"]
    done = subprocess.run(
        machine.ssh_words("status", options=options),
        capture_output=True,
        text=True,
        env=machine.asking(machine.passphrase),
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert "MX1" in done.stdout


def run(machine: Machine, *words: str, user: str = "admin", options: tuple[str, ...] = ()) -> int:
    return subprocess.run(
        machine.ssh_words(*words, user=user, options=options),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=machine.asking(machine.passphrase),
        timeout=60,
        check=False,
    ).returncode


def test_nobody_copies_files(machine: Machine, tmp_path: Path) -> None:
    target = f"admin@{machine.address}:/etc/passwd"
    for words in (["scp", "-O"], ["scp", "-s"]):
        ssh = machine.ssh_words()
        command = [
            *words,
            *ssh[ssh.index("-F") : ssh.index("-p")],
            "-P",
            str(SSH_PORT),
            target,
            str(tmp_path),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            env=machine.asking(machine.passphrase),
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["sh", "/bin/sh -i", "cat /etc/passwd", "id; id", "$(id)", "status | sh"])
def test_nobody_gets_a_shell(machine: Machine, line: str) -> None:
    answer = machine.ssh(line)

    assert "uid=" not in answer.out
    assert "root:" not in answer.out


def test_nobody_forwards_ports(machine: Machine) -> None:
    from tests.appliances.machine.machines import free_address

    own = free_address()
    forwarding = ("-o", "ExitOnForwardFailure=yes", "-R", f"{own}:2999:127.0.0.1:1")

    assert run(machine, "whoami", options=forwarding) == 255
    assert run(machine, options=("-N", "-W", "127.0.0.1:25")) != 0


def test_key_of_a_machine_opens_no_command_line(machine: Machine) -> None:
    key = machine.home / "keys/user_ed25519"
    options = ("-i", str(key), "-o", "PasswordAuthentication=no", "-o", "IdentitiesOnly=yes")

    assert run(machine, "whoami", user="admin", options=options) == 255
    assert run(machine, "whoami", user="cluster", options=options) == 255


def test_user_with_a_key_logs_in(machine: Machine) -> None:
    key = machine.home.with_suffix(".userkey")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = " ".join(key.with_suffix(".userkey.pub").read_text().split()[:2])
    machine.does(
        f"clustermode cluster; userconfig add keyed role=readonly 'authorised_keys={public}'; commit -m key"
    )
    options = ("-i", str(key), "-o", "PasswordAuthentication=no", "-o", "IdentitiesOnly=yes")

    until(lambda: run(machine, "whoami", user="keyed", options=options) == 0, "keyed logs in")
    assert run(machine, "unsubscribe clear", user="keyed", options=options) == 1


def test_very_long_and_strange_lines_are_answered(machine: Machine) -> None:
    for line in (
        "smtproutes set " + "x" * 20000,
        "smtproutes load '" + "[" * 5000 + "'",
        "\u0007\u202e",
        "'",
    ):
        answer = machine.ssh(line)
        assert answer.code in (1, 2), line[:40]
        assert "Traceback" not in answer.err
    assert machine.ssh("whoami").code == 0
