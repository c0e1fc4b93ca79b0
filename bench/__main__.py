"""`python -m bench [NAME ...]`: run the named measurements, or all, and print their figures.

Several run in a process each, one after the other: what one puts into the environment, or into Django's
settings, which can be set up once, is nothing to the next.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys

NAMES = ("resolve", "sync", "pages", "browsers", "enforce", "loss", "fleet")


def main(names: list[str]) -> int:
    """Run each measurement; 2 for an unknown name, 1 when one of several has failed."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if len(names) == 1:
        return _measure(names[0])
    failed = [name for name in names or NAMES if _apart(name)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _measure(name: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.portal")
    module = importlib.import_module(f"bench.{name}")
    print(f"\n{name}: {(module.__doc__ or name).splitlines()[0]}", flush=True)
    for row in module.measure():
        print(f"  {row}", flush=True)
    return 0


def _apart(name: str) -> int:
    """The exit code of one measurement. Who is interrupted waits until it has taken its machines down."""
    process = subprocess.Popen([sys.executable, "-m", "bench", name])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
