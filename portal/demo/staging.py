"""What is staged on a running demo, through its pages, so that pictures show something."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from appliances.releases.artifact import build
from appliances.releases.program import TREE
from portal.demo.plan import PASSPHRASE
from portal.upgrades import releases

if TYPE_CHECKING:
    from playwright.sync_api import Page

PERSON = "alice"
CLUSTER, TENANT = "americas", "northwind"
ROUTES = f"/{CLUSTER}/cluster/network/smtp_routes"
PENDING = f"/{CLUSTER}/pending/"
FILES = f"/{CLUSTER}/cluster/system_administration/configuration_file"
GUEST = "frank@northwind.example"
APART, OTHER = "montreal", "newyork"
BY_TELEPHONE, BY_LETTER = "jean@northwind.example", "jane@northwind.example"
DESK = "main .conflict button[value=keep]"
"""A conflict that waits for somebody."""
NEXT = "0.2.0"
KEEP = "y"
"""The answer to whether a commit keeps what was for a rollback."""

PATIENCE = 60
"""Seconds in which a check is over, or a machine has heard of what others hold."""


def log_in(page: Page) -> None:
    """As the demo's first person."""
    page.goto("/login/")
    page.fill("[name=username]", PERSON)
    page.fill("[name=password]", PASSPHRASE)
    page.click(".door-fields .button.primary")
    page.wait_for_url("**/")


def set_up(page: Page) -> str:
    """What pages need to show something; returns the path of an invitation.

    A conflict, a check that names what differs, a proposal, a pending change, a channel, a backup.
    """
    _drop(page)
    _disagree(page)
    _route(page, "3")
    page.goto(PENDING)
    page.fill("#ways [name=comment]", "Move to the archive for the audit")
    page.click("#ways button[value=propose]")
    page.wait_for_load_state()
    _route(page, "4")
    _channel(page)
    page.goto(FILES)
    page.locator("button[value=back_up]").click()
    page.wait_for_load_state()
    return _invitation(page)


def put_away(page: Page) -> None:
    """Leave the demo as it was."""
    page.goto(f"/{CLUSTER}/proposals/")
    page.locator("main a[href*='/proposals/']").first.click()
    if page.locator("button[value=withdraw]").count():
        page.click("button[value=withdraw]")
        page.wait_for_load_state()
    _drop(page)
    _type(
        page, OTHER, "clustermode cluster", f"unsubscribe delete {BY_LETTER}", 'commit -m "As before"', KEEP
    )


@contextmanager
def offered_release() -> Iterator[None]:
    """The portal offers the next release for so long, if it offers none."""
    folder = releases.folder()
    if folder.exists():
        yield
        return
    build(TREE, NEXT, folder, "Upgrades show their steps")
    try:
        yield
    finally:
        shutil.rmtree(folder)


def override(page: Page) -> bool:
    """The page of a machine that inherits, with Override Settings."""
    return bool(page.goto(machine_page(page).replace("monitor/overview", "network/listeners")))


def whom_it_reaches(page: Page) -> bool:
    """The pending changes with what Postfix gets on the first machine."""
    page.goto(PENDING)
    page.locator(".impact > summary").first.click()
    return True


def change_mode(page: Page) -> bool:
    """The menu of modes, open."""
    page.goto(ROUTES)
    page.locator(".change-mode > summary").click()
    return True


def restore(page: Page) -> bool:
    """The first step of loading a file, from a backup."""
    page.goto(FILES)
    button = page.locator("button[value=load]").last
    button.click()
    page.wait_for_load_state()
    return "/load/" in page.url


def terminal(page: Page) -> bool:
    """The command line of a machine, logged in."""
    _type(page, OTHER, "clusterconfig list", "")
    return True


ACTS: dict[str, Callable[[Page], bool]] = {
    "override": override,
    "impact": whom_it_reaches,
    "change-mode": change_mode,
    "load-file": restore,
    "terminal": terminal,
}
"""Pictures that need more than an address."""


def machine_page(page: Page) -> str:
    """The address of the last machine of the cluster."""
    page.goto(f"/{CLUSTER}/")
    return str(page.locator("#machines tbody a.title").last.get_attribute("href"))


def _disagree(page: Page) -> None:
    """A machine is apart; the same settings are changed there and here; a check names it; it comes back."""
    page.goto(f"/{CLUSTER}/conflicts/")
    if page.locator(DESK).count():
        return
    _member(page, "disconnect")
    for machine, who, why in ((APART, BY_TELEPHONE, "telephone"), (OTHER, BY_LETTER, "letter")):
        wish = f'commit -m "Asked for by {why}"'
        _type(page, machine, "clustermode cluster", f"unsubscribe add {who}", wish, KEEP)
    page.goto(f"/{CLUSTER}/check/")
    page.locator("button[value=start]").click()
    _await(page, f"/{CLUSTER}/check/", "button[value=start]:not([disabled])")
    _member(page, "reconnect")
    _await(page, f"/{CLUSTER}/conflicts/", DESK)


def _member(page: Page, do: str) -> None:
    page.goto(f"/{CLUSTER}/membership/")
    page.locator("#members tr", has_text=APART).locator("[name=machines]").check()
    page.locator(f"#members button[value={do}]").click()
    page.locator("[name=confirmed] + button").click()
    page.wait_for_load_state()


def _type(page: Page, machine: str, *lines: str) -> None:
    """Type these lines on the command line of a machine."""
    page.goto(f"/{CLUSTER}/membership/")
    page.locator("#members tr", has_text=machine).locator("a[href$='/terminal']").click()
    page.fill("[name=passphrase]", PASSPHRASE)
    page.locator("[data-terminal-login] button").click()
    screen = page.locator("[data-terminal-screen]")
    screen.filter(has_text=")>").wait_for()
    for line in lines:
        before = screen.inner_text()
        page.keyboard.type(f"{line}\r", delay=20)
        for _tenth in range(10 * PATIENCE):
            page.wait_for_timeout(100)
            if (now := screen.inner_text()) != before and now.rstrip().endswith(">"):
                break


def _await(page: Page, path: str, selector: str) -> None:
    """Until the page of that address has it."""
    for _second in range(PATIENCE):
        page.goto(path)
        if page.locator(selector).count():
            return
        page.wait_for_timeout(1000)


def _route(page: Page, sink: str) -> None:
    page.goto(ROUTES)
    field = page.locator("[name^='f.routes.'][name$='.host']").first
    field.fill(field.input_value().rpartition(".")[0] + f".{sink}")
    page.locator("form[data-settings-form] .button.primary").click()
    page.wait_for_load_state()


def _channel(page: Page) -> None:
    page.goto("/notifications/")
    if page.locator("main", has_text="Night watch").count():
        return
    page.goto("/notifications/new/mail/")
    page.fill("[name=name]", "Night watch")
    page.fill("[name=recipients]", "watch@northwind.example")
    page.locator("main form .button.primary").first.click()
    page.wait_for_load_state()


def _invitation(page: Page) -> str:
    page.goto(f"/people/{TENANT}/")
    page.fill("[name=email]", GUEST)
    page.click("button[value=invite]")
    page.wait_for_load_state()
    link = str(page.locator("main .link-row .key").first.inner_text()).strip()
    return link[link.index("/invitation/") :]


def _drop(page: Page) -> None:
    page.goto(PENDING)
    if page.locator("button[value=clear]").count():
        page.locator("button[value=clear]").last.click()
        page.wait_for_load_state()
