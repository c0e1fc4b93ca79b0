"""Our policy service: Postfix describes a client and what it wants, a rule answers with an access action."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from appliances.postfix.sockets import Malformed, SocketServer

logger = logging.getLogger(__name__)

LINE_LIMIT = 16 * 1024
ATTRIBUTE_LIMIT = 200
DUNNO = "DUNNO"
FAILED = "451 4.3.0 The message cannot be judged now, try again later"

Request = Mapping[str, str]
"""The attributes of SMTPD_POLICY_README by name; `policy_context` is the name of the listener."""

Rule = Callable[[Request], str]
"""Takes a request and returns an access(5) action, such as `DUNNO` or `452 4.5.3 too many recipients`."""


def no_opinion(request: Request) -> str:
    """The rule that leaves the decision to what follows."""
    return DUNNO


class PolicyService:
    """The policy service at `path`. Assign another `rule` at any time; the next request is put to it.

    A rule that raises makes the client try again later; it is logged and counted in `errors`.
    """

    def __init__(self, path: Path, rule: Rule = no_opinion, *, owner: str = "postfix") -> None:
        self.rule = rule
        self.requests = 0
        self.errors = 0
        self.server = SocketServer(path, self._session, owner=owner, limit=LINE_LIMIT)

    async def start(self) -> None:
        """Open the socket. Raises OSError."""
        await self.server.start()

    async def stop(self) -> None:
        """Close the socket and all connections."""
        await self.server.stop()

    def decide(self, request: Request) -> str:
        """The action of the rule; FAILED if it fails."""
        self.requests += 1
        try:
            return self.rule(request)
        except Exception:
            self.errors += 1
            logger.exception("%s: the rule failed", self.server.path.name)
            return FAILED

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read(reader)) is not None:
            action = re.sub(r"[\x00-\x1f\x7f]+", " ", self.decide(request)).strip() or DUNNO
            writer.write(f"action={action}\n\n".encode("utf-8", "replace"))
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> dict[str, str] | None:
    """One request; None when Postfix has closed the connection between two. Raises Malformed."""
    request: dict[str, str] = {}
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise Malformed("a line without end") from None
        except asyncio.IncompleteReadError as error:
            if request or error.partial:
                raise
            return None
        if line == b"\n":
            return _checked(request)
        name, equals, value = line[:-1].decode("utf-8", "surrogateescape").partition("=")
        if not equals or len(request) >= ATTRIBUTE_LIMIT:
            raise Malformed("lines that are no attributes, or too many")
        request[name] = value


def _checked(request: dict[str, str]) -> dict[str, str]:
    if request.get("request") != "smtpd_access_policy":
        raise Malformed("a request of an unknown kind")
    return request
