"""What the operating system answers, as people are told it."""

import errno
import os
import socket
import ssl

import pytest
from django.db import OperationalError

from clusters.system_words import cause, reason

SEEN = [errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.ECONNREFUSED, errno.EADDRINUSE, errno.EADDRNOTAVAIL]


@pytest.mark.parametrize("number", [*SEEN, *sorted(set(errno.errorcode) - set(SEEN))])
def test_words_of_the_system_reach_nobody(number: int) -> None:
    """TRL-27: whatever number comes; what is seen often has a sentence of its own."""
    told = reason(OSError(number, os.strerror(number), "/some/file"))
    assert os.strerror(number).casefold() not in told.casefold()
    assert "Errno" not in told
    assert ": " in told
    assert (number in SEEN) <= ("the log of this machine" not in told)
    assert told.startswith(f"{cause(OSError(number, 'x'))}: ")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationalError("database or disk is full"), "the disk is full"),
        (OperationalError("database is locked"), "the database is busy"),
        (OperationalError("no such table: x"), "the system refused it"),
        (socket.gaierror(-2, "Name or service not known"), "its name is not known to DNS"),
        (TimeoutError("timed out"), "no answer came in time"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "no TLS connection"),
    ],
)
def test_words_of_other_libraries_reach_nobody(error: Exception, told: str) -> None:
    """TRL-27."""
    assert reason(error).startswith(told)
    assert str(error) not in reason(error)
