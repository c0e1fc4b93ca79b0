"""What the operating system or the database answers, in words that say what to do.

The library's own words ("[Errno 111] Connection refused") belong into the log. The words here are English
message ids; whoever shows one to a person translates it.
"""

from __future__ import annotations

import errno
import socket
import ssl


def _(words: str) -> str:
    """The words themselves: marks them for the collector of translations."""
    return words


_FULL = _("the disk is full: free some space on it")
_DENIED = _("the system does not allow it: look at the rights of the file or port")
_FAR = _("no route leads there: check the address and the network")
_CLOSED = _("the other end closed the connection: look whether the right service is there")
_SILENT = _("no answer came in time: check the address, and the firewalls on the way")
_BUSY_FILES = _("too many files and connections are open: try again in a moment")
_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _("the disk can only be read: look at it on the host"),
    errno.EIO: _("the disk has errors: look at the log of the host"),
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: _("it does not exist: check the name"),
    errno.EISDIR: _("a folder stands there: name a file"),
    errno.ENOTDIR: _("a part of its path is no directory: check the path"),
    errno.ECONNREFUSED: _("nothing listens there: check the port, and that the service runs"),
    errno.ETIMEDOUT: _SILENT,
    errno.EHOSTUNREACH: _FAR,
    errno.ENETUNREACH: _FAR,
    errno.ECONNRESET: _CLOSED,
    errno.ECONNABORTED: _CLOSED,
    errno.EPIPE: _CLOSED,
    errno.EADDRINUSE: _("another program listens there already: choose another port, or end that program"),
    errno.EADDRNOTAVAIL: _(
        "this machine has no such address: check the listeners and the addresses of the machine"
    ),
    errno.EMFILE: _BUSY_FILES,
    errno.ENFILE: _BUSY_FILES,
}
_NO_NAME = _("its name is not known to DNS: check the name and the name servers")
_NO_TLS = _("no TLS connection could be made: check the certificate, and whether this port begins with TLS")
_BUSY_DATABASE = _("the database is busy: try again in a moment")
_OTHERWISE = _("the system refused it: the log of this machine has the reason")


def reason(error: Exception) -> str:
    """Why it failed and what to do, for the middle of a sentence: never the words of a library (TRL-27)."""
    if isinstance(error, ssl.SSLError):
        return _NO_TLS
    if isinstance(error, socket.gaierror):
        return _NO_NAME
    if isinstance(error, TimeoutError):
        return _SILENT
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0, _OTHERWISE)
    return _of_database(str(error))


def cause(error: Exception) -> str:
    """The same without what to do, for a sentence that says that by itself."""
    return reason(error).partition(":")[0]


def _of_database(said: str) -> str:
    if "disk is full" in said:
        return _FULL
    return _BUSY_DATABASE if "locked" in said else _OTHERWISE
