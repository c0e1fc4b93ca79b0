"""Lives of many clusters: `python -m tests.simulation --seeds 2000 --first 0 --steps 200`.

Ends with 1 at the first seed that breaks an invariant, and says how to see it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.simulator import run


def main(arguments: list[str] | None = None) -> int:
    """Runs the seeds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many lives")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=200, help="actions in each life")
    options = parser.parse_args(arguments)
    began, counts = time.monotonic(), Counter[str]()
    for seed in range(options.first, options.first + options.seeds):
        report = run(seed, options.steps)
        counts.update(report.counts)
        if report.failure:
            print(f"{report.story()}\n\nseed {seed}: {report.failure}")
            print(f"again: python -m tests.simulation --seeds 1 --first {seed} --steps {options.steps}")
            return 1
    took = time.monotonic() - began
    print(", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    print(f"{options.seeds} lives of {options.steps} steps held every invariant, {took:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
