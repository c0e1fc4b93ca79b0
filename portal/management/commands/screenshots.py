"""`gatefold portal screenshots`: every page of a running demo as a picture."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo import staging
from portal.demo.sights import SIGHTS, Sight, come_to
from portal.demo.staging import CLUSTER, TENANT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
WIDE: ViewportSize = {"width": 1360, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
DOCS = settings.BASE_DIR / "docs" / "screenshots"
KEPT = {
    *("login", "fleet", "fleet-phone", "cluster", "cluster-dark", "cluster-ja", "cluster-phone", "machine"),
    *("settings", "routes", "routes-ja", "routes-phone", "override", "listeners", "restricted", "impact"),
    *("impact-dark", "pending-phone", "proposal", "history", "conflicts", "matrix", "matrix-dark", "links"),
    *("references", "check", "queues", "jobs", "search", "membership", "configuration-file", "terminal"),
}
"""The pictures that the documentation shows; the others are to look at and are not kept."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to look at all pages."""

    suffix: str
    theme: Literal["light", "dark"]
    language: str
    size: ViewportSize


KINDS = (
    Kind("", "light", "en", WIDE),
    Kind("-dark", "dark", "en", WIDE),
    Kind("-ja", "light", "ja", WIDE),
    Kind("-ja-dark", "dark", "ja", WIDE),
    Kind("-phone", "light", "en", PHONE),
    Kind("-phone-dark", "dark", "en", PHONE),
    Kind("-phone-ja", "light", "ja", PHONE),
    Kind("-phone-ja-dark", "dark", "ja", PHONE),
)


class Command(BaseCommand):
    help = "Take pictures of every page of the running demo: light, dark, Japanese, wide and on a phone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--portal", default="http://127.0.0.1:8000", help="address of the running portal")
        parser.add_argument(
            "--to", type=Path, help="folder for all of them; else the best go to docs, the rest to var"
        )
        parser.add_argument("--browser", default="/usr/bin/chromium", help="path of Chromium")
        parser.add_argument("--only", nargs="*", default=[], help="names of pages, such as fleet; else all")
        parser.add_argument("--kinds", nargs="*", default=[], help="such as light, ja-dark, phone; else all")

    def handle(self, *args: Any, portal: str, browser: str, **options: Any) -> None:
        try:
            from playwright.sync_api import Error, sync_playwright
        except ImportError:
            raise CommandError("Playwright is missing: make install-dev") from None
        wanted = options["kinds"]
        kinds = [kind for kind in KINDS if not wanted or (kind.suffix[1:] or "light") in wanted]
        try:
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS.split())
                album = Album(chromium, portal, options["to"], frozenset(options["only"]))
                for path in album.filled(kinds):
                    self.stdout.write(str(path))
                chromium.close()
        except Error as error:
            raise CommandError(f"{portal}: {error}") from None


@dataclass(frozen=True)
class Album:
    """Where pictures are taken, of what, and where they go."""

    chromium: Browser
    portal: str
    to: Path | None
    only: frozenset[str]

    def filled(self, kinds: list[Kind]) -> Iterator[Path]:
        """All pictures; what is staged for them on the demo is put away at the end."""
        page = self.window(KINDS[0])
        staging.log_in(page)
        invitation = staging.set_up(page)
        try:
            with staging.offered_release():
                for kind in kinds:
                    yield from self.seen(kind, invitation)
        finally:
            staging.put_away(page)
            page.context.close()

    def seen(self, kind: Kind, invitation: str) -> Iterator[Path]:
        """All pages one way."""
        page = self.window(kind)
        for name, path in (("login", "/login/"), ("invitation", invitation)):
            yield from self.shot(name, kind, page, partial(_goes, page, path))
        staging.log_in(page)
        for sight in SIGHTS:
            yield from self.shot(sight.name, kind, page, coming(page, sight))
        for name, act in staging.ACTS.items():
            yield from self.shot(name, kind, page, partial(act, page))
        page.context.close()

    def shot(self, name: str, kind: Kind, page: Page, come: Callable[[], bool]) -> Iterator[Path]:
        """The picture of what `come` leads to, as a whole; what is live gets a moment to arrive."""
        if (self.only and name not in self.only) or not come():
            return
        page.wait_for_timeout(500)
        path = self.folder(f"{name}{kind.suffix}") / f"{name}{kind.suffix}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)
        yield path

    def folder(self, picture: str) -> Path:
        """Where a picture belongs."""
        if self.to:
            return self.to
        return DOCS if picture in KEPT else settings.VAR / "screenshots"

    def window(self, kind: Kind) -> Page:
        """A fresh browser window."""
        locale = "ja-JP" if kind.language == "ja" else "en-GB"
        context = self.chromium.new_context(
            base_url=self.portal, viewport=kind.size, color_scheme=kind.theme, locale=locale
        )
        return context.new_page()


def _goes(page: Page, path: str) -> bool:
    return bool(page.goto(path))


def coming(page: Page, sight: Sight) -> Callable[[], bool]:
    """How one comes to this page of the demo."""
    return lambda: come_to(page, sight, CLUSTER, TENANT)
