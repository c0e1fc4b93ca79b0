"""What Hatchling puts into the wheel: the tree that a release holds, and Japanese that is surely compiled.

The tree lies in one folder, `gatefold_gateway/`, and a line in `gatefold_gateway.pth` puts it on the path:
in a wheel, in a release and in a checkout, templates, translations and `manage.py` are at the same place.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

FOLDER = "gatefold_gateway"
BESIDE = ("clients", "install")
"""What an operator needs beside the program."""


class Dependencies(MetadataHookInterface):
    """They are the lines of requirements.txt, which has the reason of each."""

    def update(self, metadata: dict[str, Any]) -> None:
        lines = (Path(self.root) / "requirements.txt").read_text("utf-8").splitlines()
        metadata["dependencies"] = [line for line in (_bare(line) for line in lines) if line]


class Contents(BuildHookInterface):
    """Names every file of the wheel and where it goes; nothing is made in the tree itself."""

    made: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        self.made = made = Path(tempfile.mkdtemp(prefix="gatefold-wheel-"))
        found = {str(root / name): f"{FOLDER}/{name}" for name in _tree(root)}
        found |= {str(path): f"{FOLDER}/{name}" for path, name in _translations(root, made)}
        (made / "path").write_text(f"{FOLDER}\n")
        build_data["force_include"] |= found | {str(made / "path"): f"{FOLDER}.pth"}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.made:
            shutil.rmtree(self.made)


def _bare(line: str) -> str:
    return line.partition("#")[0].strip()


def _tree(root: Path) -> list[str]:
    """Every file of the program, without what is compiled: that is made anew."""
    sys.path.insert(0, str(root))
    from appliances.releases.artifact import PARTS, files  # of this tree, which is on no path of the builder

    compiled = (".mo", ".pyc")
    names = (file.relative_to(root).as_posix() for file in files(root, (*PARTS, *BESIDE)))
    return [name for name in names if not name.endswith(compiled)]


def _translations(root: Path, made: Path) -> list[tuple[Path, str]]:
    """Each translation, compiled into `made`, and its name. Without msgfmt no wheel is built at all."""
    found = []
    for source in sorted((root / "locale").rglob("*.po")):
        name = source.relative_to(root).with_suffix(".mo")
        target = made / name.as_posix().replace("/", "-")
        _compile(source, target)
        found.append((target, name.as_posix()))
    if not found:
        raise RuntimeError("locale/ holds no translations: a wheel without Japanese is no Gatefold")
    return found


def _compile(source: Path, target: Path) -> None:
    try:
        subprocess.run(["msgfmt", "--check-format", "-o", str(target), str(source)], check=True)
    except FileNotFoundError:
        raise RuntimeError("msgfmt is missing: install Debian's package gettext, then build again") from None
