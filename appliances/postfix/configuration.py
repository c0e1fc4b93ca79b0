"""One generation of a Postfix config directory under construction.

Renderers build a `Configuration` from settings; nothing here knows what a setting means. Two kinds of
text are kept apart: plain `str` comes from people and is literal (`$` is escaped), `Raw` was written by a
renderer and may hold Postfix macros.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from appliances.postfix.parts import (
    ConfigurationError,
    File,
    Listener,
    Place,
    Program,
    Raw,
    Service,
    Table,
    TableKind,
    check_address,
    literal,
    parameter_value,
)
from appliances.postfix.writing import check_row, write_directory

MAPS = "$config_directory/maps"
FILES = "$config_directory/files"

PLACED = frozenset(
    {
        "config_directory",
        "queue_directory",
        "data_directory",
        "maillog_file",
        "maillog_file_prefixes",
        "syslog_name",
        "smtpd_client_port_logging",
        "service_throttle_time",
    }
)
"""Parameters that belong to the place and the generation, so no renderer may set them."""

STRANGERS = "etrn, dsn, chunking, silent-discard"
"""Keywords of EHLO that a stranger is not told.

A success notification (DSN) goes to whatever address he names and tells him of the hosts inside; chunking is
a second way to end a message; ETRN has nothing to start here.
"""

BASELINE: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "inet_interfaces": "127.0.0.1",
    # What listens and what is dialled may speak either; a host that has both is dialled by IPv4 first.
    "inet_protocols": "all",
    "smtp_address_preference": "ipv4",
    "mydestination": "",
    "mynetworks": "",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "local_transport": "error:5.1.1 no local mailboxes",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "enable_long_queue_ids": "yes",
    "biff": "no",
    "milter_protocol": "6",
    "milter_connect_macros": "j {daemon_name} {daemon_addr} {daemon_port} v _ {client_addr} {client_name}",
    "milter_default_action": "tempfail",
    # One end of a message and no other: servers behind us must not see two messages where we saw one. Nobody
    # is excluded, for $mynetworks would be as good a way in as any.
    "smtpd_forbid_bare_newline": "normalize",
    "smtpd_forbid_bare_newline_exclusions": "",
    "cleanup_replace_stray_cr_lf": "yes",
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtpd_helo_required": "yes",
    "smtpd_discard_ehlo_keywords": STRANGERS,
    # Both lists of each daemon: which one counts depends on whether TLS is required.
    "smtpd_tls_protocols": ">=TLSv1.2",
    "smtpd_tls_mandatory_protocols": ">=TLSv1.2",
    "smtp_tls_protocols": ">=TLSv1.2",
    "smtp_tls_mandatory_protocols": ">=TLSv1.2",
    "smtpd_tls_loglevel": "1",
    "smtp_tls_loglevel": "1",
    "tls_ssl_options": "NO_RENEGOTIATION",
}
"""What holds where no renderer says otherwise: a gateway without mailboxes and not an open relay."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,100}")
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,100}")


class Configuration:
    """The settings of one generation of a Postfix instance.

    Pure until `write`. A parameter has one writer: setting it twice to different values, or setting and
    appending, raises ConfigurationError. What a person can bring in must go through `set`, `word`,
    `literal`, a table or a file, never into a Raw text by itself.
    """

    def __init__(self) -> None:
        self._values: dict[str, Raw] = {}
        self._lists: dict[str, list[str]] = {}
        self._listeners: dict[str, Listener] = {}
        self._services: dict[str, Service] = {}
        self._tables: dict[str, Table] = {}
        self._files: dict[str, File] = {}
        self._probes: list[str] = []

    def set(self, name: str, value: str) -> None:
        """Set a main.cf parameter to a literal value (`$` means a dollar), or to a Raw one."""
        self._store(name, parameter_value(value))

    def set_raw(self, name: str, value: str) -> None:
        """Set a main.cf parameter to text of our own, in which `$name` is a macro."""
        self._store(name, parameter_value(Raw(value)))

    def append(self, name: str, value: str) -> None:
        """Add to the end of a comma list, unless it is there; the text is raw. Use `word` for user input."""
        self._check_name(name)
        if name in self._values:
            raise ConfigurationError(f"{name} is set, nothing can be appended to it")
        item = parameter_value(Raw(value))
        items = self._lists.setdefault(name, [])
        if item not in items:
            items.append(item)

    def table(
        self, name: str, kind: TableKind, rows: Iterable[tuple[str, str]], *, secret: bool = False
    ) -> Raw:
        """Add a lookup table and return the reference to it, such as `cidr:$config_directory/maps/hat`.

        Rows are tried in order. Keys: cidr networks, `/pcre/` patterns (see `literal_pcre`), else one
        word. Values are literal; in a pcre table a Raw value may use `$1`. The values of a secret table
        are not shown by `preview` and can be read by root only. Raises ConfigurationError.
        """
        self._check_file(name, self._tables)
        checked = tuple((literal_key(key), self._table_value(kind, value)) for key, value in rows)
        try:
            check_row(kind, checked)
        except ValueError as error:
            raise ConfigurationError(f"table {name}: {error}") from None
        self._tables[name] = Table(name, kind, checked, secret)
        return Raw(f"{kind}:{MAPS}/{name}")

    def file(self, name: str, text: str, *, secret: bool = False) -> Raw:
        """Add a file (its content is the renderer's affair) and return its path with macros."""
        self._check_file(name, self._files)
        if "\0" in text:
            raise ConfigurationError(f"file {name} holds a null byte")
        self._files[name] = File(name, text, secret)
        return Raw(f"{FILES}/{name}")

    def inet_service(
        self,
        address: str,
        port: int,
        *,
        name: str,
        options: Mapping[str, str] | None = None,
        maxproc: int | None = None,
    ) -> Listener:
        """Open an SMTP port. `options` are smtpd parameters: literal, or Raw where they hold references.

        `address` is an IP address of the machine, `0.0.0.0` or `::`; `maxproc` the most connections at once.
        The log calls the service `gfGENERATION/NAME`. Raises ConfigurationError.
        """
        self._check_service(name)
        check_address(address)
        if not 1 <= port <= 65535:
            raise ConfigurationError(f"listener {name}: {port} is not a port")
        if any((one.address, one.port) == (address, port) for one in self._listeners.values()):
            raise ConfigurationError(f"listener {name}: {address} port {port} is taken by another listener")
        self._listeners[name] = Listener(name, address, port, _count(maxproc), _options(options))
        return self._listeners[name]

    def transport(
        self,
        name: str,
        *,
        program: Program = "smtp",
        options: Mapping[str, str] | None = None,
        controls: Mapping[str, str] | None = None,
        maxproc: int | None = None,
    ) -> str:
        """Add a delivery agent and return its name for transport tables.

        `options` are parameters of its daemon; `controls` those that the queue manager reads, without the
        name in front (`destination_concurrency_limit`). Raises ConfigurationError, also for
        `destination_recipient_limit` of 1, which would turn concurrency into one per recipient.
        """
        self._check_service(name)
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is not a name for a transport")
        for control, value in (controls or {}).items():
            if control == "destination_recipient_limit" and value == "1":
                raise ConfigurationError(f"{name}: a recipient limit of 1 undoes the concurrency limit")
            self.set(f"{name}_{control}", value)
        self._services[name] = Service(name, program, _count(maxproc), _options(options))
        return name

    def probe(self, recipient: str) -> None:
        """Name a recipient for the trial conversations, so that tables about recipients are tried too."""
        if not re.fullmatch(r"[^\s<>\"\\]+@[^\s<>\"\\@]+", str(literal(recipient))):
            raise ConfigurationError(f"{recipient!r} is not an address to probe with")
        self._probes.append(recipient)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The SMTP ports, in the order in which they were opened."""
        return tuple(self._listeners.values())

    @property
    def services(self) -> tuple[Service, ...]:
        return tuple(self._services.values())

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(self._tables.values())

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(self._files.values())

    @property
    def probes(self) -> tuple[str, ...]:
        return tuple(self._probes)

    @property
    def parameters(self) -> dict[str, str]:
        """main.cf without what belongs to place and generation, sorted by name."""
        given = self._values | {name: Raw(", ".join(items)) for name, items in self._lists.items()}
        return dict(sorted({**BASELINE, **given}.items()))

    def preview(self) -> list[str]:
        """Readable lines, the same for the same settings on any machine and place; secrets masked."""
        lines = [f"{name} = {value}" for name, value in self.parameters.items()]
        for one in self.listeners:
            lines += _previewed(f"listener {one.name}", f"{one.address} port {one.port}", one)
        for service in self.services:
            lines += _previewed(f"transport {service.name}", service.program, service)
        for table in sorted(self.tables, key=lambda table: table.name):
            lines += [
                f"maps/{table.name}: {key} {'(secret)' if table.secret else value}"
                for key, value in table.rows
            ]
        for file in sorted(self.files, key=lambda file: file.name):
            shown = ["(secret)"] if file.secret else file.text.splitlines()
            lines += [f"files/{file.name}: {line}" for line in shown]
        return [line.replace(f"{MAPS}/", "maps/").replace(f"{FILES}/", "files/") for line in lines]

    def digest(self) -> str:
        """A hash (hex) over all that is rendered, secrets too: equal digests, equal behaviour."""
        content = (self.parameters, self.listeners, self.services, self.tables, self.files)
        return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()

    def write(
        self,
        directory: Path,
        place: Place,
        *,
        generation: int = 0,
        moved: Mapping[str, int] | None = None,
    ) -> None:
        """Render main.cf, master.cf, maps/ and files/ into a new directory, for an instance at `place`.

        `generation` is written into the names in the log; `moved` gives listeners (by name) another port.
        Modification times lie 10 s in the past: Postfix would wait for a younger file to cool down.
        Raises OSError when the disk refuses, ConfigurationError when a table cannot be compiled.
        """
        write_directory(self, directory, place, generation, moved or {})

    def _store(self, name: str, value: Raw) -> None:
        self._check_name(name)
        if name in self._lists or self._values.get(name, value) != value:
            raise ConfigurationError(f"{name} is set twice: {self._values.get(name, 'a list')!s} and {value}")
        self._values[name] = value

    def _table_value(self, kind: TableKind, value: str) -> str:
        checked = literal(value)
        return checked if kind == "pcre" else str(value)

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name) or name in PLACED or name.startswith("gf_"):
            raise ConfigurationError(f"{name!r} is not a parameter for a renderer to set")

    def _check_file(self, name: str, present: Mapping[str, object]) -> None:
        if not _FILE.fullmatch(name) or name in present:
            raise ConfigurationError(f"{name!r} is taken or not a name for a file")

    def _check_service(self, name: str) -> None:
        taken = {other.replace("-", "_").lower() for other in (*self._listeners, *self._services)}
        if not _SERVICE.fullmatch(name) or name.replace("-", "_").lower() in taken:
            raise ConfigurationError(f"{name!r} is taken or not a name for a service")


def literal_key(key: str) -> str:
    """The key of a row, checked for control characters."""
    literal(key)
    return str(key)


def _count(maxproc: int | None) -> int | None:
    if maxproc is not None and maxproc < 1:
        raise ConfigurationError(f"{maxproc} is not a number of processes")
    return maxproc


def _options(options: Mapping[str, str] | None) -> dict[str, str]:
    checked: dict[str, str] = {name: parameter_value(value) for name, value in (options or {}).items()}
    for name in checked:
        if not _NAME.fullmatch(name) or name in PLACED:
            raise ConfigurationError(f"{name!r} is not an option of a service")
    return checked


def _previewed(title: str, first: str, service: Listener | Service) -> list[str]:
    limit = [] if service.maxproc is None else [f"{title}: at most {service.maxproc} at once"]
    options = [f"{title}: {name} = {value}" for name, value in sorted(service.options.items())]
    return [f"{title}: {first}", *limit, *options]
