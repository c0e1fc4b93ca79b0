"""`manage.py screenshots`: pages of a running demo as pictures in docs/screenshots."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo.plan import PASSPHRASE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
PERSON = "alice"
CLUSTER = "americas"
ROUTES = f"/{CLUSTER}/cluster/network/smtp_routes"
WIDE = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}

PAGES = {
    "fleet": "/",
    "cluster": f"/{CLUSTER}/",
    "settings": f"/{CLUSTER}/cluster/",
    "routes": ROUTES,
    "listeners": f"/{CLUSTER}/cluster/network/listeners",
    "restricted": f"/{CLUSTER}/cluster/network/ip_interfaces",
    "pending": f"/{CLUSTER}/pending/",
    "proposals": f"/{CLUSTER}/proposals/",
    "policy": f"/{CLUSTER}/policy/",
    "history": f"/{CLUSTER}/history/",
    "conflicts": f"/{CLUSTER}/conflicts/",
    "queues": f"/{CLUSTER}/queues/",
    "upgrades": f"/{CLUSTER}/upgrades/",
    "matrix": f"/{CLUSTER}/matrix/",
    "links": f"/{CLUSTER}/links/",
    "search": "/search/?q=example",
    "check": f"/{CLUSTER}/check/",
    "references": f"/{CLUSTER}/references/",
    "advice": f"/{CLUSTER}/advice/",
    "membership": f"/{CLUSTER}/membership/",
    "join": f"/{CLUSTER}/membership/join/",
    "configuration_file": f"/{CLUSTER}/cluster/system_administration/configuration_file",
    "alerts": "/alerts/?state=all",
    "notifications": "/notifications/",
    "jobs": "/jobs/",
    "adopt": "/adopt/",
    "people": "/people/northwind/",
    "audit": "/audit/northwind/",
    "account": "/account/",
    "second-factor": "/account/2fa/",
    "tokens": "/account/tokens/",
}
ON_PHONE = ("fleet", "cluster", "routes", "pending")


class Command(BaseCommand):
    help = "Take pictures of every page of the running demo: light, dark, Japanese, and some on a phone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--portal", default="http://127.0.0.1:8000", help="address of the running portal")
        parser.add_argument("--to", type=Path, default=settings.BASE_DIR / "docs" / "screenshots")
        parser.add_argument("--browser", default="/usr/bin/chromium", help="path of Chromium")

    def handle(self, *args: Any, portal: str, to: Path, browser: str, **options: Any) -> None:
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError:
            raise CommandError("Playwright is missing: make install-dev") from None
        to.mkdir(parents=True, exist_ok=True)
        try:
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS.split())
                for path in shoot(chromium, portal, to):
                    self.stdout.write(str(path))
                chromium.close()
        except Error as error:
            raise CommandError(f"{portal}: {error}") from None


def shoot(chromium: Browser, portal: str, to: Path) -> Iterator[Path]:
    """All pictures; a change is made pending for them and dropped at the end."""
    for theme, language in (("light", "en"), ("dark", "en"), ("light", "ja")):
        suffix = "" if (theme, language) == ("light", "en") else f"-{theme if language == 'en' else language}"
        page = window(chromium, portal, theme, language, WIDE)
        yield picture(page, "/login/", to / f"login{suffix}.png")
        log_in(page)
        edit_routes(page)
        for name, path in PAGES.items():
            yield picture(page, path, to / f"{name}{suffix}.png")
        yield override(page, to / f"override{suffix}.png")
        yield picture(page, machine_page(page), to / f"machine{suffix}.png")
        yield terminal(page, to / f"terminal{suffix}.png")
        if not suffix:
            yield from on_phone(chromium, portal, to)
        drop_changes(page)
        page.context.close()


def on_phone(chromium: Browser, portal: str, to: Path) -> Iterator[Path]:
    """The pages that people look at on the way."""
    page = window(chromium, portal, "light", "en", PHONE)
    log_in(page)
    for name in ON_PHONE:
        yield picture(page, PAGES[name], to / f"{name}-phone.png")
    page.context.close()


def window(chromium: Browser, portal: str, theme: Any, language: str, size: Any) -> Page:
    """A fresh browser window."""
    locale = "ja-JP" if language == "ja" else "en-GB"
    context = chromium.new_context(base_url=portal, viewport=size, color_scheme=theme, locale=locale)
    return context.new_page()


def log_in(page: Page) -> None:
    """As the demo's first person."""
    page.goto("/login/")
    page.fill("[name=username]", PERSON)
    page.fill("[name=password]", PASSPHRASE)
    page.click(".door-fields .button.primary")
    page.wait_for_url("**/")


def edit_routes(page: Page) -> None:
    """Move a domain to another sink, as a pending change."""
    page.goto(ROUTES)
    page.locator("[name^='f.routes.'][name$='.host']").first.fill("127.20.200.3")
    page.locator("form[data-settings-form] .button.primary").click()
    page.wait_for_load_state()


def override(page: Page, to: Path) -> Path:
    """The page of a machine that inherits, with Override Settings."""
    return picture(page, machine_page(page).replace("monitor/overview", "network/listeners"), to)


def machine_page(page: Page) -> str:
    """The address of the last machine of the cluster."""
    page.goto(f"/{CLUSTER}/")
    return str(page.locator("#machines tbody a.title").last.get_attribute("href"))


def terminal(page: Page, to: Path) -> Path:
    """The command line of a machine, logged in."""
    page.goto(PAGES["membership"])
    page.locator("a[href$='/terminal']").first.click()
    page.fill("[name=passphrase]", PASSPHRASE)
    page.keyboard.press("Enter")
    page.locator("[data-terminal-screen]", has_text=")>").wait_for()
    page.keyboard.type("clusterconfig list\r\r", delay=20)
    page.wait_for_timeout(1500)
    page.screenshot(path=to, full_page=True)
    return to


def drop_changes(page: Page) -> None:
    """Leave the demo as it was."""
    page.goto(PAGES["pending"])
    page.locator("button[value=clear]").last.click()
    page.wait_for_load_state()


def picture(page: Page, path: str, to: Path) -> Path:
    """One page as a whole; what is live gets a moment to arrive."""
    page.goto(path)
    if "/pending/" in path and page.locator(".impact").count():
        page.locator(".impact > summary").first.click()
    page.wait_for_timeout(700)
    page.screenshot(path=to, full_page=True)
    return to
