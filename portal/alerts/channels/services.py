"""Services of others (Slack, Discord, PagerDuty ...), by the addresses of the library Apprise.

Only services with an address of their own on the Internet: no file, no host that a person names, no plugin of
the computer. The address is a secret as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from apprise.apprise_attachment import AppriseAttachment
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

SECONDS = 10.0
"""The longest that the library waits for a connection, and for each part of an answer."""

LONGEST = 1000
MOST_TARGETS = 20
"""As many as a channel of e-mail has recipients: the library calls, and waits for, one after the other."""
MEMORY = PersistentStoreMode.MEMORY


class Services:
    """One address such as slack://tokenA/tokenB/tokenC/#channel."""

    def checked(self, entered: Mapping[str, str]) -> dict[str, str]:
        url = entered.get("url", "").strip()
        scheme = _scheme(url)
        if scheme not in SERVICES:
            known = ", ".join(f"{name}://" for name in SERVICES)
            raise BadChannel("url", _("Begin with one of %(known)s") % {"known": known})
        unknown = BadChannel(
            "url", _("%(service)s does not know such an address.") % {"service": SERVICES[scheme][0]}
        )
        parsed = _parsed(url) if len(url) <= LONGEST else None
        if parsed is None:
            raise unknown
        if foreign := _foreign(url, parsed):
            raise BadChannel("url", _("Leave out %(what)s.") % {"what": ", ".join(foreign)})
        service = _service(url)
        if service is None:
            raise unknown
        if len(service) > MOST_TARGETS:
            raise BadChannel("url", _("Name at most %(most)d recipients.") % {"most": MOST_TARGETS})
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


def plugin_of(scheme: str) -> Any:
    """The library's class for that scheme."""
    module, _dot, name = SERVICES[scheme][1].partition(".")
    return getattr(import_module(f"apprise.plugins.{module}"), name)


def _parsed(url: str) -> dict[str, Any] | None:
    """What the library reads in the address; None for one that it cannot read."""
    try:
        found: dict[str, Any] | None = plugin_of(_scheme(url)).parse_url(_quoted(url))
    except (TypeError, ValueError):
        return None
    return found


def _quoted(url: str) -> str:
    """A channel of people is written /#name: for the library that is a fragment unless it is quoted."""
    return url.replace("/#", "/%23")


def _foreign(url: str, entered: Mapping[str, Any]) -> list[str]:
    """What may not stand in the address, as the library has read it.

    Where options begin and end is the library's own idea (behind a "#", after a ";"): what it found counts.
    """
    options = set(entered["qsd"]) - OPTIONS
    return sorted(options | ({"#"} if "#" in _quoted(url) else set()))


def _service(url: str) -> Any:
    """The library's object for that address, bounded; None where it makes none, or one that reads files.

    Checked at each message too: addresses that an older release kept are not trusted more than new ones.
    """
    entered = _parsed(url)
    if entered is None or _foreign(url, entered):
        return None
    asset = AppriseAsset(secure_logging=True, async_mode=False, storage_mode=MEMORY, app_id="Gatefold")
    try:
        found = plugin_of(_scheme(url))(**entered, asset=asset)
    except (TypeError, ValueError):
        return None
    found.verify_certificate, found.redirects = True, False
    found.socket_connect_timeout = found.socket_read_timeout = SECONDS
    return None if _reads_files(found) else found


def _reads_files(service: Any) -> bool:
    """Whether it holds something that it reads from a file or an address when it tells (templates)."""
    return any(isinstance(each, AppriseAttachment) and len(each) > 0 for each in vars(service).values())


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()
