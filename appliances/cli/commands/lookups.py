"""Looking things up from a machine: DNS, block lists, reachability, the way of a message (RES-02)."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import announce, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import Command, Place, Run
from appliances.cli.session import Right, Session
from appliances.features.fields import email_address
from appliances.postfix.parts import quoted_address
from clusters.domains import is_domain, understood

PATIENCE = 10.0
TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "TLSA")


class NoSuchName(CommandError):
    """The name servers say that a name does not exist."""


def host_word(words: list[str]) -> str:
    """The one host name or address of a command; raises UsageError for anything else."""
    if not words or not (_is_ip(words[0]) or is_domain(words[0])):
        raise UsageError(_("Name a host, by name or by address."))
    return understood(words[0])


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
    except (dns.exception.Timeout, dns.resolver.NoNameservers) as error:
        raise CommandError(
            _("The name servers give no answer within {seconds:g} s: {error}").format(
                seconds=PATIENCE, error=error
            )
        ) from None
    except dns.exception.DNSException as error:
        raise CommandError(str(error)) from None


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
    found = {"servers": [str(server) for server in resolver.nameservers], "timeout": PATIENCE}
    if session.as_json:
        return say_json(session.dialogue, found)
    session.dialogue.say(_("Name servers: {names}").format(names=", ".join(found["servers"])))
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
    port = int(words[1]) if len(words) == 2 and words[1].isdecimal() else 25
    if not 0 < port < 65_536:
        raise UsageError(_("{text} is no port.").format(text=port))
    announce(session.dialogue, _("Calling {address} port {port}...").format(address=host, port=port))
    try:
        with closing(socket.create_connection((host, port), timeout=PATIENCE)) as connection:
            connection.settimeout(PATIENCE)
            peer = connection.getpeername()[0]
            greeting = _greeting(connection)
    except OSError as error:
        raise CommandError(
            _("{host} port {port}: {reason}").format(host=host, port=port, reason=error.strerror or error)
        ) from None
    session.dialogue.say(
        _("{host} ({address}) port {port} answers.").format(host=host, address=peer, port=port)
    )
    if greeting:
        session.dialogue.say(greeting)


def _greeting(connection: socket.socket) -> str:
    try:
        line = connection.recv(512).split(b"\n")[0].decode("ascii", "replace").strip()
    except TimeoutError:
        return ""
    return "".join(c if c.isprintable() else "?" for c in line)


def _trace(session: Session, words: list[str]) -> None:
    """Which way Postfix would send a message, from its own tables."""
    if len(words) != 1:
        raise UsageError(_("trace takes the address of a recipient."))
    recipient = _recipient(words[0])
    domain = recipient.rpartition("@")[2]
    engine = session.host.engine
    found: dict[str, Any] = {"recipient": recipient}
    for name, key in (("virtual_alias_maps", quoted_address(recipient)), ("transport_maps", recipient)):
        value = engine.instance.command("/usr/sbin/postconf", "-h", name).stdout.strip()
        found[name] = _looked_up(session, value, (key, domain)) if value else ""
    if session.as_json:
        return say_json(session.dialogue, found)
    session.dialogue.say(_("Aliases: {value}").format(value=found["virtual_alias_maps"] or "-"))
    way = found["transport_maps"] or _("by the MX records of {domain}").format(domain=domain)
    session.dialogue.say(_("Way: {value}").format(value=way))
    return None


def _recipient(word: str) -> str:
    try:
        return email_address(word)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _looked_up(session: Session, tables: str, keys: tuple[str, ...]) -> str:
    expanded = tables.replace("$config_directory", str(session.host.engine.place.etc.resolve()))
    for table in expanded.replace(",", " ").split():
        for key in keys:
            done = session.host.engine.instance.command("/usr/sbin/postmap", "-q", key, table)
            if done.returncode == 0:
                return done.stdout.strip()
    return ""


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
    _command("trace", _trace, gettext_noop("the way of a message to a recipient"), "trace ADDRESS [--json]"),
]
