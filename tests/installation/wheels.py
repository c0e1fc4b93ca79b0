"""The wheel of this tree, built once, and an environment that has nothing of Gatefold but it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(kind: str, to: Path, tree: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    """What `make wheel` runs; `kind` is wheel or sdist."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(to)]
    told = {**os.environ, **more}
    return subprocess.run(command, cwd=tree, env=told, capture_output=True, text=True, check=False)


def built(kind: str, to: Path, tree: Path = ROOT) -> Path:
    """The file that came of it."""
    done = build(kind, to, tree)
    assert done.returncode == 0, done.stderr
    (found,) = to.iterdir()
    return found


class Installed:
    """A fresh virtual environment with that wheel; it borrows the dependencies of the running one."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.environment, self.elsewhere = folder / "environment", folder / "elsewhere"
        self.var = folder / "var"
        self.elsewhere.mkdir()
        self._run("-m", "venv", "--without-pip", str(self.environment))
        pip = ("-m", "pip", "-q", "--disable-pip-version-check", "--python", str(self.python))
        self._run(*pip, "install", "--no-index", "--no-deps", "--no-compile", str(wheel))
        # Only now: pip would find the checkout there, installed for whoever works on it, and be content.
        (self.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Its folder of packages; one that is borrowed brings none of its own `.pth` lines along."""
        (found,) = (self.environment / "lib").glob("python*/site-packages")
        return found

    def gatefold(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the command far from any checkout."""
        return subprocess.run(
            [str(self.environment / "bin" / "gatefold"), *words],
            cwd=self.elsewhere,
            env={**bare(os.environ), "GATEFOLD_VAR": str(self.var)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def said(self, *words: str, stdin: str = "") -> str:
        """What a command prints that succeeds."""
        done = self.gatefold(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @staticmethod
    def _run(*words: str) -> None:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would lead a process back to the checkout, or to settings of the tests."""
    ours = ("GATEFOLD_", "PYTHON", "DJANGO_")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}
