"""Frees Postfix when its master and its log service wait for one another.

postlogd tells the master of every line that it takes; the master logs through postlogd. In a storm of
lines both can wait for room at the other's end, and then nothing is served any more. What waits is
taken from the socket here and written to the log, so that no line is lost.
"""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

from appliances.postfix.processes import PROC

_PIDFD_GETFD = 438
_DATAGRAM = "0002"
_SERVICE = "public/postlog"
_LONGEST = 65_536
_FULL = "unix_wait_for_peer"


def held_up(master: int) -> bool:
    """Whether the master waits for room at a socket of this machine, as it does while its log is jammed."""
    try:
        return (PROC / str(master) / "wchan").read_text() == _FULL
    except OSError:
        return False


def relieve(master: int, maillog: Path) -> int:
    """Move the lines that wait at the log service of this master into the log; returns how many.

    Zero where nothing waits, or where the master has ended.
    """
    try:
        with _log_socket(master) as waiting, maillog.open("ab", buffering=0) as log:
            return _moved(waiting, log.fileno())
    except (OSError, LookupError):
        return 0


def _moved(waiting: socket.socket, log: int) -> int:
    count = 0
    while True:
        try:
            line = waiting.recv(_LONGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return count
        os.write(log, line.rstrip(b"\n") + b"\n")
        count += 1


def _log_socket(master: int) -> socket.socket:
    """A handle on the socket on which the log service listens; the master holds it for its daemons."""
    services = _services()
    for link in (PROC / str(master) / "fd").iterdir():
        if os.readlink(link) in services:
            return _borrowed(master, int(link.name))
    raise LookupError(f"process {master} holds no {_SERVICE}")


def _services() -> set[str]:
    """Links, as in /proc/*/fd, of the log services of this machine: each is bound to a path of its spool."""
    rows = (line.split() for line in (PROC / "net" / "unix").read_text().splitlines()[1:])
    return {f"socket:[{row[6]}]" for row in rows if row[4] == _DATAGRAM and row[7:] == [_SERVICE]}


def _borrowed(pid: int, number: int) -> socket.socket:
    process = os.pidfd_open(pid)
    try:
        descriptor = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
    finally:
        os.close(process)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "the socket cannot be reached")
    return socket.socket(fileno=descriptor)
