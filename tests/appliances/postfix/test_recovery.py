"""Generations on a full disk and after a kill at any step: always a usable state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appliances.postfix.generations import ApplyRefused, Generations
from appliances.postfix.instance import Instance
from appliances.postfix.parts import Place
from tests.appliances.postfix.conftest import banner, fresh_address, gateway

pytestmark = pytest.mark.root

STEPS = ("written", "validated", "shadowed", "begun", "flipped", "reloaded", "confirmed")


@pytest.fixture
def generations(instance: Instance) -> Generations:
    return Generations(instance, timeout=5.0)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "gf-test", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        Instance(Place(folder)).stop()
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take what is left of the disk."""
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"x" * 4096)


@pytest.mark.parametrize("free", [0, 8192, 24576])
def test_full_disk_keeps_the_old_settings(instance: Instance, address: str, free: int) -> None:
    with small_disk(instance.place.base, "4m"):
        generations = Generations(instance)
        generations.apply(gateway(address), shadow=False)
        filler = instance.place.base / "filler"
        fill(filler)
        os.truncate(filler, max(0, filler.stat().st_size // 4096 * 4096 - free))
        big = gateway(address, banner="two")
        big.table("big", "texthash", [(f"key{n}", "OK") for n in range(5000)])
        with pytest.raises(ApplyRefused, match="the disk is full") as caught:
            generations.apply(big)
        assert caught.value.step == "write"
        assert generations.store.numbers() == [1]
        assert banner(address).endswith("one")
        filler.unlink()
        assert generations.apply(big).generation >= 2
        assert banner(address).endswith("two")


KILLED = """
import os, signal, sys
from pathlib import Path
from appliances.postfix.configuration import Place
from appliances.postfix.generations import Generations
from appliances.postfix.instance import Instance
from tests.appliances.postfix.conftest import gateway
base, address, at, shadow = sys.argv[1:]
def checkpoint(step):
    if step == at:
        os.kill(os.getpid(), signal.SIGKILL)
generations = Generations(Instance(Place(Path(base))), checkpoint=checkpoint, shadow=shadow == "1")
generations.apply(gateway(address, banner="two"))
"""


def killed_at(place: Place, address: str, step: str, *, shadow: bool = False) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place.base), address, step, str(int(shadow))],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("step", STEPS)
def test_kill_at_each_step_leaves_a_usable_state(generations: Generations, address: str, step: str) -> None:
    place = generations.instance.place
    generations.apply(gateway(address), shadow=False)
    killed_at(place, address, step)
    # Mail goes on even before anybody recovers.
    assert banner(address)[-3:] in ("one", "two")
    recovered = generations.recover()
    wanted = {"flipped": "two", "reloaded": "two", "confirmed": "two"}.get(step, "one")
    assert banner(address).endswith(wanted)
    assert recovered.generation == generations.store.current
    assert generations.store.pending is None
    assert (recovered.discarded, recovered.completed) == {
        "begun": (2, None),
        "flipped": (None, 2),
        "reloaded": (None, 2),
    }.get(step, (None, None))
    assert not [name for name in os.listdir(place.base) if name.endswith((".new", ".link"))]
    generations.apply(gateway(address, banner="new"), shadow=False)
    assert banner(address).endswith("new")


def test_kill_and_dead_postfix_after_the_switch_is_recovered(generations: Generations, address: str) -> None:
    generations.apply(gateway(address), shadow=False)
    killed_at(generations.instance.place, address, "flipped")
    generations.instance.stop()
    assert generations.recover().completed == 2
    assert banner(address).endswith("two")


def test_recovery_undoes_a_switch_that_does_not_work(generations: Generations, address: str) -> None:
    generations.apply(gateway(address), shadow=False)
    killed_at(generations.instance.place, address, "flipped")
    with (generations.store.directory(2) / "main.cf").open("a") as stream:
        stream.write("smtpd_recipient_limit = many\n")
    os.utime(generations.store.directory(2) / "main.cf", (1, 1))
    recovered = generations.recover()
    assert (recovered.generation, recovered.discarded) == (1, 2)
    assert recovered.note
    assert banner(address).endswith("one")


def test_half_written_generation_is_removed(generations: Generations, address: str) -> None:
    generations.apply(gateway(address), shadow=False)
    half = generations.instance.place.base / "etc.2.new"
    (half / "maps").mkdir(parents=True)
    os.symlink("etc.2", generations.instance.place.base / "etc.link")
    generations.recover()
    assert not half.exists()
    assert not (generations.instance.place.base / "etc.link").is_symlink()
    assert generations.store.current == 1


def test_trial_left_by_a_kill_is_ended(generations: Generations, address: str) -> None:
    place = generations.instance.place
    shadow = Instance(place.shadow)
    shadow.prepare()
    gateway(fresh_address()).write(place.shadow.etc, place.shadow, generation=1)
    shadow.start()
    generations.recover()
    assert not shadow.processes
    assert not place.shadow.base.exists()
