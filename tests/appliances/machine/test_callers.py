"""People at a terminal, scripts, and callers who want more than a command line."""

from __future__ import annotations

import json
import os
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

    terminal.sees("Interrupted.")
    terminal.types("whoami\r")
    terminal.sees("admin (administrator)")
    assert "MX1" in machine.does("clusterconfig list")


def test_terminal_that_is_cut_off_in_a_menu_ends_its_session(machine: Machine, terminal: Terminal) -> None:
    """TRL-31: nobody is there to choose; once the menu was shown for ever, and the machine did not end."""
    terminal.sees(")>")
    terminal.types("aliasconfig\r")
    terminal.sees("Choose the operation")
    during = sessions(machine)

    terminal.process.kill()

    until(lambda: sessions(machine) < during, "the session of the terminal has ended")


def sessions(machine: Machine) -> int:
    """How many sessions of people the machine has."""
    return sum(line.startswith("admin") for line in machine.does("who").splitlines())


def test_person_at_a_terminal_hears_at_once_that_the_machine_has_moved(
    machine: Machine, terminal: Terminal
) -> None:
    """TRL-35, TRL-12: an open question is void, and the prompt is that of the machine alone."""
    terminal.sees("(Machine mx1.example.com)>")
    terminal.types("clustermode cluster\r")
    terminal.sees("(Cluster Americas)>")
    terminal.types("unsubscribe add here@example.com\r")
    terminal.sees("pending until you commit")
    terminal.types("commit\r")
    terminal.sees("Comment describing the change")

    refused = machine.ssh("clusterconfig removemachine mx1.example.com")
    assert (refused.code, "uncommitted changes of admin" in refused.err) == (1, True)
    alone = machine.does(
        "clusterconfig removemachine mx1.example.com --yes; unsubscribe add kept@example.com; commit -m kept"
    )

    assert "Changes committed" in alone
    terminal.sees("no longer in the cluster Americas")
    terminal.sees("went with it: unsubscribe (Cluster Americas)")
    terminal.sees("The question is void")
    terminal.sees("mx1.example.com>")
    machine.does("clusterconfig new Americas")
    terminal.sees("in the cluster Americas now")
    terminal.sees("(Machine mx1.example.com)>")
    terminal.types("clustermode cluster; unsubscribe\r")
    terminal.sees("kept@example.com")


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


def of_bytes(machine: Machine, raw: bytes, *words: bytes) -> subprocess.CompletedProcess[bytes]:
    """`ssh` with that on its standard input; each call is a connection of its own."""
    return subprocess.run(
        [*machine.ssh_words(options=["-T"]), *words],
        input=raw,
        capture_output=True,
        env=machine.asking(machine.passphrase),
        timeout=60,
        check=False,
    )


def test_standard_input_that_is_no_utf8_is_refused_in_one_sentence(machine: Machine) -> None:
    """TRL-26: Latin-1 and UTF-16 end no connection, and a byte order mark is skipped."""
    route = {"domain": "mark.example", "hosts": [{"host": "127.0.0.9"}]}
    document = json.dumps({"routes": [route]}, indent=1)
    latin = document.replace("mark", "zürich").encode("latin-1")
    load = b"clustermode cluster; smtproutes load"

    marked = of_bytes(machine, b"\xef\xbb\xbf" + document.encode(), load)
    refused = [of_bytes(machine, raw, load) for raw in (latin, document.encode("utf-16"))]
    lines = of_bytes(machine, b"\xef\xbb\xbfclear\nversion\nhelp z\xfcrich\nwhoami\n")
    word = of_bytes(machine, b"", b"clustermode group Z\xfcrich; version")

    assert (marked.returncode, marked.stderr) == (0, b"")
    assert [done.returncode for done in refused] == [1, 1]
    assert refused[0].stderr == b"Line 4: this is not UTF-8. Save the text as UTF-8 and try again.\n"
    assert refused[1].stderr == b"Line 1: this is UTF-16, not UTF-8. Save the text as UTF-8 and try again.\n"
    assert (lines.returncode, word.returncode) == (1, 1)
    assert b"Changes cleared" in lines.stdout
    assert b"Serial #: MX1" in lines.stdout
    assert lines.stderr == b"Line 3: this is not UTF-8. Save the text as UTF-8 and try again.\n"
    assert word.stderr == b"Line 1: this is not UTF-8. Save the text as UTF-8 and try again.\n"
    assert word.stdout == b""


def test_keys_of_another_encoding_are_shown_and_refused_in_a_terminal(terminal: Terminal) -> None:
    """TRL-26: the session goes on."""
    terminal.sees(")>")
    os.write(terminal._main, b"help z\xfcrich\r")
    terminal.sees("this is not UTF-8")
    terminal.types("whoami\r")
    terminal.sees("admin (administrator)")


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


def test_nobody_opens_sftp_sockets_agents_or_displays(machine: Machine, tmp_path: Path) -> None:
    flags = machine.ssh_words()
    sftp = ["sftp", "-b", "-", *flags[flags.index("-F") : flags.index("-p")], "-P", str(SSH_PORT)]
    done = subprocess.run(
        [*sftp, f"admin@{machine.address}"],
        input=f"get /etc/passwd {tmp_path}\nput /etc/hostname /tmp/gatefold-test-put\n",
        capture_output=True,
        text=True,
        env=machine.asking(machine.passphrase),
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []
    assert not Path("/tmp/gatefold-test-put").exists()
    failing = "ExitOnForwardFailure=yes"
    assert run(machine, "-s", "sftp") != 0
    assert run(machine, "whoami", options=("-o", failing, "-R", f"{tmp_path}/socket:127.0.0.1:25")) == 255
    assert run(machine, "-N", options=("-W", f"{machine.address}:2525")) != 0
    assert run(machine, options=("-o", "Tunnel=yes", "-w", "0:0", "-o", failing, "-N")) != 0


def test_environment_of_a_caller_reaches_no_program(machine: Machine) -> None:
    """An agent is not asked for either: nothing here would use it."""
    own = "SetEnv=GATEFOLD_KILL_AT=absorbed PYTHONPATH=/tmp LD_PRELOAD=/tmp/x.so PATH=/tmp"
    before = machine.process.pid if machine.process else 0

    assert (
        run(
            machine,
            "clustermode cluster; unsubscribe add env@example.com; commit -m env",
            options=("-A", "-o", own),
        )
        == 0
    )

    assert not machine.ended
    assert machine.does("whoami").startswith("admin")
    assert machine.process
    assert machine.process.pid == before
    environment = Path(f"/proc/{before}/environ").read_text()
    assert "LD_PRELOAD" not in environment
    assert "SSH_AUTH_SOCK" not in environment or "SSH_AUTH_SOCK" in os.environ


@pytest.mark.parametrize(
    "line",
    [
        "saveconfig ../../../tmp/gatefold-test-file",
        "saveconfig show ../keys/host_ed25519",
        "saveconfig show /etc/passwd",
        "loadconfig ../machine.json",
        "loadconfig /etc/passwd",
        "tail /etc/passwd",
        "tail ../../../etc/passwd",
        "upgrade download ../../../etc/passwd",
        "upgrade install /etc/passwd --yes",
        "techsupport /etc/passwd",
        "rollovernow ../../x",
    ],
)
def test_word_names_no_file_of_the_host(machine: Machine, line: str) -> None:
    answer = machine.ssh(line, stdin="x")

    assert "root:" not in answer.out + answer.err
    assert "PRIVATE KEY" not in answer.out + answer.err
    assert "Traceback" not in answer.err
    assert not Path("/tmp/gatefold-test-file").exists()
    kept = {path.name for path in (machine.home / "keys").iterdir()}
    assert {"host_ed25519", "user_ed25519"} <= kept


@pytest.mark.parametrize("role", ["operator", "readonly", "guest"])
def test_user_sees_no_secret_and_rules_nobody(machine: Machine, role: str) -> None:
    name, passphrase = f"user-{role}", "a passphrase of that user"
    machine.does(f"clustermode cluster; userconfig add {name} role={role}; commit -m {role}")
    machine.does(f"passwd {name} --passphrase-stdin", stdin=f"{passphrase}\n")
    until(lambda: machine.ssh("whoami", user=name, passphrase=passphrase).code == 0, f"{name} logs in")
    lines = ["userconfig --json", "showconfig", "showchanges", "commitdetail", "history",
             "status --json", "clusterconfig listdetail --json", "saveconfig mine.xml",
             "saveconfig show mine.xml"]  # fmt: skip
    for line in lines:
        answer = machine.ssh(f"clustermode cluster; {line}", user=name, passphrase=passphrase)
        assert "$argon2" not in answer.out + answer.err, line
    for line in (
        "passwd admin --passphrase-stdin",
        "userconfig set admin role=guest",
        "showconfig --encrypt",
    ):
        refused = machine.ssh(
            f"clustermode cluster; {line}", user=name, passphrase=passphrase, stdin="x" * 12
        )
        assert refused.code == 1, (line, refused)
    assert machine.ssh("whoami").code == 0
