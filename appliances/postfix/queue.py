"""The queues of one instance: how much, what, and the verbs upon it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliances.postfix.instance import Instance
from appliances.postfix.parts import plain_address

POSTQUEUE, POSTSUPER, POSTCAT = "/usr/sbin/postqueue", "/usr/sbin/postsuper", "/usr/sbin/postcat"

QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")

_TOTALS = {"-h": "Placed on hold", "-H": "Released from hold", "-d": "Deleted", "-f": "Force-expired"}

_ID = re.compile(r"[0-9A-Za-z]{6,24}")


class QueueError(RuntimeError):
    """A queue command was refused; the message holds Postfix's words."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recipient that still waits; `reason` says why it does."""

    address: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A message in a queue; `size` in bytes, `arrived` in UTC."""

    queue: str
    queue_id: str
    arrived: datetime
    size: int
    sender: str
    recipients: tuple[Waiting, ...]
    expires_now: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """What one instance holds."""

    instance: Instance

    def counts(self) -> dict[str, int]:
        """How many messages are in each queue, by counting files: quick, also with many."""
        return {name: self._count(name) for name in QUEUES}

    def messages(self) -> list[Queued]:
        """Every queued message, oldest first. Raises QueueError when Postfix cannot tell."""
        return sorted(self.each(), key=lambda one: (one.arrived, one.queue_id))

    def each(self) -> Iterator[Queued]:
        """Every queued message as Postfix lists them. Raises QueueError."""
        done = self.instance.command(POSTQUEUE, "-j")
        if done.returncode:
            raise QueueError(done.stderr.strip() or "the queue cannot be listed")
        for line in done.stdout.splitlines():
            yield _queued(line)

    def content(self, queue_id: str) -> str:
        """A queued message with its envelope, as text. Raises QueueError."""
        done = self.instance.command(POSTCAT, "-q", *_ids([queue_id]))
        if done.returncode:
            raise QueueError(done.stderr.strip() or f"{queue_id} is not in the queue")
        return done.stdout

    def flush(self) -> None:
        """Try to deliver everything now (`delivernow`). Raises QueueError."""
        self._postqueue("-f")

    def go_on(self) -> None:
        """Let Postfix take up now what was being delivered when it was reloaded. Raises QueueError.

        It puts such a message back among what comes in, dated a minute ahead, and waits for that.
        """
        now = time.time()
        for path in self._files("incoming"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > now:
                    self.retry([path.name])

    def retry(self, ids: Iterable[str]) -> None:
        """Try to deliver these messages now. Raises QueueError."""
        for one in _ids(ids):
            self._postqueue("-i", one)

    def hold(self, ids: Iterable[str]) -> int:
        """Put messages on hold; returns how many. Raises QueueError."""
        return self._postsuper("-h", ids)

    def release(self, ids: Iterable[str]) -> int:
        """Let held messages go; returns how many. Raises QueueError."""
        wanted = _ids(ids)
        count = self._postsuper("-H", wanted)
        # Released mail lies in the deferred queue until somebody asks for it.
        self.retry(wanted)
        return count

    def delete(self, ids: Iterable[str]) -> int:
        """Delete whole messages; returns how many. Raises QueueError."""
        return self._postsuper("-d", ids)

    def expire(self, ids: Iterable[str]) -> int:
        """Return messages to their senders now, held ones too; returns how many. Raises QueueError."""
        wanted = _ids(ids)
        count = self._postsuper("-f", wanted)
        # The notice is sent by the next attempt at delivery.
        self.retry(wanted)
        return count

    def _count(self, name: str) -> int:
        return len(self._files(name))

    def _files(self, name: str) -> list[Path]:
        top = self.instance.place.spool / name
        return [Path(folder, file) for folder, _, files in os.walk(top) for file in files]

    def _postqueue(self, *arguments: str) -> None:
        done = self.instance.command(POSTQUEUE, *arguments)
        if done.returncode:
            raise QueueError(done.stderr.strip() or "the queue cannot be flushed")

    def _postsuper(self, option: str, ids: Iterable[str]) -> int:
        wanted = _ids(ids)
        if not wanted:
            return 0
        done = self.instance.command(POSTSUPER, option, "-", stdin="".join(f"{one}\n" for one in wanted))
        if done.returncode:
            raise QueueError(done.stderr.strip() or "the queue cannot be changed")
        total = re.search(rf"{_TOTALS[option]}: (\d+) message", done.stderr)
        return int(total[1]) if total else 0


def _ids(ids: Iterable[str]) -> list[str]:
    wanted = list(ids)
    for one in wanted:
        # `ALL` would be every message.
        if not _ID.fullmatch(one):
            raise QueueError(f"{one!r} is not the id of a message")
    return wanted


def _queued(line: str) -> Queued:
    told = json.loads(line)
    return Queued(
        queue=told["queue_name"],
        queue_id=told["queue_id"],
        arrived=datetime.fromtimestamp(told["arrival_time"], UTC),
        size=told["message_size"],
        sender=plain_address(told["sender"]),
        recipients=tuple(
            Waiting(plain_address(one["address"]), one.get("delay_reason", "")) for one in told["recipients"]
        ),
        expires_now=bool(told.get("forced_expire", False)),
    )
