"""Where releases come from: a directory, or a portal or web server that has one."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

from appliances.releases.artifact import INDEX, Offer, ReleaseError, read_index
from clusters.system_words import reason

PATIENCE = 30.0
"""Seconds that a server may take for an answer."""
PIECE = 64 * 1024
LARGEST_INDEX = 1024 * 1024

Progress = Callable[[int], None]
"""Told how many bytes have come so far."""


@dataclass(frozen=True)
class Source:
    """A directory, or an address that begins with https:// or http://."""

    place: str

    @property
    def remote(self) -> bool:
        return urlsplit(self.place).scheme in ("http", "https")

    def offers(self) -> list[Offer]:
        """What can be had, the newest first; nothing where a directory has no index. Raises ReleaseError."""
        if not self.remote and not (Path(self.place) / INDEX).exists():
            return []
        with self._opened(INDEX) as file:
            return read_index(file.read(LARGEST_INDEX).decode("utf-8", "replace"))

    def fetch(self, offer: Offer, to: Path, progress: Progress) -> None:
        """Copies a release; `to` is there afterwards only if its checksum is right. Raises ReleaseError."""
        part = to.with_name(f".{to.name}.part")
        try:
            with self._opened(offer.file) as file, open(part, "wb") as kept:
                found = self._copy(file, kept, offer.size, progress)
            if found != offer.sha256:
                raise ReleaseError(
                    f"{offer.file} from {self.place} does not have the checksum that its index states; "
                    "nothing was kept. Try again, or tell who builds the releases."
                )
            part.replace(to)
        except OSError as error:
            raise ReleaseError(f"{offer.file} cannot be kept: {reason(error)}") from None
        finally:
            part.unlink(missing_ok=True)

    @staticmethod
    def _copy(file: IO[bytes], kept: IO[bytes], size: int, progress: Progress) -> str:
        digest, received = hashlib.sha256(), 0
        while received <= size and (piece := file.read(PIECE)):
            kept.write(piece)
            digest.update(piece)
            received += len(piece)
            progress(received)
        return digest.hexdigest()

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            if not self.remote:
                with open(Path(self.place) / name, "rb") as file:
                    yield file
                return
            # Only http and https come here, see `remote`.
            address = urljoin(self.place.rstrip("/") + "/", name)
            with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                yield answer
        except (urllib.error.URLError, OSError) as error:
            raise ReleaseError(f"{name} cannot be read from {self.place}: {_why(error)}") from None


def _why(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code}: check the address"
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return reason(inner if isinstance(inner, Exception) else error)
