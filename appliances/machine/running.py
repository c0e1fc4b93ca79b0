"""Runs one machine in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass

from django.core.management import call_command

from appliances.links.timing import Pace
from appliances.machine import journal, view
from appliances.machine.daemon import CommandLine, Daemon
from appliances.machine.home import Home, HomeTrouble
from appliances.machine.release import release
from appliances.machine.threads import in_thread

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How to run: the form of the log, whether Postfix stays at the end, seconds between pings."""

    json_log: bool = False
    keep_postfix: bool = False
    ping: float = 60.0


def run(home: Home, command_line: CommandLine, options: Options) -> None:
    """Works until it is told to end.

    Raises HomeTrouble when another process has the home, or nothing can be listened on.
    """
    journal.start(as_json=options.json_log)
    with home.locked():
        call_command("migrate", verbosity=0, interactive=False)
        asyncio.run(_run(home, command_line, options))


async def _run(home: Home, command_line: CommandLine, options: Options) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    first = await in_thread(view.read, home.serial)
    daemon = Daemon(home, release(), command_line, first, Pace(ping=options.ping))
    try:
        await daemon.start()
        await asked.wait()
        logger.info("ending")
    except OSError as error:
        raise HomeTrouble(str(error)) from None
    finally:
        await daemon.stop(keep_postfix=options.keep_postfix)
    logger.info("ended")
