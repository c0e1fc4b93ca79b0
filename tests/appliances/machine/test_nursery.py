"""A program of a nursery is the program that a fresh Python runs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.appliances.machine import nursery
from tests.appliances.machine.machines import MANAGE
from tests.appliances.machine.nursery import Child


def started(*words: str, cwd: Path, written: int) -> Child:
    with open(os.devnull, "rb") as nothing:
        child = nursery.start(words, cwd=str(cwd), stdin=nothing.fileno(), stdout=written, stderr=written)
    assert child is not None
    return child


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--home", "nowhere"),
        ("init", "--home", "h", "--serial", "X", "--hostname", "x", "--address", "no"),
        ("fly",),
        ("run", "--help"),
    ],
    ids=" ".join,
)
def test_program_says_and_ends_as_in_a_fresh_python(words: tuple[str, ...], tmp_path: Path) -> None:
    fresh = subprocess.run(
        [*MANAGE, *words],
        cwd=tmp_path, env=nursery.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    with tempfile.TemporaryFile() as written:
        code = started("machine", *words, cwd=tmp_path, written=written.fileno()).wait(60)
        written.seek(0)
        assert (code, written.read()) == (fresh.returncode, fresh.stdout)


def test_program_that_is_killed_ends_with_the_signal(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as written:
        child = started("machine", "run", "--home", "h", cwd=tmp_path, written=written.fileno())
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.01)
        child.kill()
        assert child.wait(60) == child.poll() == -signal.SIGKILL


def test_environment_that_has_changed_is_for_a_fresh_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFOLD_KILL_AT", "somewhere")
    assert nursery.start(["machine"], cwd=str(tmp_path), stdin=0, stdout=1, stderr=2) is None
