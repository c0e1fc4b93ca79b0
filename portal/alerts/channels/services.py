"""Services of others (Slack, Discord, PagerDuty ...), by the addresses of the library Apprise.

Only services with an address of their own on the Internet: no file, no host that a person names, no plugin of
the computer. The address is a secret as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import apprise
from django.utils.translation import gettext as _

from portal.alerts.channels.base import BadChannel, Message, Passing, Permanent

SERVICES = {
    "discord": "Discord",
    "gchat": "Google Chat",
    "ifttt": "IFTTT",
    "line": "LINE",
    "opsgenie": "Opsgenie",
    "pagerduty": "PagerDuty",
    "pagertree": "PagerTree",
    "pbul": "Pushbullet",
    "pover": "Pushover",
    "prowl": "Prowl",
    "signl4": "SIGNL4",
    "slack": "Slack",
    "spike": "Spike.sh",
    "splunk": "Splunk On-Call",
    "tgram": "Telegram",
    "twilio": "Twilio",
    "wxteams": "Webex Teams",
}
"""Schemes of addresses, and how people call the services."""

OPTIONS = frozenset(
    {"to", "from", "region", "priority", "sound", "thread", "topic", "silent", "source", "group"}
)
"""What may stand behind the question mark: nothing that names a file, an address, or weakens TLS."""

LONGEST = 1000


class Services:
    """One address such as slack://tokenA/tokenB/tokenC/#channel."""

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        url = entered.get("url", "").strip()
        scheme = url.partition("://")[0].lower()
        if scheme not in SERVICES:
            known = ", ".join(f"{name}://" for name in SERVICES)
            raise BadChannel("url", _("Begin with one of %(known)s") % {"known": known})
        foreign = {name.lower() for name, _value in _options(url)} - OPTIONS
        if foreign:
            raise BadChannel("url", _("Leave out %(what)s.") % {"what": ", ".join(sorted(foreign))})
        if len(url) > LONGEST or _service(url) is None:
            raise BadChannel(
                "url", _("%(service)s does not know such an address.") % {"service": SERVICES[scheme]}
            )
        return {"url": url}

    def shown(self, kept: Mapping[str, str]) -> str:
        return SERVICES[kept["url"].partition("://")[0].lower()]

    def send(self, kept: Mapping[str, str], message: Message) -> None:
        service = _service(kept["url"])
        if service is None:
            raise Permanent(_("The library does not know this address any more. Enter it again."))
        try:
            done = service.notify(body=message.body, title=message.title)
        except (TypeError, ValueError):
            raise Permanent(_("The service does not take this message.")) from None
        if not done:
            raise Passing(_("%(service)s did not take it.") % {"service": self.shown(kept)})


def _options(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return [("?", "")]


def _service(url: str) -> Any:
    memory = apprise.common.PersistentStoreMode.MEMORY
    asset = apprise.AppriseAsset(
        secure_logging=True, async_mode=False, storage_mode=memory, app_id="Gatefold"
    )
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if found is not None:
        found.verify_certificate = True
        found.redirects = False
    return found
