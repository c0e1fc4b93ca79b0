"""Names, addresses, serial numbers, keys and releases of members: what is accepted (CL-12, CL-13, CR-08)."""

from __future__ import annotations

import base64
import binascii
import ipaddress

from clusters.domains import NotADomain, Numeric, ascii_domain
from clusters.membership_refusals import BadAddress, BadKey, BadName, OtherRelease
from clusters.models import REJOINED
from clusters.phrases import phrase as _

MAX_NAME = 255
MAX_SERIAL = 48
MOST_KEY = 16_384
"""Characters of a pasted key."""


def check_name(name: str) -> str:
    """The name of a cluster, a group or a machine without spaces around it; raises BadName (CR-08)."""
    found = name.strip()
    if not found:
        raise BadName(_("A name is needed."))
    if len(found) > MAX_NAME or not found.isprintable():
        raise BadName(
            _("A name has at most %(most)d characters, and all can be printed.") % {"most": MAX_NAME}
        )
    return found


def check_serial(serial: str) -> str:
    """The serial number of a machine or a portal; raises BadName."""
    legal = serial.isprintable() and serial == serial.strip() and "/" not in serial and REJOINED not in serial
    if not legal or not 0 < len(serial) <= MAX_SERIAL:
        raise BadName(_("%(serial)s is no serial number.") % {"serial": repr(serial)})
    return serial


def is_ip(address: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def check_host(host: str) -> str:
    """A host name, one beyond ASCII in its ASCII form (IDNA 2008); raises BadAddress."""
    try:
        ascii_name = ascii_domain(host)
    except Numeric:
        text = _("%(host)s is no host name: it ends with a number, as addresses and ranges of them do.")
        raise BadAddress(text % {"host": repr(host)}) from None
    except NotADomain:
        raise BadAddress(_("%(host)s is no host name.") % {"host": repr(host)}) from None
    return host if host.isascii() else ascii_name


def check_address(address: str, by_address: bool) -> str:
    """Where members reach a machine, in the style of the cluster; raises BadAddress (CL-13)."""
    if not address:
        raise BadAddress(_("An address is needed at which the other machines reach this one."))
    if by_address and not is_ip(address):
        raise BadAddress(
            _("This cluster uses IP addresses, and %(address)s is none.") % {"address": repr(address)}
        )
    if not by_address and is_ip(address):
        raise BadAddress(
            _("This cluster uses host names, and %(address)s is an address.") % {"address": address}
        )
    return address if by_address else check_host(address)


def check_key(text: str) -> str:
    """An OpenSSH public key, joined from the lines and words in which it may have been pasted (JN-12).

    The type may stand on a line of its own, and the body be cut into pieces anywhere (TRL-23). Returns type
    and body without comment. Any type is accepted (JN-20). Raises BadKey.
    """
    kind, *pieces = text[: MOST_KEY + 1].split() or [""]
    bodies = ("".join(pieces[:count]) for count in range(len(pieces), 0, -1))
    body = next((body for body in bodies if _is_whole(kind, body)), None)
    if body is None or len(text) > MOST_KEY:
        raise BadKey(_("This is no SSH public key."))
    return f"{kind} {body}"


def _is_whole(kind: str, body: str) -> bool:
    """Whether a body is a key of that type from its first byte to its last: fields behind their lengths."""
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return False
    fields = []
    while raw:
        length = int.from_bytes(raw[:4])
        if len(raw) < 4 + length:
            return False
        fields.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return len(fields) > 1 and fields[0] == kind.encode()


def require_release(ours: str, theirs: str, name: str) -> None:
    """See that a machine that joins or reconnects runs our release; raises OtherRelease (CL-12, JN-08)."""
    if ours != theirs:
        raise OtherRelease(
            _("%(name)s runs release %(theirs)s and this cluster %(ours)s. Upgrade it first.")
            % {"name": name, "theirs": theirs, "ours": ours}
        )
