"""The command line in a terminal: prompt by mode, completion, history, questions (prompt_toolkit)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast

import asyncssh
from django.utils import translation
from django.utils.translation import gettext as _
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from appliances.cli import colours, registry
from appliances.cli.colours import Coloured
from appliances.cli.errors import CommandError, GroundChanged, Leave
from appliances.cli.process import in_session
from appliances.cli.session import Session
from appliances.cli.wrapping import wrapped
from clusters.utf8 import NotUtf8, read_escaped
from clusters.visible import shown

if TYPE_CHECKING:
    from appliances.cli.desk import Desk
    from appliances.links.peer import Login

UNREADABLE, ESCAPED = "\ufffd", "\udcff"
"""What is shown for a byte that is no UTF-8, and such a byte as it came over the channel."""


VOID = "\0"
"""The answer to a question of a world that is gone: `ground.Grounded` lets nobody see it."""


class Screen:
    """The file that prompt_toolkit writes to."""

    encoding = "utf-8"

    def __init__(self, process: asyncssh.SSHServerProcess[str]) -> None:
        self._process = process

    def write(self, text: str) -> int:
        if not self._process.is_closing():
            self._process.stdout.write(text.replace("\r\n", "\n").replace("\n", "\r\n"))
        return len(text)

    def flush(self) -> None:
        return

    def isatty(self) -> bool:
        return True


class Words(Completer):
    """Completes the names of commands, then what may follow them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor.rpartition(";")[2].lstrip()
        *words, start = before.split(" ")
        for candidate in sorted(self._candidates([word for word in words if word])):
            if shown(candidate) == candidate and candidate.casefold().startswith(start.casefold()):
                yield Completion(candidate, start_position=-len(start))

    def _candidates(self, words: list[str]) -> list[str]:
        if not words:
            return registry.words()
        command = registry.find(words[0])
        if command is None:
            return []
        if command.name == "help":
            return registry.words()
        if command.name == "clustermode" and len(words) == 2:
            return self._names(words[1].casefold())
        return list(command.completions) if len(words) == 1 else []

    def _names(self, level: str) -> list[str]:
        state = self._session.state
        if level == "group":
            return [group.name for group in state.groups.values()]
        return [machine.name for machine in state.machines.values()] if level == "machine" else []


@dataclass
class Pages:
    """How much of a command's answer is on the screen since the person last looked."""

    wanted: bool
    lines: int = 0
    stopped: bool = False

    def full(self, rows: int) -> bool:
        """Whether a further line would push the first one off the screen."""
        return self.wanted and not self.stopped and self.lines >= max(rows - 1, 1)

    def took(self, line: str, columns: int) -> None:
        """A line was written, on as many rows as it needs."""
        self.lines += max(1, -(-len(line) // max(columns, 1)))

    def turn(self, answer: str) -> None:
        """The person has answered the prompt."""
        self.lines = 0
        self.wanted = answer.strip().casefold() != "a"
        self.stopped = answer.strip().casefold() == "q"


class Terminal:
    """A person at a terminal; satisfies `dialogue.Dialogue` for the commands they type."""

    interactive = True

    def __init__(
        self, process: asyncssh.SSHServerProcess[str], login: Login, desk: Desk, language: str
    ) -> None:
        self._process = process
        self._language = language
        self._loop = asyncio.get_running_loop()
        self._screen = Screen(process)
        self._prompts: PromptSession[str] | None = None
        self._questions: PromptSession[str] | None = None
        self._pages = Pages(wanted=False)
        self._desk = desk
        self._looking: set[asyncio.Task[None]] = set()
        self._cut_off = False
        self._colours = colours.wanted(process.env or {}, process.term_type or "")
        self._session = Session.begun(login.user, login.role, desk, self)

    # the dialogue of a command, from its thread

    def begin(self, *, paged: bool) -> None:
        # One command line of `ssh -t` is read by whoever called ssh.
        self._pages = Pages(paged and self._process.command is None)

    def say(self, text: str = "") -> None:
        columns, rows = self._size().columns, self._size().rows
        colour = text.colour if isinstance(text, Coloured) and self._colours else None
        for line in self._lines_of(shown(text), columns):
            if self._pages.full(rows):
                self._turn()
            if not self._pages.stopped:
                row = colour.on(line) if colour else line
                self._loop.call_soon_threadsafe(self._screen.write, row + "\n")
                self._pages.took(line, columns)

    def _lines_of(self, text: str, columns: int) -> list[str]:
        """Wrapped for a person; JSON, files and what `ssh -t` with a command reads stay as they are."""
        if self._session.as_json or self._process.command is not None or text.startswith("<?xml"):
            return text.split("\n")
        return wrapped(text, columns)

    def _turn(self) -> None:
        """The "more" prompt (CLI-13); the command itself goes on to its end whatever is answered."""
        try:
            self._pages.turn(
                self._answer(_("-- more -- Enter: next page, a: all, q: no more "), secret=False)
            )
        except CommandError:
            self._pages.turn("q")

    def warn(self, text: str) -> None:
        self._pages.stopped = False
        self.say(text)

    def ask(self, question: str, default: str = "") -> str:
        self._pages.lines, self._pages.stopped = 0, False
        return self._answer(self._prompt_of(question, default), secret=False).strip() or default

    def _prompt_of(self, question: str, default: str) -> str:
        """Yes or no is asked in one line, as the original does; else the default has a line of its own."""
        between = " " if default in ("Y", "N") else "\n"
        lead = f"{question}{between}" if question else ""
        return self._asking(f"{lead}[{default}]>")

    def _asking(self, question: str) -> str:
        # Room for a space and the first letter: a prompt as wide as the terminal is drawn over itself.
        return "\n".join(wrapped(shown(question), max(self._size().columns - 2, 1))) + " "

    def secret(self, question: str) -> str:
        return self._answer(self._asking(f"{question}>"), secret=True)

    def input_text(self) -> str:
        """Lines up to an empty one."""
        self.say(_("Type or paste it; an empty line ends it."))
        lines: list[str] = []
        while line := self._answer("", secret=False, line=len(lines) + 1):
            lines.append(line)
        return read_escaped("\n".join(lines))

    def _answer(self, prompt: str, *, secret: bool, line: int = 1) -> str:
        answer = self._awaited(prompt, secret=secret)
        if answer == VOID and not self._session.overtaken:
            # It was interrupted for what is known by now.
            answer = self._awaited(prompt, secret=secret)
        if answer is None and self._cut_off:
            raise Leave  # no mere interruption, after which a menu would ask again, for ever
        if answer is None or (answer == VOID and not self._session.overtaken):
            raise CommandError(_("Interrupted."))
        if UNREADABLE in answer:
            raise NotUtf8(line, wide=False)
        return answer

    def _awaited(self, prompt: str, *, secret: bool) -> str | None:
        return asyncio.run_coroutine_threadsafe(self._asked(prompt, secret), self._loop).result()

    async def _asked(self, prompt: str, secret: bool) -> str | None:
        """The answer, None for Ctrl-C and Ctrl-D: out of a task these would end the whole program."""
        assert self._questions is not None
        try:
            return await self._questions.prompt_async(prompt, is_password=secret, set_exception_handler=False)
        except (KeyboardInterrupt, EOFError):
            return None
        except GroundChanged:
            return VOID

    # the session

    async def run(self) -> int:
        """Prompts until the person leaves; the exit code of the last command."""
        # Without a session of its own the keys of one person reach the prompt of another.
        with create_pipe_input() as typed, create_app_session(input=typed):
            self._prepare(typed)
            feeding = asyncio.ensure_future(self._feed(typed))
            try:
                with self._desk.sessions.watching(self._look):
                    return await self._talk()
            finally:
                feeding.cancel()

    def _look(self) -> None:
        """The cluster has changed: perhaps under this session."""
        task = asyncio.ensure_future(self._interrupt_if_overtaken())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _interrupt_if_overtaken(self) -> None:
        """A prompt or question of a world that is gone does not wait for its answer (TRL-35)."""
        if not await asyncio.to_thread(lambda: self._session.overtaken):
            return
        for prompts in (self._prompts, self._questions):
            future = prompts.app.future if prompts is not None and prompts.app.is_running else None
            if prompts is not None and future is not None and not future.done():
                prompts.app.exit(exception=GroundChanged())

    def _prepare(self, typed: PipeInput) -> None:
        output = Vt100_Output(
            cast(TextIO, self._screen), self._size, term=self._process.term_type, enable_cpr=False
        )
        self._prompts = PromptSession(
            history=InMemoryHistory(),
            completer=Words(self._session),
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            input=typed,
            output=output,
        )
        self._questions = PromptSession(input=typed, output=output)

    async def _talk(self) -> int:
        if self._process.command is not None:
            return await self._run(self._process.command)
        code = 0
        while True:
            try:
                line = await self._line()
            except (KeyboardInterrupt, GroundChanged):
                continue  # the next prompt says what has changed
            except EOFError:
                line = "exit"
            except CommandError as error:
                # The user is gone, or the machine ends.
                self.warn(str(error))
                return error.code
            try:
                # What stands for bytes that could not be read is given back: no command keeps it.
                line = line.replace(UNREADABLE, ESCAPED)
                code = await in_session(self._session, self._language, line)
            except Leave:
                return code

    async def _run(self, text: str) -> int:
        try:
            return await in_session(self._session, self._language, text)
        except Leave:
            return 0

    async def _line(self) -> str:
        assert self._prompts is not None
        prompt = await asyncio.to_thread(self._prompt)
        return await self._prompts.prompt_async(prompt, set_exception_handler=False)

    def _prompt(self) -> ANSI | str:
        with translation.override(self._language):
            return self._coloured(shown(self._settled_prompt()))

    def _coloured(self, prompt: str) -> ANSI | str:
        if not self._colours or self._session.state.standalone:
            return prompt
        mode, end = prompt[:-2], prompt[-2:]
        return ANSI(colours.MODES[self._session.mode.level].on(mode) + end)

    def _settled_prompt(self) -> str:
        try:
            self._session.settle()
        except GroundChanged as changed:
            self.warn(str(changed))
            self._session.settle()
        return self._session.prompt()

    def _size(self) -> Size:
        columns, rows, *_pixels = self._process.term_size
        return Size(rows=rows or 24, columns=columns or 80)

    async def _feed(self, typed: PipeInput) -> None:
        """What the person types goes to the prompt; a new window size redraws it."""
        while True:
            try:
                text = await self._process.stdin.read(4096)
            except asyncssh.TerminalSizeChanged:
                self._resized()
                continue
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                text = "\x03"
            except (asyncssh.Error, OSError):
                text = ""  # cut off in the middle: nobody is there any more
            if not text:
                self._cut_off = True  # before the prompt hears of it
                typed.close()
                return
            typed.send_text(re.sub("[\udc80-\udcff]", UNREADABLE, text))

    def _resized(self) -> None:
        for prompts in (self._prompts, self._questions):
            if prompts is not None and prompts.app.is_running:
                prompts.app._on_resize()
