"""The secrets of a file under another passphrase, or masked: a kept file is given to a person (LOAD-10)."""

from __future__ import annotations

import base64
from datetime import datetime

from clusters.config_files.reading import parsed, sealing_of
from clusters.config_files.saving import written
from clusters.config_files.sealing import Sealing
from clusters.differences import HIDDEN


def resealed(text: str, passphrase: str, wanted: Sealing | None, at: datetime | None = None) -> str:
    """The same file with its secrets under `wanted`, or masked for None; `at` is when it was saved.

    Raises BadFile, and WrongPassphrase where `passphrase` does not open it.
    """
    root = parsed(text)
    opened = sealing_of(root, passphrase)
    for element in root.iter():
        if element.get("secret") != "encrypted" or opened is None:
            continue
        plain = opened.unseal(element.text or "")
        element.set("secret", "masked" if wanted is None else "encrypted")
        element.text = HIDDEN if wanted is None else wanted.seal(plain)
    root.attrib.pop("salt", None)
    if wanted is not None:
        root.set("salt", base64.b64encode(wanted.salt).decode())
    return written(root, at)
