"""`python -m bench [NAME ...]`: run the named measurements, or all, and print their figures."""

from __future__ import annotations

import importlib
import os
import signal
import sys

NAMES = ("resolve", "sync", "pages", "browsers", "enforce", "loss", "fleet")


def main(names: list[str]) -> int:
    """Run each measurement; 2 for an unknown name."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.portal")
    for name in names or NAMES:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
        for row in module.measure():
            print(f"  {row}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
