"""How listeners become SMTP ports of Postfix, on the machines that have their interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliances.features import admission, dangers, rat
from appliances.features.aliasconfig import FEATURE as ALIASCONFIG
from appliances.features.aliasconfig import postmaster_is_read
from appliances.features.bounceconfig import FEATURE as BOUNCECONFIG
from appliances.features.fields import ALL
from appliances.features.hat import MAX_RECIPIENTS, MailFlowPolicy, SenderGroup
from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import Interface, InterfaceSettings
from appliances.features.limiting import contexts
from appliances.features.machine import Machine, unique_slugs
from appliances.features.sethostname import FEATURE as SETHOSTNAME
from appliances.features.smtproutes import FEATURE as SMTPROUTES
from appliances.features.textconfig import FEATURE as TEXTCONFIG
from appliances.features.wording import _, say
from appliances.postfix.configuration import Configuration
from appliances.postfix.disclaimers import Stamp
from appliances.postfix.parts import Raw, literal

if TYPE_CHECKING:
    from appliances.features.listenerconfig import Listener, ListenerSettings

FEATURE_NAME = "listenerconfig"
POLICY_SOCKET = "private/gatefold-policy"
MILTER_SOCKET = "private/gatefold-milter"
"""Below the spool: where the machine's policy service and milter answer."""
# Mail never waits for management: while the service is away only the listener's own limits hold.
POLICY_SERVICE = f"unix:{POLICY_SOCKET}, timeout=10s, default_action=DUNNO"


@dataclass(frozen=True)
class Port:
    """A listener on this machine: its service name, settings, and the interface that it found."""

    name: str
    listener: Listener
    interface: Interface


def ports(settings: ListenerSettings, machine: Machine) -> Iterator[Port]:
    """The listeners that this machine can open, by flags the ones that it cannot (T1, T2, DEP-05)."""
    interfaces = machine.settings(INTERFACECONFIG)
    words = unique_slugs([each.name for each in settings.listeners])
    taken = _service_ports(interfaces)
    for listener in settings.listeners:
        interface = interfaces.named(listener.interface)
        if interface is None:
            _disabled(
                machine, listener, say(_("this machine has no interface {name}"), name=listener.interface)
            )
            continue
        holder = taken.setdefault((interface.ip, listener.port), listener.name)
        if holder != listener.name:
            _disabled(
                machine, listener, say(_("{holder} has its port {port}"), holder=holder, port=listener.port)
            )
            continue
        yield Port(f"in-{words[listener.name]}", listener, interface)


def _service_ports(interfaces: InterfaceSettings) -> dict[tuple[str, int], str]:
    return {
        (each.ip, port): f"{service.upper()} ({each.name})"
        for each in interfaces.interfaces
        for service, port in each.ports()
    }


def _disabled(machine: Machine, listener: Listener, reason: str) -> None:
    message = say(
        _("Listener {name} is disabled on this machine: {reason}"), name=listener.name, reason=reason
    )
    machine.flag(FEATURE_NAME, message)


def open_ports(settings: ListenerSettings, machine: Machine, configuration: Configuration) -> None:
    """Writes all listeners of the machine."""
    found = list(ports(settings, machine))
    if not found:
        machine.flag(FEATURE_NAME, say(_("No listener is open on this machine: it takes no mail")))
    _write_common(found, machine, configuration)
    for port in found:
        machine.listeners[port.name] = port.listener
        _open(port, machine, configuration)
        _flag(port, machine)
    _flag_postmaster(found, machine)


def _write_common(found: list[Port], machine: Machine, configuration: Configuration) -> None:
    # `.example.com` in a table means its subdomains, `example.com` does not.
    configuration.set("parent_domain_matches_subdomains", "")
    configuration.set("plaintext_reject_code", "530")
    largest = max((port.listener.max_message_size for port in found), default=0)
    configuration.set("message_size_limit", str(largest))
    configuration.set("mailbox_size_limit", "0")
    configuration.set("disable_vrfy_command", "yes")
    # Nothing here hands an address to a command line, where it could be taken for an option.
    configuration.set("allow_min_user", "yes")
    # A gateway's own complaints are in its log; mail about them would leave by the routes of others.
    configuration.set("notify_classes", "")
    if found and machine.certificate:
        path = configuration.file("certificate.pem", machine.certificate, secret=True)
        configuration.set_raw("smtpd_tls_chain_files", path)


def _open(port: Port, machine: Machine, configuration: Configuration) -> None:
    options: dict[str, str] = {
        "myhostname": port.interface.hostname,
        "smtpd_banner": Raw(f"$myhostname ESMTP {literal(port.listener.banner)}".rstrip()),
        "message_size_limit": str(port.listener.max_message_size),
        "smtpd_delay_reject": "no",
        "smtpd_peername_lookup": "yes" if admission.knows_names(port.listener.hat) else "no",
        # Asked of anvil, not of our policy service: this limit holds whatever else is away.
        "smtpd_client_connection_count_limit": str(port.listener.max_connections_per_client),
        "smtpd_client_event_limit_exceptions": _free_of_limit(port, configuration),
        "smtpd_recipient_limit": str(MAX_RECIPIENTS),
        **_restrictions(port, configuration),
        **_tls(port, machine),
        **_keywords(port, configuration),
        **_default_domain(port, configuration),
        **_stamped(port, machine),
    }
    configuration.inet_service(
        port.interface.ip,
        port.listener.port,
        name=port.name,
        options=options,
        maxproc=port.listener.max_connections,
    )
    _probe(port, configuration)


def _restrictions(port: Port, configuration: Configuration) -> dict[str, str]:
    hat = port.listener.hat
    admitted = _policy_classes(port, configuration)
    limited = _limit_classes(port, configuration)

    def at_connection(group: SenderGroup) -> str:
        return limited.get(group.name, "OK")

    def at_recipient(group: SenderGroup) -> str:
        return admitted.get(group.policy, "reject")

    first = admission.at_connection(configuration, port.name, hat, at_connection)
    recipient = admission.tables(configuration, f"{port.name}-rcpt", hat, at_recipient)
    counted = admission.tables(configuration, f"{port.name}-limit", hat, at_connection) if limited else []
    return {
        "smtpd_client_restrictions": Raw(", ".join(first)),
        "smtpd_relay_restrictions": Raw(", ".join([*recipient, "reject"])),
        "smtpd_recipient_restrictions": Raw(", ".join(counted)),
        "smtpd_end_of_data_restrictions": Raw(", ".join(counted)),
    }


def _free_of_limit(port: Port, configuration: Configuration) -> Raw:
    """The clients of sender groups that may have more connections than others; the policy service counts."""
    hat, usual = port.listener.hat, port.listener.max_connections_per_client

    def may_have_more(group: SenderGroup) -> bool:
        return hat.policy(group.policy).max_connections > usual

    return admission.chosen(configuration, f"{port.name}-crowd", hat, may_have_more)


def _limit_classes(port: Port, configuration: Configuration) -> Mapping[str, str]:
    """One restriction class per sender group with limits, by the group's name: asks the policy service."""
    found: dict[str, str] = {}
    for group, context in contexts(port.name, port.listener.hat).items():
        name = f"limits_{context}".replace("-", "_").replace(":", "_")
        check = f"check_policy_service {{ {POLICY_SERVICE}, policy_context={context} }}, permit"
        configuration.append("smtpd_restriction_classes", name)
        configuration.set_raw(name, check)
        found[group] = name
    return found


def _policy_classes(port: Port, configuration: Configuration) -> Mapping[str, str]:
    """One restriction class per mail flow policy that lets mail in, by the policy's name."""
    admitting = [each for each in port.listener.hat.policies if each.lets_in]
    words = unique_slugs([each.name for each in admitting])
    found: dict[str, str] = {}
    table_checks = rat.restrictions(configuration, port.name, port.listener.rat)
    for policy in admitting:
        name = f"policy_{port.name}_{words[policy.name]}".replace("-", "_")
        end = [Raw("permit")] if policy.behaviour == "relay" else table_checks
        configuration.append("smtpd_restriction_classes", name)
        configuration.set_raw(name, ", ".join([*_preconditions(port, policy), *end]))
        found[policy.name] = name
    return found


def _preconditions(port: Port, policy: MailFlowPolicy) -> Iterator[str]:
    if policy.tls == "required":
        yield "reject_plaintext_session"
    if not port.listener.default_domain:
        yield "reject_non_fqdn_sender"
        yield "reject_non_fqdn_recipient"


def _keywords(port: Port, configuration: Configuration) -> dict[str, str]:
    hidden = admission.hidden_keywords(configuration, port.name, port.listener.hat)
    return {} if hidden is None else {"smtpd_discard_ehlo_keyword_address_maps": hidden}


def _tls(port: Port, machine: Machine) -> dict[str, str]:
    policies = [each for each in port.listener.hat.policies if each.lets_in]
    if not machine.certificate:
        _flag_missing_certificate(port, policies, machine)
        return {}
    if all(each.tls == "off" for each in policies):
        return {"smtpd_tls_security_level": "none"}
    return {"smtpd_tls_security_level": "may", "smtpd_tls_received_header": "yes"}


def _flag_missing_certificate(port: Port, policies: list[MailFlowPolicy], machine: Machine) -> None:
    names = ", ".join(each.name for each in policies if each.tls == "required")
    if names:
        message = _("Listener {listener}: TLS is required by {names}, but this machine has no certificate")
        machine.flag(FEATURE_NAME, say(message, listener=port.listener.name, names=names))


def _default_domain(port: Port, configuration: Configuration) -> dict[str, str]:
    if not port.listener.default_domain:
        return {}
    domain = literal(port.listener.default_domain)
    rows = [
        (r"/^((?:MAIL FROM|RCPT TO):\s*<)([^<>@\s\"]+)(>.*)$/", Raw(f"${{1}}${{2}}@{domain}${{3}}")),
    ]
    return {"smtpd_command_filter": configuration.table(f"{port.name}-domain.pcre", "pcre", rows)}


def _stamped(port: Port, machine: Machine) -> dict[str, str]:
    """The milter, where the listener has a disclaimer that this machine knows (DEP-01, SET-07)."""
    if stamp_of(port.listener, machine) is None:
        return {}
    return {
        "smtpd_milters": Raw(f"unix:{MILTER_SOCKET}"),
    }


def stamp_of(listener: Listener, machine: Machine) -> Stamp | None:
    """What the listener stamps on messages on this machine; None for nothing."""
    texts = machine.settings(TEXTCONFIG)
    above, below = texts.disclaimer(listener.disclaimer_above), texts.disclaimer(listener.disclaimer_below)
    return None if above is None and below is None else Stamp(above, below)


def _flag(port: Port, machine: Machine) -> None:
    """What this listener does on this machine that a person should see."""
    for message in (*dangers.of_tables(port.listener), *_dangling(port.listener, machine)):
        machine.flag(FEATURE_NAME, message)
    for message in dangers.unrouted(port.listener, machine.settings(SMTPROUTES)):
        machine.flag(SMTPROUTES.name, message)


def _flag_postmaster(found: list[Port], machine: Machine) -> None:
    """Where a default domain is added to `postmaster`, the RAT decides as for any other recipient."""
    hostname = machine.settings(SETHOSTNAME).hostname
    if postmaster_is_read(machine.settings(ALIASCONFIG), hostname):
        return
    names = ", ".join(port.listener.name for port in found if not port.listener.default_domain)
    if names:
        message = _(
            "Mail to postmaster without a domain is taken ({listeners}), and nobody reads it:"
            " say in the alias tables who gets it"
        )
        machine.flag(ALIASCONFIG.name, say(message, listeners=names))


def _dangling(listener: Listener, machine: Machine) -> Iterator[str]:
    texts = machine.settings(TEXTCONFIG)
    for name in (listener.disclaimer_above, listener.disclaimer_below):
        if name and texts.named(name) is None:
            message = _("Listener {listener}: there is no text resource {name} here, stamping stays off")
            yield say(message, listener=listener.name, name=name)
    if machine.settings(BOUNCECONFIG).named(listener.bounce_profile) is None:
        message = _("Listener {listener}: there is no bounce profile {name} here, Default holds")
        yield say(message, listener=listener.name, name=listener.bounce_profile)


def _probe(port: Port, configuration: Configuration) -> None:
    """Lets the trial of a new generation ask for a recipient that the tables know."""
    accepted = next((each for each in port.listener.rat.accepted if each != ALL), None)
    if accepted is not None:
        domain = accepted.rpartition("@")[2]
        configuration.probe(f"postmaster@{'mail' if domain.startswith('.') else ''}{domain}")
