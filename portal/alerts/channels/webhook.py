"""A webhook: JSON by POST, signed, to an address outside of the portal's own network.

X-Gatefold-Signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" with the signing key, in hex>
X-Gatefold-Delivery:  the same for every try of one notice
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from clusters.phrases import phrase as _
from portal.alerts.channels import outbound
from portal.alerts.channels.base import BadChannel, Message, Passing, Permanent

PATIENCE = 10.0
"""Seconds for the whole call, however slowly the other end drips."""

MOST_READ = 16_384
PORTS = {"https": 443, "http": 80}
PASSING_CODES = frozenset({408, 425, 429})


def signature(key: str, moment: int, body: bytes) -> str:
    """What the receiver compares with what it computes itself."""
    signed = hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class Webhook:
    """An address, which may hold a secret in its path, and a signing key."""

    def __init__(
        self, resolver: outbound.Resolver = outbound.resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolver = resolver
        self._tls = tls

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        url = entered.get("url", "").strip()
        parts = _parts(url)
        if parts.scheme == "http" and not self._is_allowed(parts):
            raise BadChannel("url", _("Use https. Only addresses that the operator allows may go without."))
        key = entered.get("signing_key", "").strip() or secrets.token_urlsafe(32)
        if len(key) < 16:
            raise BadChannel("signing_key", _("Use at least 16 characters, or leave it empty for a new key."))
        return {"url": url, "signing_key": key}

    def _is_allowed(self, parts: SplitResult) -> bool:
        try:
            return outbound.allowed(outbound.address_of(*_host_port(parts), self._resolver))
        except (Permanent, Passing):
            return False

    def shown(self, kept: Mapping[str, str]) -> str:
        parts = urlsplit(kept["url"])
        return f"{parts.scheme}://{parts.hostname}/…"

    def send(self, kept: Mapping[str, str], message: Message) -> None:
        parts = _parts(kept["url"])
        address = outbound.address_of(*_host_port(parts), self._resolver)
        if parts.scheme == "http" and not outbound.allowed(address):
            raise Permanent(_("Use https. Only addresses that the operator allows may go without."))
        body = json.dumps(
            {"title": message.title, "text": message.body, **message.data}, ensure_ascii=False
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Gatefold",
            "X-Gatefold-Delivery": message.ident,
            "X-Gatefold-Signature": signature(kept["signing_key"], int(time.time()), body),
        }
        code = self._post(parts, str(address), body, headers)
        _judge(code)

    def _post(self, parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]) -> int:
        call = _Pinned(parts, address, self._tls)
        alarm = threading.Timer(PATIENCE, call.hang_up)
        alarm.daemon = True
        alarm.start()
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            call.request("POST", target or "/", body, dict(headers))
            answer = call.getresponse()
            answer.read(MOST_READ)
            return answer.status
        except ssl.SSLCertVerificationError:
            raise Permanent(_("Its certificate does not verify.")) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Passing(_("It gave no answer (%(why)s).") % {"why": type(error).__name__}) from None
        finally:
            alarm.cancel()
            call.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to exactly that address, whatever the name resolves to by now."""

    def __init__(self, parts: SplitResult, address: str, tls: ssl.SSLContext | None) -> None:
        host, port = _host_port(parts)
        super().__init__(host, port, timeout=PATIENCE)
        self.default_port = PORTS[parts.scheme]
        self._address = address
        self._wire: socket.socket | None = None
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        self._wire = self.sock  # the library forgets its own while an answer without a length is read

    def hang_up(self) -> None:
        """The time is over, whatever the other end is doing."""
        if self._wire is not None:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)


def _judge(code: int) -> None:
    if 200 <= code < 300:
        return
    if 300 <= code < 400:
        raise Permanent(_("It answered with a redirect, which is not followed. Enter the final address."))
    words = _("It answered %(code)d.") % {"code": code}
    raise (Passing if code >= 500 or code in PASSING_CODES else Permanent)(words)


def _host_port(parts: SplitResult) -> tuple[str, int]:
    return str(parts.hostname), parts.port or PORTS[parts.scheme]


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or len(url) > 2000 or any(c <= " " or c == "\x7f" for c in url):
        raise BadChannel("url", _("Enter an address such as https://hooks.example/abc."))
    if parts.username or parts.password:
        raise BadChannel("url", _("Leave name and password out of the address; the call is signed instead."))
    return parts
