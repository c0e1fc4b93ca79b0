"""All measurements run, one after the other as `make bench` does it, with the least of everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import NAMES
from bench.sizes import TINY

ROOT = Path(__file__).resolve().parents[2]


TOGETHER = (("resolve", "sync", "pages", "enforce"), ("browsers", "loss"), ("fleet",))
"""All of them, in parts that end in time. `enforce` comes after what sets Django up in its own way."""


def bench(*line: str) -> tuple[int, str, str]:
    """The outcome of `python LINE`, and what it printed; ended in good order whatever happens here."""
    # What the tests themselves run with is none of its business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    process = subprocess.Popen(
        [sys.executable, *line], cwd=ROOT, env={**environment, TINY: "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate()
    finally:
        # It takes its machines down before it ends; killed, it would leave them.
        process.terminate()
        process.wait()
    return process.returncode, out, err


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.parametrize("names", TOGETHER, ids=" ".join)
def test_measurements_run_one_after_the_other(names: tuple[str, ...]) -> None:
    """TRL-30: one that begins with its own settings does not end the next."""
    code, out, err = bench("-m", "bench", *names)

    assert code == 0, out + err
    begun = [line.partition(":")[0] for line in out.splitlines() if line and line[0] != " "]
    assert [name for name in begun if name in NAMES] == list(names)


def test_all_measurements_are_run_by_a_test() -> None:
    """TRL-30."""
    assert {name for names in TOGETHER for name in names} == set(NAMES)


def test_measurement_that_fails_ends_none_of_the_others() -> None:
    """TRL-30: and its failure is the outcome of the whole."""
    tried = "import sys, bench.__main__ as b; b.NAMES = ('nothing', 'resolve'); sys.exit(b.main([]))"
    code, out, err = bench("-c", tried)

    assert code == 1
    assert "resolve: Effective settings" in out
    assert "failed: nothing" in err


def test_unknown_measurement_is_refused_by_name() -> None:
    code, out, err = bench("-m", "bench", "resolve", "speed")

    assert (code, out) == (2, "")
    assert "speed" in err
