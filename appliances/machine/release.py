"""The release of Gatefold that this process runs; members with different ones do not connect (CL-12)."""

import os
import tomllib
from functools import cache

from appliances.releases.program import TREE

_PROJECT = TREE / "pyproject.toml"


def release() -> str:
    """The release, such as `0.1.0`; GATEFOLD_RELEASE stands in for it in rehearsals of an upgrade."""
    return os.environ.get("GATEFOLD_RELEASE") or _of_code()


@cache
def _of_code() -> str:
    """Read once: another release may be put in the place of a program that runs."""
    return str(tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"])
