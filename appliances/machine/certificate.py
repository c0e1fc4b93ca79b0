"""The certificate that this machine's listeners show: made once, kept in its home."""

from __future__ import annotations

import os
from pathlib import Path

from appliances.features.demonstration import demonstration_certificate


def kept_certificate(path: Path, hostname: str) -> str:
    """The key and certificate in the file, as PEM text; made for `hostname` where there is none yet.

    Raises OSError.
    """
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        made = demonstration_certificate(hostname)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return made
