"""A service of our own on a Unix socket that Postfix asks: opened, watched, closed."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

logger = logging.getLogger(__name__)

MODE = 0o660

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Malformed(Exception):
    """A peer does not keep to the protocol; its connection is closed."""


class SocketServer:
    """Listens on `path` (owner postfix, mode 0660) and runs `handle` for each connection.

    A connection that ends in Malformed or an unexpected error is closed, logged and counted in `faults`;
    the others go on. `limit` is the size of the read buffer in bytes.
    """

    def __init__(self, path: Path, handle: Handler, *, owner: str = "postfix", limit: int = 65536) -> None:
        self.path = path
        self.faults = 0
        self._handle = handle
        self._owner = owner
        self._limit = limit
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.is_serving()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._tasks)

    async def start(self) -> None:
        """Open the socket; one left by a killed program is replaced. Raises OSError."""
        self._remove_stale()
        self._server = await asyncio.start_unix_server(self._serve, path=self.path, limit=self._limit)
        owner = pwd.getpwnam(self._owner)
        os.chown(self.path, owner.pw_uid, owner.pw_gid)
        self.path.chmod(MODE)

    async def stop(self) -> None:
        """Close the socket and every connection, and wait until they are gone."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self.path.unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        try:
            kind = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(kind):
            raise FileExistsError(f"{self.path} is there and is not a socket")
        self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._handle(reader, writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            # Ours or theirs to end: a peer that hangs up in the middle has lost nothing of ours.
            return
        except Malformed as error:
            self.faults += 1
            logger.warning("%s: closed a connection: %s", self.path.name, error)
        except Exception:
            self.faults += 1
            logger.exception("%s: a connection failed", self.path.name)
        finally:
            self._tasks.discard(task)
            writer.close()
