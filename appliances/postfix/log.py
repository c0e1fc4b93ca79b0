"""The maillog: what is new in it since a remembered position, and what its lines mean.

Our instances write `Nov 22 20:20:35 host gf7/public/smtpd[123]: text`: generation 7, listener public.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

CANARY = "canary@gatefold.invalid"
"""The recipient that our own trial conversations name; they are no mail."""

CHUNK = 16 * 1024 * 1024
"""Bytes read at most per call: a log that ran away is followed in pieces."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log has been read: which file (inode), and how many bytes of it."""

    inode: int = 0
    offset: int = 0


def end_of(path: Path) -> Position:
    """The present end of the log; the very beginning where there is no log yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return Position()
    return Position(found.st_ino, found.st_size)


def read_since(path: Path, position: Position) -> tuple[list[str], Position]:
    """The complete lines after the position, and the position after them.

    Follows a rotation (renamed to `maillog.SUFFIX`, or truncated). A line still being written waits for
    the next call. At most CHUNK bytes are taken.
    """
    if not path.exists():
        return [], position
    lines: list[str] = []
    if position.inode and path.stat().st_ino != position.inode:
        rotated = _with_inode(path, position.inode)
        if rotated is not None:
            lines, reached = _complete_lines(rotated, position.offset)
            if reached < rotated.stat().st_size and lines:
                return lines, Position(position.inode, reached)
        position = Position()
    fresh, reached = _complete_lines(path, position.offset)
    return lines + fresh, Position(path.stat().st_ino, reached)


def _with_inode(path: Path, inode: int) -> Path | None:
    for candidate in path.parent.glob(f"{path.name}*"):
        if candidate.stat().st_ino == inode:
            return candidate
    return None


def _complete_lines(path: Path, offset: int) -> tuple[list[str], int]:
    with open(path, "rb") as stream:
        if offset > os.fstat(stream.fileno()).st_size:
            offset = 0
        stream.seek(offset)
        content = stream.read(CHUNK)
    end = content.rfind(b"\n") + 1
    if not end and len(content) == CHUNK:
        return [], offset + CHUNK
    return content[:end].decode("utf-8", "replace").split("\n")[:-1], offset + end


class Severity(StrEnum):
    """What Postfix puts before a text; INFO where it puts nothing."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    PANIC = "panic"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `generation` and `service` are None in lines of Postfix's own commands."""

    time: datetime
    host: str
    generation: int | None
    service: str | None
    program: str
    pid: int
    severity: Severity
    text: str


_LINE = re.compile(
    r"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) "
    r"(?:gf(?P<generation>\d+)/|(?P<other>[^\s/\[]+)/)?(?:(?P<service>[^\s/\[]+)/)?"
    r"(?P<program>[^\s/\[]+)\[(?P<pid>\d+)\]: "
    r"(?:(?P<severity>warning|error|fatal|panic): )?(?P<text>.*)"
)


def parse_line(line: str, now: datetime | None = None) -> Entry | None:
    """The entry that a line holds; None for one that Postfix did not write.

    The log names no year: the time is taken as the latest that is not more than a day after `now`.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    time = _time(match["time"], now or datetime.now())
    if time is None:
        return None
    return Entry(
        time=time,
        host=match["host"],
        generation=int(match["generation"]) if match["generation"] else None,
        service=match["service"],
        program=match["program"],
        pid=int(match["pid"]),
        severity=Severity(match["severity"] or "info"),
        text=match["text"],
    )


def _time(text: str, now: datetime) -> datetime | None:
    for year in (now.year + 1, now.year, now.year - 1, now.year - 2, now.year - 3, now.year - 4):
        try:
            time = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S")
        except ValueError:
            continue
        if time <= now + timedelta(days=1):
            return time
    return None


class Outcome(StrEnum):
    """What became of a message for one recipient, or of an attempt to hand one in."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    EXPIRED = "expired"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about mail. `listener` is where it came in, `transport` how it was to go out.

    `reason` is the reply of the other side, or ours for REJECTED; `delay` is in seconds.
    """

    time: datetime
    outcome: Outcome
    queue_id: str | None
    sender: str | None = None
    recipient: str | None = None
    client: str | None = None
    listener: str | None = None
    transport: str | None = None
    relay: str | None = None
    dsn: str | None = None
    delay: float | None = None
    reason: str = ""


_STATUS = {
    "sent": Outcome.DELIVERED,
    "bounced": Outcome.BOUNCED,
    "deferred": Outcome.DEFERRED,
}
_DELIVERY = re.compile(
    r"(?P<id>[0-9A-Za-z]+): to=<(?P<to>.*?)>, (?:orig_to=<.*?>, )?relay=(?P<relay>.*?), .*?"
    r"delay=(?P<delay>[\d.]+), .*?dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<reason>.*)\)"
)
_REJECT = re.compile(
    r"(?P<id>NOQUEUE|[0-9A-Za-z]+): (?:milter-)?reject: \S+ from (?P<client>\S+?): (?P<reason>.*?)"
    r"(?:; from=<(?P<from>.*?)>(?: to=<(?P<to>.*?)>)?.*)?"
)
_EXPIRED = re.compile(
    r"(?P<id>[0-9A-Za-z]+): from=<(?P<from>.*?)>, status=(?:force-)?expired, returned to sender"
)
_ACCEPT = re.compile(r"(?P<id>[0-9A-Za-z]+): client=(?P<client>[^,\s]+).*")
_DSN = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def event_of(entry: Entry) -> Event | None:
    """The fact about mail that an entry states, if it states one."""
    if CANARY in entry.text:
        return None
    if entry.program in ("smtpd", "cleanup") and (match := _REJECT.fullmatch(entry.text)):
        return _rejected(entry, match)
    if entry.program == "smtpd" and (match := _ACCEPT.fullmatch(entry.text)):
        return Event(
            entry.time, Outcome.ACCEPTED, match["id"], client=match["client"], listener=entry.service
        )
    if match := _EXPIRED.fullmatch(entry.text):
        return Event(entry.time, Outcome.EXPIRED, match["id"], sender=match["from"])
    match = _DELIVERY.fullmatch(entry.text)
    if match is None or match["status"] not in _STATUS:
        return None
    return Event(
        entry.time,
        _STATUS[match["status"]],
        match["id"],
        recipient=match["to"],
        transport=entry.service or entry.program,
        relay=match["relay"],
        dsn=match["dsn"],
        delay=float(match["delay"]),
        reason=match["reason"],
    )


def _rejected(entry: Entry, match: re.Match[str]) -> Event:
    dsn = _DSN.search(match["reason"])
    return Event(
        entry.time,
        Outcome.REJECTED,
        None if match["id"] == "NOQUEUE" else match["id"],
        sender=match["from"],
        recipient=match["to"],
        client=match["client"],
        listener=entry.service,
        dsn=dsn[1] if dsn else None,
        reason=match["reason"],
    )


@dataclass(slots=True)
class Follower:
    """Reads a maillog piece by piece. Give the stored `position` back after a restart to miss nothing."""

    path: Path
    position: Position = field(default_factory=Position)

    def entries(self) -> list[Entry]:
        """The entries written since the last call."""
        lines, self.position = read_since(self.path, self.position)
        return [entry for entry in map(parse_line, lines) if entry is not None]

    def events(self) -> list[Event]:
        """The facts about mail written since the last call."""
        return [event for event in map(event_of, self.entries()) if event is not None]


def count(events: Iterable[Event]) -> Counter[Outcome]:
    """How many events there are of each outcome."""
    return Counter(event.outcome for event in events)
