"""Calls from the portal to addresses that people entered: never to its own network.

A name is resolved once; every address of it must be public, or be in GATEFOLD_WEBHOOK_ALLOW; the call goes to
exactly that address, so that a name which resolves to something else a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from django.conf import settings

from clusters.phrases import phrase as _
from portal.alerts.channels.base import Passing, Permanent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")

_METADATA = [
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure
        "169.254.0.0/16",  # AWS, Google, Azure, OpenStack, and AWS again for containers
        "192.0.0.0/24",  # Oracle; set aside by the IETF as a whole
        "100.100.100.200/32",  # Alibaba
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google
        "3fff::/20",  # documentation
        "fec0::/10",  # site-local: no longer given out, still routed inside
    )
]
"""What Python takes for public, or may one day: hosts of clouds that give keys to whoever asks inside."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of the name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def allowed(address: Address) -> bool:
    """Whether the operator lets webhooks go there although it is not public."""
    nets = [ipaddress.ip_network(text, strict=False) for text in settings.GATEFOLD_WEBHOOK_ALLOW]
    return any(address.version == net.version and address in net for net in nets)


def public(address: Address) -> bool:
    """Whether the whole Internet has that address: no loopback, private, link-local, multicast, metadata."""
    inner = _inside(address)
    if inner is not None:
        return public(inner)
    if any(address.version == net.version and address in net for net in _METADATA):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inside(address: Address) -> Address | None:
    """The address of the old kind that one of the new kind only wraps."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or address in _LOCAL_NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def address_of(host: str, port: int, resolver: Resolver = resolve) -> Address:
    """The one address to call for that name; raises Permanent for internal ones, Passing when none is known.

    All addresses of the name must be fit: a name that is half internal is not trusted at all.
    """
    try:
        texts = resolver(host, port)
    except (OSError, UnicodeError):
        raise Passing(_("The name %(host)s does not resolve.") % {"host": host}) from None
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
    if not found:
        raise Passing(_("The name %(host)s does not resolve.") % {"host": host})
    for address in found:
        if not (public(address) or allowed(address)):
            text = _(
                "%(host)s leads to an internal address. The operator may allow it: GATEFOLD_WEBHOOK_ALLOW."
            )
            raise Permanent(text % {"host": host})
    return found[0]
