"""The command line over SSH: one line for scripts, lines from standard input, or a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncssh
from django.utils import translation
from django.utils.translation import gettext as _

from appliances.cli import running
from appliances.cli.desk import Desk
from appliances.cli.dialogue import Scripted
from appliances.cli.errors import CommandError, Leave
from appliances.cli.registry import find
from appliances.cli.session import Session
from appliances.links.errors import Reason, Refused
from clusters.config_files.saving import MOST
from clusters.utf8 import NotUtf8, read_escaped
from clusters.visible import shown

if TYPE_CHECKING:
    from appliances.links.peer import Login, Wire
    from appliances.machine.daemon import Daemon

MAX_INPUT = MOST
"""Characters of standard input that a command takes: as many as the longest configuration file."""


class Piped:
    """A dialogue with a script: answers to standard output, notices to standard error, no questions."""

    interactive = False

    def __init__(self, process: asyncssh.SSHServerProcess[str], loop: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._loop = loop

    def begin(self, *, paged: bool) -> None:
        return

    def say(self, text: str = "") -> None:
        self._write(self._process.stdout.write, text)

    def warn(self, text: str) -> None:
        self._write(self._process.stderr.write, text)

    def _write(self, write: Callable[[str], None], text: str) -> None:
        self._loop.call_soon_threadsafe(write, shown(text) + "\n")

    def ask(self, question: str, default: str = "") -> str:
        return default

    def secret(self, question: str) -> str:
        return ""

    def input_text(self) -> str:
        return read_escaped(asyncio.run_coroutine_threadsafe(self._read_all(), self._loop).result())

    async def _read_all(self) -> str:
        parts: list[str] = []
        size = 0
        while part := await self._process.stdin.read(65536):
            parts.append(part)
            size += len(part)
            if size > MAX_INPUT:
                text = _("Standard input has more than {count} MB.")
                raise CommandError(text.format(count=MAX_INPUT // 1024 // 1024))
        return "".join(parts)


async def in_session(session: Session, language: str, text: str, first: int = 1) -> int:
    """Runs a text in a thread, in the person's language; 1 for what is no UTF-8. Raises Leave.

    `first` is the number of its first line.
    """

    def work() -> int:
        with translation.override(language):
            try:
                return running.run_text(session, read_escaped(text, first))
            except NotUtf8 as error:
                session.dialogue.warn(str(error))
                return CommandError.code

    return await asyncio.to_thread(work)


def language_of(process: asyncssh.SSHServerProcess[str]) -> str:
    """Japanese for a person whose terminal says so, else English."""
    env = process.env or {}
    wanted = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "ja" if str(wanted).startswith("ja") else "en"


async def _one_line(session: Session, language: str, text: str) -> int:
    try:
        return await in_session(session, language, text)
    except Leave:
        return 0


async def _lines(session: Session, language: str, process: asyncssh.SSHServerProcess[str]) -> int:
    """Commands from standard input, one per line, up to the first that fails."""
    number = 0
    while line := await process.stdin.readline():
        number += 1
        try:
            if code := await in_session(session, language, line, number):
                return code
        except Leave:
            break
    return 0


class SshCommandLine:
    """Satisfies `machine.daemon.CommandLine`."""

    async def serve(self, process: asyncssh.SSHServerProcess[Any], login: Login, daemon: Daemon) -> None:
        """A person's shell or one command line; ends with the exit code of the last command."""
        peer = process.get_extra_info("peername")
        here = process.get_extra_info("sockname") or ("", 0)
        with daemon.sessions.one(login.user, str(peer[0]) if peer else "", (str(here[0]), int(here[1]))):
            await self._serve(process, login, daemon)

    async def _serve(self, process: asyncssh.SSHServerProcess[Any], login: Login, daemon: Daemon) -> None:
        language = language_of(process)
        desk = Desk(daemon)
        if process.term_type is not None:
            from appliances.cli.terminal import Terminal  # prompt_toolkit, only when somebody types

            code = await Terminal(process, login, desk, language).run()
        else:
            session = Session.begun(login.user, login.role, desk, Piped(process, daemon.loop))
            if process.command is None:
                code = await _lines(session, language, process)
            else:
                code = await _one_line(session, language, process.command)
        await process.stdout.drain()
        process.exit(code)

    def answer(self, daemon: Daemon, words: list[str], user: str, role: str, *, portal: bool) -> list[Wire]:
        """A machine-mode command for a user on another member (RES-03): what it said, and its code.

        For a person at a portal also those that are marked so (UPG-09). Raises Refused for any other.
        """
        command = find(words[0]) if words else None
        if command is None or not (command.remote or (portal and command.is_for_portals(words))):
            raise Refused(Reason.NOT_ALLOWED, "only machine-mode commands run on another member")
        dialogue = Scripted()
        session = Session.begun(user, role, Desk(daemon), dialogue)
        session.visiting = True
        code = running.run_words(session, words)
        return [{"said": dialogue.said, "warned": dialogue.warned, "code": code}]


COMMAND_LINE = SshCommandLine()
