"""How a configuration becomes files: main.cf, master.cf, tables, back-dated and synced."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from appliances.postfix.parts import ConfigurationError, Listener, Place, Service, TableKind, complaints

if TYPE_CHECKING:
    from appliances.postfix.configuration import Configuration

COOL = 10.0
"""Seconds that files are dated back: Postfix waits until a main.cf or texthash file is some seconds old."""

POSTMAP = "/usr/sbin/postmap"

_QUOTED = re.compile(r'^"[^"\\\s]+"(?=@)')
"""A part before the @ that stands in quotes; `parts.quoted_address` writes them."""
_PCRE = re.compile(r"/(?:[^/\\]|\\.)+/[imsxAEUX]*")

INTERNAL = """\
pickup     unix       n - n 60   1 pickup
cleanup    unix       n - n -    0 cleanup
qmgr       unix       n - n 300  1 qmgr
tlsmgr     unix       - - n 1000? 1 tlsmgr
rewrite    unix       - - n -    - trivial-rewrite
bounce     unix       - - n -    0 bounce
defer      unix       - - n -    0 bounce
trace      unix       - - n -    0 bounce
verify     unix       - - n -    1 verify
flush      unix       n - n 1000? 0 flush
proxymap   unix       - - n -    - proxymap
proxywrite unix       - - n -    1 proxymap
smtp       unix       - - n -    - smtp
relay      unix       - - n -    - smtp
lmtp       unix       - - n -    - lmtp
showq      unix       n - n -    - showq
error      unix       - - n -    - error
retry      unix       - - n -    - error
discard    unix       - - n -    - discard
anvil      unix       - - n -    1 anvil
scache     unix       - - n -    1 scache
postlog    unix-dgram n - n -    1 postlogd
"""
"""The services of master.cf that every instance has."""


def check_row(kind: TableKind, rows: Sequence[tuple[str, str]]) -> None:
    """Raises ValueError for a row that Postfix would skip, split or read otherwise than it was meant."""
    seen: set[str] = set()
    for key, value in rows:
        if not value or value != value.strip():
            raise ValueError(f"the value of {key!r} is empty or begins or ends with a blank")
        _check_key(kind, key)
        if kind in ("texthash", "lmdb") and key.lower() in seen:
            raise ValueError(f"{key!r} is there twice")
        seen.add(key.lower())


def _check_key(kind: TableKind, key: str) -> None:
    if kind == "cidr":
        ipaddress.ip_network(key)
    elif kind == "pcre":
        if not _PCRE.fullmatch(key):
            raise ValueError(f"{key!r} is not a /pattern/")
    elif not key or re.search(r"\s|\"", _QUOTED.sub("", key)) or key.startswith("#"):
        raise ValueError(f"{key!r} is not a key: it is empty, a comment, or holds a blank or a quote")


def write_directory(
    configuration: Configuration, directory: Path, place: Place, generation: int, moved: Mapping[str, int]
) -> None:
    """See Configuration.write."""
    for folder in (directory, directory / "maps", directory / "files"):
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    _put(directory / "main.cf", "\n".join(_main(configuration, place, generation)) + "\n")
    _put(directory / "master.cf", INTERNAL + "\n".join(_master(configuration, generation, moved)) + "\n")
    for file in configuration.files:
        _put(directory / "files" / file.name, file.text, secret=file.secret)
    for table in configuration.tables:
        path = directory / "maps" / table.name
        _put(path, "".join(f"{key} {value}\n" for key, value in table.rows), secret=table.secret)
        if table.kind == "lmdb":
            _compile(directory, path)


def _put(path: Path, text: str, *, secret: bool = False) -> None:
    """Write, sync to disk and date back."""
    with open(path, "x", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as stream:
        stream.write(text)
        stream.flush()
        os.fchmod(stream.fileno(), 0o600 if secret else 0o644)
        os.fsync(stream.fileno())
    _date_back(path, COOL)


def _date_back(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def _compile(directory: Path, path: Path) -> None:
    done = subprocess.run(
        [POSTMAP, "-c", str(directory), f"lmdb:{path}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode or complaints(done.stderr):
        raise ConfigurationError(f"table {path.name} cannot be compiled: {done.stderr.strip()}")
    # The compiled file must be younger than its source, or each lookup warns.
    _date_back(path.with_name(f"{path.name}.lmdb"), COOL - 1)


def _main(configuration: Configuration, place: Place, generation: int) -> Iterator[str]:
    yield f"# generation {generation}, written by Gatefold; changes here are lost"
    yield f"syslog_name = gf{generation}"
    yield f"queue_directory = {place.spool}"
    yield f"data_directory = {place.lib}"
    yield f"maillog_file = {place.maillog}"
    yield f"maillog_file_prefixes = {place.log}"
    # A trial conversation is recognised in the log by its port.
    yield "smtpd_client_port_logging = yes"
    # After a daemon could not start, Postfix lets its clients wait a minute, even when all is well again.
    yield "service_throttle_time = 1s"
    for name, value in configuration.parameters.items():
        yield f"{name} = {value}"
    services: tuple[Listener | Service, ...] = (*configuration.listeners, *configuration.services)
    for service in services:
        for name, value in service.options.items():
            yield f"{_macro(service, name)} = {value}"


def _macro(service: Listener | Service, option: str) -> str:
    """Options stand in main.cf under a name of their own: master.cf has no safe quoting."""
    return f"gf_{service.name.replace('-', '_')}_{option}"


def _master(configuration: Configuration, generation: int, moved: Mapping[str, int]) -> Iterator[str]:
    for one in configuration.listeners:
        address = f"[{one.address}]" if ":" in one.address else one.address
        yield f"{address}:{moved.get(one.name, one.port)} inet n - n - {_limit(one)} smtpd"
        # By these our milter and our policy service know where a message came in.
        yield f"  -o milter_macro_daemon_name={one.name}"
        yield f"  -o smtpd_policy_service_policy_context={one.name}"
        yield from _arguments(one, generation)
    for service in configuration.services:
        private = "n" if service.program == "cleanup" else "-"
        yield f"{service.name} unix {private} - n - {_limit(service)} {service.program}"
        yield from _arguments(service, generation)


def _limit(service: Listener | Service) -> str:
    if service.maxproc is None:
        return "-"
    return str(service.maxproc)


def _arguments(service: Listener | Service, generation: int) -> Iterator[str]:
    yield f"  -o syslog_name=gf{generation}/{service.name}"
    for name in service.options:
        yield f"  -o {name}=${_macro(service, name)}"
