"""The socket of a web terminal: keys to a machine's command line, changed rows back; nothing of it is kept.

From the browser: {"open": {user, passphrase, columns, rows}} once, {"keys": text}, {"size": [columns, rows]}.
To the browser: {"state": "ready" | "open" | "ended", "text": ...} and what `Screen.changes` tells.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import asyncssh
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import translation

from appliances.links import console
from appliances.links.calling import Target
from appliances.links.client import Passphrase
from appliances.links.errors import AuthenticationFailed, LinkError
from clusters.phrases import Text
from clusters.phrases import phrase as _
from clusters.visible import shown
from portal.live.consumers import NOT_LOGGED_IN
from portal.terminal import opening
from portal.terminal.screen import Screen, fitting

NOT_FOUND = 4404
WRONG_ORIGIN = 4403
TOO_MANY = 4429
MOST_OPEN = 5
"""Terminals that one person may have at a time, in one process of the portal."""
MOST_MESSAGE = 16 * 1024
MOST_PER_SECOND = 120
IDLE = 15 * 60.0
LOOK_EVERY = 20.0
FRAME = 0.04
WRONG_PASSPHRASES = 3

_terminals: Counter[int] = Counter()


class Terminal(AsyncWebsocketConsumer):
    """One terminal of one person on one machine."""

    async def connect(self) -> None:
        """Judge who asks and for what; strangers hear what they would hear of a machine that is not there."""
        self.tasks: list[asyncio.Task[None]] = []
        self.process: asyncssh.SSHClientProcess[bytes] | None = None
        self.conn: asyncssh.SSHClientConnection | None = None
        self.screen = Screen(80, 24)
        self.person: Any = self.scope.get("user")
        self.begun = self.heard = time.monotonic()
        self.second, self.count, self.tries, self.job = 0, 0, 0, 0
        self.counted = False
        self.why: Text = ""
        translation.activate(self._language())
        await self.accept()
        code = await self._judged()
        if code:
            await self.close(code)
            return
        _terminals[self.person.pk] += 1
        self.counted = True
        self.tasks.append(asyncio.create_task(self._watch()))
        await self._tell("ready")

    async def _judged(self) -> int:
        if self.person is None or not self.person.is_authenticated:
            return NOT_LOGGED_IN
        if not self._same_origin():
            return WRONG_ORIGIN
        if _terminals[self.person.pk] >= MOST_OPEN:
            return TOO_MANY
        told = self.scope["url_route"]["kwargs"]
        self.slug, self.serial = told["slug"], told["serial"]
        found = await database_sync_to_async(opening.machine_for)(self.person, self.slug, self.serial)
        if found is None:
            return NOT_FOUND
        self.machine = found
        return 0

    def _same_origin(self) -> bool:
        headers = dict(self.scope.get("headers", ()))
        origin = headers.get(b"origin", b"").decode("latin-1")
        return bool(origin) and urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")

    async def disconnect(self, code: int) -> None:
        await self._end(self.why or _("the page was closed"))

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **more: Any
    ) -> None:
        """One message of the browser; what is no message, too large or too much ends the terminal."""
        if not self.counted:
            return
        message = self._read(text_data)
        if message is None:
            await self._give_up("bad")
            return
        self.heard = time.monotonic()
        if self.process is None and isinstance(message.get("open"), dict):
            await self._open(message["open"])
        elif self.process is not None and isinstance(message.get("keys"), str):
            self.process.stdin.write(message["keys"].encode("utf-8", "replace"))
        elif self.process is not None and isinstance(message.get("size"), list):
            self._resize(message["size"])

    def _read(self, text: str | None) -> dict[str, Any] | None:
        now = int(time.monotonic())
        self.count = self.count + 1 if now == self.second else 1
        self.second = now
        if text is None or len(text) > MOST_MESSAGE or self.count > MOST_PER_SECOND:
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    # opening

    async def _open(self, told: dict[str, Any]) -> None:
        who = Passphrase(str(told.get("user", ""))[:64], str(told.get("passphrase", ""))[:1024])
        columns, rows = fitting(told.get("columns"), told.get("rows"))
        at = Target(self.machine.address, self.machine.port)
        if await database_sync_to_async(opening.is_guessing)(self.person):
            await self._give_up("guessing")
            return
        try:
            self.conn = await console.login(at, who, self.machine.host_key)
            self.process = await console.terminal(self.conn, columns, rows, self._language())
        except (LinkError, ValueError) as error:
            await self._refused(error, who.user)
            return
        self.screen = Screen(columns, rows)
        self.begun = time.monotonic()
        self.job = await database_sync_to_async(opening.opened)(self.person, self.machine, who.user)
        await self._tell("open")
        self.tasks.append(asyncio.create_task(self._show(self.process)))

    def _language(self) -> str:
        """The language of the person's pages."""
        chosen = str(self.scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, ""))
        wanted = dict(self.scope.get("headers", ())).get(b"accept-language", b"").decode("latin-1")
        return "ja" if (chosen or wanted).startswith("ja") else "en"

    async def _refused(self, error: Exception, user: str) -> None:
        """Say why in one sentence; somebody who guesses passphrases is not let go on."""
        self.tries += 1
        if isinstance(error, AuthenticationFailed):
            await database_sync_to_async(opening.wrong)(self.person, self.machine, user)
        text = f"{error.text}. {_(error.remedy)}" if isinstance(error, LinkError) else str(error)
        if self.conn is not None:
            self.conn.abort()
            self.conn = None
        await self._tell("ready", text)
        if self.tries >= WRONG_PASSPHRASES:
            await self.close(TOO_MANY)

    def _resize(self, size: list[Any]) -> None:
        assert self.process is not None
        columns, rows = fitting(*[*size, None, None][:2])
        self.screen.resize(columns, rows)
        self.process.change_terminal_size(columns, rows)

    # what the machine says

    async def _show(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        """Pass on what changes, a few times a second at most, until the machine ends it."""
        with suppress(asyncssh.Error, OSError):
            while data := await process.stdout.read(64 * 1024):
                self.screen.feed(data)
                self.heard = max(self.heard, time.monotonic() - IDLE / 2)
                await self.send(json.dumps(self.screen.changes()))
                await asyncio.sleep(FRAME)
        await self._give_up("left")

    async def _watch(self) -> None:
        """End it when nobody types, or the person may no longer be here."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if time.monotonic() - self.heard > IDLE:
                await self._give_up("idle")
                return
            key = getattr(self.scope.get("session"), "session_key", "") or ""
            if not await database_sync_to_async(opening.still_may)(self.person, self.slug, self.serial, key):
                await self._give_up("gone")
                return

    async def _give_up(self, why: str) -> None:
        words = {
            "idle": _("Nobody has typed for a while."),
            "gone": _("Your session has ended, or you may no longer be here."),
            "left": _("The machine has ended the session."),
            "guessing": _("Too many wrong passphrases: try again in some minutes."),
            "bad": _("The browser sent something that is no message."),
        }
        self.why = words[why]
        with suppress(Exception):  # the browser may be gone already
            await self._tell("ended", self.why)
        await self.close()

    async def _tell(self, state: str, text: Text = "") -> None:
        await self.send(json.dumps({"state": state, "text": shown(str(text))}))

    async def _end(self, why: Text) -> None:
        if self.counted:
            self.counted = False
            _terminals[self.person.pk] -= 1
        current = asyncio.current_task()
        for task in self.tasks:
            if task is not current:
                task.cancel()
        if self.conn is not None:
            self.conn.abort()
        if self.job:
            seconds = time.monotonic() - self.begun
            await database_sync_to_async(opening.closed)(self.job, why, seconds)
            self.job = 0
