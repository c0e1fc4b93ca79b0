"""The supervisor behind `make run`: starts, restarts, and ends exactly what it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.demo.supervisor import Program, ProgramFailed, Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def write_pid(path: Path) -> tuple[str, ...]:
    """A program that appends its process id to a file and stays."""
    return (
        sys.executable,
        "-c",
        f"import os, time; open({str(path)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)",
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path, said.append)
    yield found
    found.stop()


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(fact, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "the fact did not come true in time"
        time.sleep(0.02)


def test_start_returns_when_programs_are_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    supervisor.start([Program("one", write_pid(mark), lambda: len(pids(mark)) == 1)])
    assert alive(pids(mark)[0])


def test_start_names_the_log_of_a_program_that_ends_at_once(supervisor: Supervisor) -> None:
    failing = Program("broken", (sys.executable, "-c", "raise SystemExit('no such thing')"), lambda: False)
    with pytest.raises(ProgramFailed, match=r"broken\.log"):
        supervisor.start([failing])
    assert "no such thing" in supervisor.log("broken").read_text()


def test_start_gives_up_on_a_program_that_stays_unready(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramFailed, match="did not get ready"):
        supervisor.start([Program("slow", SLEEP, lambda: False)], timeout=0.2)


def test_check_starts_an_ended_program_again(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    mark = tmp_path / "pids"
    supervisor.start([Program("one", write_pid(mark), lambda: len(pids(mark)) == 1)])
    os.kill(pids(mark)[0], 9)

    def restarted() -> bool:
        supervisor.check()
        return len(pids(mark)) == 2

    wait_until(restarted)
    assert alive(pids(mark)[1])
    assert any("one ended with -9" in line for line in said)


def test_stop_ends_its_own_programs_and_no_other(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    with subprocess.Popen(SLEEP) as bystander:
        supervisor.start([Program("one", write_pid(mark), lambda: len(pids(mark)) == 1)])
        supervisor.stop()
        assert not alive(pids(mark)[0])
        assert bystander.poll() is None
        bystander.kill()


def test_stop_kills_a_program_that_ignores_the_signal(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.demo.supervisor.GRACE", 0.3)
    mark = tmp_path / "pids"
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" open({str(mark)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    )
    supervisor = Supervisor(tmp_path, said.append)
    supervisor.start([Program("stubborn", (sys.executable, "-c", stubborn), lambda: bool(pids(mark)))])
    supervisor.stop()
    assert not alive(pids(mark)[0])
    assert said == ["stubborn does not end; killing it"]
