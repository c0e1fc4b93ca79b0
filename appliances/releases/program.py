"""Where the program lies, and how a process of it is started: the same in a checkout, a wheel and a release.

Each of them is a tree with `manage.py` and what `appliances.releases.artifact.PARTS` names beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
"""The tree of the program that this process runs."""


def command(*words: str, tree: Path = TREE, python: str = sys.executable) -> list[str]:
    """How a process of Gatefold is started: what `gatefold WORDS` does, by the program in that tree.

    Needs no PATH and no current directory, so that it holds wherever the program was put.
    """
    return [python, str(tree / "manage.py"), *words]
