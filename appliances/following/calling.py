"""Commands on a machine, run over the portal's links: only in a worker, which holds them.

A link that is kept is used. To a machine that is disconnected, or runs another release, an errand is made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from appliances.following.worker import Following, follower
from appliances.links.errors import LinkError, LinkLost
from appliances.links.link import Link

PATIENCE = 60.0
"""Seconds that a command may take on its machine."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a machine answered: lines, notices, and the exit code of the command."""

    lines: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    code: int = 0

    @property
    def text(self) -> str:
        """The lines of the answer."""
        return "\n".join(self.lines)

    @property
    def trouble(self) -> str:
        """Why it was refused; empty when it was done."""
        return (" ".join(self.warned) or self.text or f"exit code {self.code}") if self.code else ""

    @property
    def value(self) -> Any:
        """The answer of a command with `--json`; None when it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


async def call(
    found: Following, serial: str, words: list[str], *, user: str, role: str, patience: float = PATIENCE
) -> Said:
    """The answer of a machine to a command. Raises LinkError; call it on the links' own loop."""
    request = {"command": words, "role": role}
    try:
        async with asyncio.timeout(patience):
            return await _call(found, serial, request, user)
    except TimeoutError:
        raise LinkLost(f"no answer within {patience:g} seconds") from None


async def _call(found: Following, serial: str, request: dict[str, Any], user: str) -> Said:
    async with reached(found, serial) as link:
        return _said([piece async for piece in link.run(request, user)])


@asynccontextmanager
async def reached(found: Following, serial: str) -> AsyncIterator[Link]:
    """The link that is kept with a machine, or an errand while this lasts. Raises LinkError."""
    kept = found.table.link(serial)
    if kept is not None:
        yield kept
        return
    errand = await found.table.errand(serial)
    errand.start()
    try:
        yield errand
    finally:
        await errand.close("done")


def _said(pieces: list[dict[str, Any]]) -> Said:
    said = Said()
    for piece in pieces:
        try:
            lines, warned = tuple(map(str, piece["said"])), tuple(map(str, piece["warned"]))
            said = Said(said.lines + lines, said.warned + warned, int(piece["code"]))
        except (KeyError, TypeError, ValueError):
            raise LinkError("the machine answers in words that this release does not know") from None
    return said


def run(
    replica_id: int, serial: str, words: list[str], *, user: str, role: str, patience: float = PATIENCE
) -> Said:
    """The same from a task, which waits for it. Raises LinkError."""

    async def work() -> Said:
        found = await follower().follow(replica_id)
        return await call(found, serial, words, user=user, role=role, patience=patience)

    return follower().submit(work()).result(patience + 30)
