"""What a machine can find out before it joins: names, port, service, host key (COM-06..COM-10)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from django.utils.translation import gettext as _

from appliances.links.client import Probe
from appliances.links.errors import LinkError
from appliances.links.ssh import ServiceKind

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that a look-up may take; a caller whose reverse look-up times out is not let in (COM-09)."""

OK, WARN, BAD, UNKNOWN = "ok", "warn", "bad", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: `check` names it, `verdict` is ok, warn, bad or unknown."""

    check: str
    verdict: str
    text: str
    remedy: str = ""


def of_names(name: str, address: str) -> list[Finding]:
    """Whether this machine's own name leads to it, and its address back to a name; blocks."""
    return [_forward(name, address), _reverse(address)]


def of_drafts(refusal: str) -> Finding:
    """Whether the machine itself is ready: `refusal` is why a join would not begin, empty where it would."""
    if refusal:
        return Finding("changes", BAD, refusal)
    return Finding("changes", OK, _("No change is pending here."))


def of_welcome() -> Finding:
    """What only the member can judge, of who has logged in: a look from outside must not seem more."""
    text = _("Release, names, serial number and group are judged by the member itself.")
    remedy = _('"clusterconfig join ... --dry-run" asks it, and changes nothing.')
    return Finding("welcome", UNKNOWN, text, remedy)


def of_member(
    look: Callable[[], Probe], wanted: ServiceKind, fingerprint: str, own_key: str
) -> list[Finding]:
    """What answers where a member should be: port, service, host key. `look` raises LinkError; blocks."""
    try:
        seen = look()
    except LinkError as error:
        return [
            Finding("port", BAD, error.text, _(error.remedy)),
            Finding("service", UNKNOWN, _("Nothing of Gatefold answers there.")),
            Finding("host-key", UNKNOWN, _("No host key was shown.")),
        ]
    found = [Finding("port", OK, _("It answers."))]
    text = _("It is the {kind} service of a machine.").format(kind=seen.kind)
    remedy = _("Give the port of its {kind} service.").format(kind=wanted)
    fine = seen.kind is wanted
    found.append(Finding("service", OK if fine else BAD, text, "" if fine else remedy))
    if seen.host_key == own_key:
        text = _("That is this machine itself.")
        found.append(Finding("host-key", BAD, text, _("Name the address of a member.")))
    else:
        found.append(_host_key(seen.fingerprint, fingerprint))
    return found


def _host_key(seen: str, wanted: str) -> Finding:
    if not wanted:
        return Finding(
            "host-key", WARN, seen, _('Compare it with what "clusterconfig listdetail" shows there.')
        )
    if seen == wanted:
        return Finding("host-key", OK, seen)
    text = _("It shows {seen}, and not {wanted}.").format(seen=seen, wanted=wanted)
    return Finding("host-key", BAD, text, _("Another machine answers there, or somebody stands between."))


def _forward(name: str, address: str) -> Finding:
    try:
        found = within(lambda: {str(each[4][0]) for each in socket.getaddrinfo(name, None)})
    except TimeoutError:
        return Finding(
            "name",
            BAD,
            _("The look-up of {name} takes too long.").format(name=name),
            _("Check the DNS servers."),
        )
    except OSError:
        text = _("The name {name} is not known.").format(name=name)
        return Finding("name", WARN, text, _("Enter it in DNS; clusters that use host names need it."))
    if address in found:
        return Finding("name", OK, f"{name} → {address}")
    text = _("{name} leads to {found}, this machine has {address}.")
    told = text.format(name=name, found=", ".join(sorted(found)), address=address)
    return Finding("name", WARN, told, _("Let it lead to the interface on which SSH or CCS is on."))


def _reverse(address: str) -> Finding:
    try:
        name = within(lambda: socket.gethostbyaddr(address)[0])
    except TimeoutError:
        text = _("The reverse look-up of {address} takes too long.").format(address=address)
        remedy = _("A member that waits for it refuses the connection: mend the reverse zone or its servers.")
        return Finding("reverse", BAD, text, remedy)
    except OSError:
        text = _("{address} has no reverse name.").format(address=address)
        return Finding("reverse", WARN, text, _("Members can do without, as long as the answer comes fast."))
    return Finding("reverse", OK, f"{address} → {name}")


def within(work: Callable[[], T]) -> T:
    """The outcome of a look-up that cannot be interrupted; raises TimeoutError when it takes too long."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result(PATIENCE)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
