"""Looking things up from a machine: DNS, block lists, reachability (RES-02)."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing

import dns.exception
import dns.resolver
import dns.reversename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import announce, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.options import port
from appliances.cli.registry import Command, Place, Run
from appliances.cli.session import Right, Session
from clusters.domains import is_domain, understood
from clusters.system_words import reason

PATIENCE = 10.0
TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "TLSA")


class NoSuchName(CommandError):
    """The name servers say that a name does not exist."""


def host_word(words: list[str]) -> str:
    """The one host name or address of a command, without brackets; raises UsageError for anything else."""
    name = words[0].removeprefix("[").removesuffix("]") if words else ""
    if not (_is_ip(name) or is_domain(name)):
        raise UsageError(_("Name a host, by name or by address."))
    return understood(name)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _resolver() -> dns.resolver.Resolver:
    found = dns.resolver.Resolver()
    found.lifetime = PATIENCE
    return found


def _answers(name: str, kind: str) -> list[str]:
    """Raises CommandError with the reason in plain words."""
    try:
        return [rdata.to_text() for rdata in _resolver().resolve(name, kind)]
    except dns.resolver.NXDOMAIN:
        raise NoSuchName(_("{name} does not exist.").format(name=name)) from None
    except dns.resolver.NoAnswer:
        raise CommandError(_("{name} has no {kind} record.").format(name=name, kind=kind)) from None
    except (dns.exception.Timeout, dns.resolver.NoNameservers):
        raise CommandError(
            _(
                "The name servers give no answer about {name} within {seconds:g} s: check that they run, and "
                "/etc/resolv.conf of this machine."
            ).format(name=name, seconds=PATIENCE)
        ) from None
    except dns.exception.DNSException:
        raise CommandError(
            _("{name} cannot be asked of DNS: check its spelling.").format(name=name)
        ) from None


def _nslookup(session: Session, words: list[str]) -> None:
    host = host_word(words)
    kind = words[1].upper() if len(words) > 1 else ("PTR" if _is_ip(host) else "A")
    if kind not in TYPES or len(words) > 2:
        raise UsageError(
            _("nslookup takes a host and a record type: {types}.").format(types=", ".join(TYPES))
        )
    name = str(dns.reversename.from_address(host)) if kind == "PTR" and _is_ip(host) else host
    found = _answers(name, kind)
    if session.as_json:
        return say_json(session.dialogue, {"name": name, "type": kind, "answers": found})
    for line in found:
        session.dialogue.say(f"{name} {kind} {line}")
    return None


def _dnsstatus(session: Session, words: list[str]) -> None:
    resolver = _resolver()
    servers = [str(server) for server in resolver.nameservers]
    found = {"servers": servers, "timeout": PATIENCE}
    if session.as_json:
        return say_json(session.dialogue, found)
    session.dialogue.say(_("Name servers: {names}").format(names=", ".join(servers)))
    return None


def _dnsflush(session: Session, words: list[str]) -> None:
    session.dialogue.say(
        _("This machine keeps no DNS answers of its own: each lookup asks the name servers of the host.")
    )


def _dnslisttest(session: Session, words: list[str]) -> None:
    if len(words) != 2 or not _is_ip(words[0]) or not is_domain(words[1]):
        raise UsageError(_("dnslisttest takes an IP address and the zone of a block list."))
    reverse = str(dns.reversename.from_address(words[0])).rstrip(".")
    name = f"{reverse.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{understood(words[1])}"
    told = {"address": words[0], "zone": words[1]}
    try:
        found = _answers(name, "A")
    except NoSuchName:
        session.dialogue.say(_("{address} is not on the list {zone}.").format(**told))
        return
    session.dialogue.say(
        _("{address} is on the list {zone}: {answers}").format(**told, answers=", ".join(found))
    )


def diagnose(session: Session, words: list[str]) -> None:
    """Whether a host's port answers, and with what."""
    host = host_word(words)
    if len(words) > 2:
        raise UsageError(_("Name a host and at most one port."))
    called = port(words[1]) if len(words) == 2 else 25
    announce(session.dialogue, _("Calling {address} port {port}...").format(address=host, port=called))
    try:
        with closing(socket.create_connection((host, called), timeout=PATIENCE)) as connection:
            connection.settimeout(PATIENCE)
            peer = connection.getpeername()[0]
            greeting = _greeting(connection)
    except OSError as error:
        raise CommandError(
            _("{host} port {port}: {reason}").format(host=host, port=called, reason=_(reason(error)))
        ) from None
    session.dialogue.say(
        _("{host} ({address}) port {port} answers.").format(host=host, address=peer, port=called)
    )
    if greeting:
        session.dialogue.say(greeting)


def _greeting(connection: socket.socket) -> str:
    try:
        line = connection.recv(512).split(b"\n")[0].decode("ascii", "replace").strip()
    except TimeoutError:
        return ""
    return "".join(c if c.isprintable() else "?" for c in line)


def _command(name: str, run: Run, summary: str, usage: str) -> Command:
    return Command(name, run, summary, usage, Place.MACHINE, Right.READ, remote=True)


COMMANDS = [
    _command("nslookup", _nslookup, gettext_noop("ask the name servers"), "nslookup HOST [TYPE] [--json]"),
    _command("dnsstatus", _dnsstatus, gettext_noop("the name servers of a machine"), "dnsstatus [--json]"),
    _command("dnsflush", _dnsflush, gettext_noop("forget kept DNS answers"), "dnsflush"),
    _command(
        "dnslisttest", _dnslisttest, gettext_noop("is an address on a block list"), "dnslisttest ADDRESS ZONE"
    ),
    _command("dnslistflush", _dnsflush, gettext_noop("forget kept answers of block lists"), "dnslistflush"),
    _command("diagnostic", diagnose, gettext_noop("does a host's port answer"), "diagnostic HOST [PORT]"),
]
