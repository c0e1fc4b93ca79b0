"""Services of others (Slack, Discord, PagerDuty ...), by the addresses of the library Apprise.

Only services with an address of their own on the Internet: no file, no host that a person names, no plugin of
the computer. The address is a secret as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from apprise.asset import AppriseAsset
from apprise.common import PersistentStoreMode

from clusters.phrases import phrase as _
from portal.alerts.channels.base import BadChannel, Message, Passing, Permanent

SERVICES = {
    "discord": ("Discord", "discord.NotifyDiscord"),
    "gchat": ("Google Chat", "google_chat.NotifyGoogleChat"),
    "ifttt": ("IFTTT", "ifttt.NotifyIFTTT"),
    "line": ("LINE", "line.NotifyLine"),
    "opsgenie": ("Opsgenie", "opsgenie.NotifyOpsgenie"),
    "pagerduty": ("PagerDuty", "pagerduty.NotifyPagerDuty"),
    "pagertree": ("PagerTree", "pagertree.NotifyPagerTree"),
    "pbul": ("Pushbullet", "pushbullet.NotifyPushBullet"),
    "pover": ("Pushover", "pushover.NotifyPushover"),
    "prowl": ("Prowl", "prowl.NotifyProwl"),
    "signl4": ("SIGNL4", "signl4.NotifySIGNL4"),
    "slack": ("Slack", "slack.NotifySlack"),
    "spike": ("Spike.sh", "spike.NotifySpike"),
    "splunk": ("Splunk On-Call", "splunk.NotifySplunk"),
    "tgram": ("Telegram", "telegram.NotifyTelegram"),
    "twilio": ("Twilio", "twilio.NotifyTwilio"),
    "wxteams": ("Webex Teams", "webexteams.NotifyWebexTeams"),
}
"""Schemes of addresses, how people call the services, and where Apprise has them. The rest is not loaded."""

OPTIONS = frozenset(
    {"to", "from", "region", "priority", "sound", "thread", "topic", "silent", "source", "group"}
)
"""What may stand behind the question mark: nothing that names a file, an address, or weakens TLS."""

LONGEST = 1000
MEMORY = PersistentStoreMode.MEMORY


class Services:
    """One address such as slack://tokenA/tokenB/tokenC/#channel."""

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        url = entered.get("url", "").strip()
        scheme = _scheme(url)
        if scheme not in SERVICES:
            known = ", ".join(f"{name}://" for name in SERVICES)
            raise BadChannel("url", _("Begin with one of %(known)s") % {"known": known})
        foreign = {name.lower() for name, _value in _options(url)} - OPTIONS
        if foreign:
            raise BadChannel("url", _("Leave out %(what)s.") % {"what": ", ".join(sorted(foreign))})
        if len(url) > LONGEST or _service(url) is None:
            raise BadChannel(
                "url", _("%(service)s does not know such an address.") % {"service": SERVICES[scheme][0]}
            )
        return {"url": url}

    def shown(self, kept: Mapping[str, str]) -> str:
        return SERVICES[_scheme(kept["url"])][0]

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


def plugin_of(scheme: str) -> Any:
    """The library's class for that scheme."""
    module, _dot, name = SERVICES[scheme][1].partition(".")
    return getattr(import_module(f"apprise.plugins.{module}"), name)


def _service(url: str) -> Any:
    plugin = plugin_of(_scheme(url))
    asset = AppriseAsset(secure_logging=True, async_mode=False, storage_mode=MEMORY, app_id="Gatefold")
    try:
        entered = plugin.parse_url(url.replace("/#", "/%23"))
        found = plugin(**entered, asset=asset) if entered else None
    except (TypeError, ValueError):
        return None
    if found is not None:
        found.verify_certificate, found.redirects = True, False
    return found


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()
