"""Every page of the portal, and how to come to it: for pictures and for checks of all pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

if TYPE_CHECKING:
    from playwright.sync_api import Page

ELSEWHERE = "account_login", "invitation", "load_file", "terminal"
"""Pages that need more than an address: nobody logged in, a fresh word, an upload, a passphrase."""

NOT_SHOWN = frozenset(
    {
        "account_logout",
        "backup",
        "bell",
        "configuration_schema",
        "news",
        "release_file",
        "set_language",
        "suspend",
        "synchronise",
        "theme",
    }
)
"""Names of addresses that are no page: files, parts of pages, and what only takes a form."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A page by its picture's name.

    `path` may name {cluster} and {tenant}. With `through`, it is the page on which a link to an address of
    that name stands.
    """

    name: str
    path: str
    through: str = ""

    @property
    def url_name(self) -> str:
        """The name that it has among the addresses of the portal."""
        return self.through or str(resolve(urlsplit(self.path.format(cluster="c", tenant="t")).path).url_name)


SETTINGS = "/{cluster}/cluster"
SIGHTS = (
    Sight("fleet", "/"),
    Sight("cluster", "/{cluster}/"),
    Sight("machine", "/{cluster}/", "monitor"),
    Sight("cluster-alerts", "/{cluster}/alerts/"),
    Sight("queues", "/{cluster}/queues/"),
    Sight("links", "/{cluster}/links/"),
    Sight("pending", "/{cluster}/pending/"),
    Sight("proposals", "/{cluster}/proposals/"),
    Sight("proposal", "/{cluster}/proposals/", "proposal"),
    Sight("history", "/{cluster}/history/"),
    Sight("commit", "/{cluster}/history/?feature=smtproutes", "commit"),
    Sight("conflicts", "/{cluster}/conflicts/"),
    Sight("matrix", "/{cluster}/matrix/"),
    Sight("references", "/{cluster}/references/"),
    Sight("check", "/{cluster}/check/"),
    Sight("advice", "/{cluster}/advice/"),
    Sight("membership", "/{cluster}/membership/"),
    Sight("join", "/{cluster}/membership/join/"),
    Sight("remove", "/{cluster}/membership/", "remove"),
    Sight("upgrades", "/{cluster}/upgrades/"),
    Sight("configuration-file", SETTINGS + "/system_administration/configuration_file"),
    Sight("policy", "/{cluster}/policy/"),
    Sight("settings", SETTINGS + "/"),
    Sight("routes", SETTINGS + "/network/smtp_routes"),
    Sight("routes-past", SETTINGS + "/network/smtp_routes?at=2020-01-01"),
    Sight("listeners", SETTINGS + "/network/listeners"),
    Sight("restricted", SETTINGS + "/network/ip_interfaces"),
    Sight("search", "/search/?q=example"),
    Sight("alerts", "/alerts/?state=all"),
    Sight("alert", "/alerts/?state=all", "alert"),
    Sight("vocabulary", "/alerts/meaning/"),
    Sight("notifications", "/notifications/"),
    Sight("new-channel", "/notifications/new/webhook/"),
    Sight("channel", "/notifications/", "channel"),
    Sight("jobs", "/jobs/"),
    Sight("job", "/jobs/", "job"),
    Sight("adopt", "/adopt/"),
    Sight("create", "/create/"),
    Sight("tenants", "/people/"),
    Sight("people", "/people/{tenant}/"),
    Sight("member", "/people/{tenant}/", "member"),
    Sight("audit-tenants", "/audit/"),
    Sight("audit", "/audit/{tenant}/"),
    Sight("account", "/account/"),
    Sight("sessions", "/account/sessions/"),
    Sight("tokens", "/account/tokens/"),
    Sight("passphrase", "/account/passphrase/change/"),
    Sight("second-factor", "/account/2fa/"),
    Sight("authenticator", "/account/2fa/totp/activate/"),
    Sight("passkeys", "/account/2fa/webauthn/"),
    Sight("new-passkey", "/account/2fa/webauthn/add/"),
    Sight("missing", "/nowhere/"),
)


def come_to(page: Page, sight: Sight, cluster: str, tenant: str) -> bool:
    """Open it in this window; False where nothing leads to it, because there is none."""
    page.goto(sight.path.format(cluster=cluster, tenant=tenant))
    if not sight.through:
        return True
    links = page.locator("main a[href]").evaluate_all("found => found.map(one => one.href)")
    found = next((link for link in links if _name_of(urlsplit(link).path) == sight.through), None)
    if found:
        page.goto(found)
    return found is not None


def _name_of(path: str) -> str:
    try:
        return str(resolve(path).url_name)
    except Resolver404:
        return ""
