"""What is told of connections that fail."""

from __future__ import annotations

import errno
import os
from typing import Any, cast

import asyncssh
import pytest

from appliances.links import console
from appliances.links.calling import why
from appliances.links.channel import Channel
from appliances.links.errors import LinkLost, ProtocolError
from appliances.links.frames import decode

BREAKS = [
    asyncssh.ConnectionLost("Connection lost due to keepalive"),
    asyncssh.ProtocolError("Packet too large"),
    asyncssh.ChannelOpenError(2, "open failed"),
    ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
]


class Broken:
    """A connection on which everything fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def read(self, n: int = -1) -> bytes:
        raise self._error

    def write(self, data: bytes) -> None:
        raise self._error

    async def drain(self) -> None:
        raise self._error

    async def run(self, *_words: Any, **_options: Any) -> Any:
        raise self._error

    create_process = run


@pytest.mark.parametrize("error", BREAKS)
async def test_words_of_asyncssh_stay_in_the_log(error: Exception) -> None:
    """TRL-27: whatever breaks a link, a command or a terminal on another machine."""
    broken = Broken(error)
    channel = Channel(broken, broken, lambda: None)
    told = [why(error)]
    for ask in (channel.read, channel.drain):
        with pytest.raises(LinkLost) as lost:
            await ask()
        told.append(str(lost.value))
    with pytest.raises(LinkLost) as lost:
        channel.write(b"x")
    told.append(str(lost.value))
    conn = cast(asyncssh.SSHClientConnection, broken)
    for asked in (console.run(conn, "status"), console.terminal(conn, 80, 24)):
        with pytest.raises(LinkLost) as lost:
            await asked
        told.append(str(lost.value))
    said = str(error.args[-1]) if error.args else str(error)
    assert not any(said in text or "Errno" in text for text in told)


def test_what_is_no_json_is_told_without_the_words_of_the_parser() -> None:
    """TRL-27."""
    with pytest.raises(ProtocolError) as refused:
        decode(b"{no json")
    assert "Expecting" not in str(refused.value)
