"""A person's command line on another machine, over SSH with their passphrase, which is used once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncssh

from appliances.links.calling import Client, Target, connect, why
from appliances.links.client import Passphrase
from appliances.links.errors import LinkLost
from appliances.links.ssh import ServiceKind

MOST_OUTPUT = 1024 * 1024
"""Characters of answer that are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one command line."""

    code: int
    out: str
    err: str


async def login(
    target: Target, passphrase: Passphrase, host_key: str, timeout: float = 20.0
) -> asyncssh.SSHClientConnection:
    """Logs in at the SSH service of a machine whose public host key is pinned; the caller closes it.

    The passphrase is sent only after the key was found to be the pinned one. Raises any LinkError.
    """
    return await connect(Client(target, host_key, ServiceKind.SSH), passphrase.user, passphrase.text, timeout)


async def run(
    conn: asyncssh.SSHClientConnection,
    command: str,
    *,
    stdin: str = "",
    language: str = "",
    timeout: float = 120.0,
) -> Answer:
    """Runs one command line, which answers in that language; raises LinkLost where no answer comes."""
    try:
        async with asyncio.timeout(timeout):
            done = await conn.run(command, input=stdin, check=False, env=_speaking(language))
    except (TimeoutError, asyncssh.Error, OSError) as error:
        raise LinkLost(f"the machine gives no answer to the command: {why(error)}") from None
    code = 1 if done.exit_status is None else done.exit_status
    return Answer(code, str(done.stdout or "")[:MOST_OUTPUT], str(done.stderr or "")[:MOST_OUTPUT])


async def terminal(
    conn: asyncssh.SSHClientConnection, columns: int, rows: int, language: str = ""
) -> asyncssh.SSHClientProcess[bytes]:
    """Opens the command line in a terminal of that size. Raises LinkLost."""
    try:
        return await conn.create_process(
            term_type="xterm-256color",
            term_size=(columns, rows),
            env=_speaking(language),
            encoding=None,
        )
    except (asyncssh.Error, OSError) as error:
        raise LinkLost(f"the machine opens no terminal: {why(error)}") from None


def _speaking(language: str) -> dict[str, str]:
    return {"LANG": "ja_JP.UTF-8" if language.startswith("ja") else "en_GB.UTF-8"}
