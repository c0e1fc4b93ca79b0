"""Runs one machine in the foreground until SIGTERM or SIGINT, or until another release is to run."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connections

from appliances.links.timing import Pace
from appliances.machine import journal, view
from appliances.machine.daemon import CommandLine, Daemon
from appliances.machine.home import Home, HomeTrouble
from appliances.machine.release import release
from appliances.machine.returning import WINDOW
from appliances.machine.threads import in_thread
from appliances.machine.upgrading import Upgrading
from appliances.releases.program import TREE
from appliances.releases.shelf import Shelf
from appliances.releases.source import Source

logger = logging.getLogger(__name__)

SET_UP = "GATEFOLD_SET_UP_TREE"
"""Names the tree that the machine was set up with, to the process of another release."""
SET_UP_PYTHON = "GATEFOLD_SET_UP_PYTHON"
"""The same for the interpreter: this process may run by one that belongs to a release alone."""


@dataclass(frozen=True)
class Options:
    """How to run: the form of the log, whether Postfix stays at the end, seconds between pings, the directory
    or address of new releases (empty: `offered` beside the installed ones), and the seconds in which somebody
    has to come through after a change of interfaces or name."""

    json_log: bool = False
    keep_postfix: bool = False
    ping: float = 60.0
    releases: str = ""
    confirm: float = WINDOW


def run(home: Home, command_line: CommandLine, options: Options, words: list[str]) -> None:
    """Works until it is told to end. `words`: of the command line, for another release that takes over.

    Raises HomeTrouble when another process has the home, or nothing can be listened on.
    """
    journal.start(as_json=options.json_log)
    shelf = Shelf(
        home.releases,
        Path(os.environ.get(SET_UP) or TREE),
        home.database,
        os.environ.get(SET_UP_PYTHON) or sys.executable,
    )
    with home.locked():
        home.require_whole()
        tree: Path | None = TREE if SET_UP in os.environ else shelf.starting()
        if tree == TREE:
            tree = _run_here(home, command_line, options, shelf)
    if tree is not None:
        _become(shelf, tree, words)


def _run_here(home: Home, command_line: CommandLine, options: Options, shelf: Shelf) -> Path | None:
    """Runs this tree; returns the one that runs next, if any."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
        restart = asyncio.run(_run(home, command_line, options, shelf))
        if not restart:
            return None
        _step_back(shelf.tree(shelf.state.current))
    except Exception as error:
        connections.close_all()
        if not shelf.go_back(str(error)):
            raise
        logger.exception("this release does not come up; back to the one before")
        return shelf.tree(shelf.state.current)
    connections.close_all()
    return shelf.starting()


async def _run(home: Home, command_line: CommandLine, options: Options, shelf: Shelf) -> bool:
    """Whether another release runs next."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    first = await in_thread(view.read, home.serial)
    upgrading = Upgrading(home, shelf, Source(options.releases or str(home.releases / "offered")))
    daemon = Daemon(home, release(), command_line, first, upgrading, Pace(ping=options.ping), options.confirm)
    ends = [asyncio.ensure_future(each.wait()) for each in (asked, daemon.restarting)]
    try:
        await daemon.start()
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        logger.info("ending")
    except OSError as error:
        raise HomeTrouble(str(error)) from None
    finally:
        for end in ends:
            end.cancel()
        restart = daemon.restarting.is_set() and not asked.is_set()
        await daemon.stop(keep_postfix=restart or options.keep_postfix)
    logger.info("ended")
    return restart


def _step_back(tree: Path) -> None:
    """Takes back what this release did to the database's tables and an older one does not know (UPG-05)."""
    for app in apps.get_app_configs():
        ours, theirs = _migrations(Path(app.path)), _migrations(tree / Path(app.path).relative_to(TREE))
        if theirs and theirs < ours:
            call_command("migrate", app.label, max(theirs), verbosity=0, interactive=False)


def _migrations(app: Path) -> set[str]:
    return {path.stem for path in (app / "migrations").glob("[0-9]*.py")}


def _become(shelf: Shelf, tree: Path, words: list[str]) -> None:
    """This process goes on as the program of that tree."""
    command = shelf.command(tree, words)
    logger.info("going on with the release in %s", tree)
    set_up = {SET_UP: str(shelf.base), SET_UP_PYTHON: shelf.python}
    os.execve(command[0], command, {**os.environ, **set_up})
