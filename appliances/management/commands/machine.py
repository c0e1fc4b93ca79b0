"""`gatefold machine init|run|rotate-keys`: makes the home of a machine, runs it, renews its keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from appliances.links.identity import KeyTrouble
from appliances.machine.home import Home, HomeTrouble
from clusters.json_text import read_json
from clusters.refusals import Refused
from clusters.sealed_columns import rotate
from clusters.sealing import KeyMissing
from clusters.system_words import reason
from clusters.utf8 import NotUtf8, read_utf8

INIT_NOTE = "Everything of the machine lies below --home. Nothing outside it is touched."


class Command(BaseCommand):
    """The program on each gateway. See docs/machine.md."""

    help = "Make the home of a machine (init), or run it in the foreground (run)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        init = verbs.add_parser("init", help="make the home of a new standalone machine", epilog=INIT_NOTE)
        _init_arguments(init)
        run = verbs.add_parser("run", help="run the machine until SIGTERM")
        _run_arguments(run)
        rotate = verbs.add_parser(
            "rotate-keys", help="seal the secrets of the home's database with a new key"
        )
        _home_argument(rotate)

    def handle(self, *args: Any, **options: Any) -> None:
        home = Home(Path(options["home"]).absolute())
        try:
            if options["verb"] == "init":
                _init(home, options)
                self.stdout.write(f"{home.path}: machine {options['serial']} is made")
            elif options["verb"] == "rotate-keys":
                home.serial  # noqa: B018 - raises HomeTrouble where there is no machine
                home.require_whole()
                self.stdout.write(f"{home.path}: {rotate()} rows are sealed with a new key")
            else:
                _run(home, options)
        except (HomeTrouble, KeyMissing, KeyTrouble) as trouble:
            raise CommandError(str(trouble)) from None
        except DatabaseError as error:
            raise CommandError(
                f"{home.database} cannot be used ({error}); look at the disk, then restore the file from a"
                " backup of this machine"
            ) from None


def _home_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", required=True, metavar="DIR", help="directory of this machine")


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    _home_argument(parser)
    parser.add_argument("--serial", required=True, help="serial number, unique among all machines")
    parser.add_argument("--hostname", required=True, metavar="FQDN", help="main host name")
    parser.add_argument("--address", required=True, metavar="IP", help="address of the first interface")
    parser.add_argument("--ssh-port", type=int, default=22, help="port of logins and cluster traffic (22)")
    parser.add_argument("--ccs-port", type=int, help="turns the cluster-only service on, on this port")
    parser.add_argument(
        "--admin-passphrase-file",
        type=Path,
        metavar="FILE",
        help="first line is the passphrase of `admin`; without it standard input is read",
    )
    parser.add_argument(
        "--first-settings", type=Path, metavar="FILE", help="JSON: further documents by feature"
    )


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    _home_argument(parser)
    parser.add_argument("--log", choices=["text", "json"], default="text", help="form of the log lines")
    parser.add_argument("--ping", type=float, default=60.0, metavar="SECONDS", help="between pings (60)")
    parser.add_argument(
        "--releases", default="", metavar="DIR|URL", help="where new releases are (DIR/releases/offered)"
    )
    parser.add_argument(
        "--confirm",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="in which a login or a link has to come through after a change of interfaces or name (600)",
    )
    parser.add_argument("--keep-postfix", action="store_true", help="leave Postfix running at the end")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 86_400 * 7:
        raise argparse.ArgumentTypeError("takes seconds, up to a week")
    return seconds


def _init(home: Home, options: dict[str, Any]) -> None:
    from appliances.machine import beginning  # imports the features, which `--help` can do without
    from clusters.refusals import refusals_and

    told = beginning.Beginning(
        options["serial"],
        options["hostname"],
        options["address"],
        options["ssh_port"],
        options["ccs_port"],
        _hashed(_passphrase(options["admin_passphrase_file"])),
        _settings(options["first_settings"]),
    )
    try:
        documents = beginning.checked(told)
    except refusals_and(ValueError) as error:
        raise CommandError(str(error)) from None
    _build(home, told.serial, documents)


def _build(home: Home, serial: str, documents: dict[str, Any]) -> None:
    from django.core.management import call_command  # with the next: the database, only for a checked init
    from django.db import connection

    from appliances.links.identity import Keys
    from appliances.machine.beginning import make_replica

    home.begin()
    try:
        Keys.first_of_home(home.keys)
        home.database.touch(mode=0o600)
        call_command("migrate", verbosity=0, interactive=False)
        make_replica(serial, documents)
        connection.close()
    except (OSError, KeyTrouble) as error:
        raise CommandError(f"{home.path}: {error}; mend that and run init again") from None
    home.finish(serial)


def _passphrase(file: Path | None) -> str:
    try:
        raw = sys.stdin.buffer.read() if file is None else file.read_bytes()
        lines = read_utf8(raw).splitlines()
    except OSError as error:
        raise CommandError(f"the passphrase cannot be read from {file}: {reason(error)}") from None
    except NotUtf8 as error:
        raise CommandError(f"the passphrase cannot be read: {error}") from None
    if not lines or len(lines[0]) < 8:
        raise CommandError("the passphrase of admin has at least 8 characters on one line")
    return lines[0]


def _hashed(passphrase: str) -> str:
    from appliances.machine.people import hashed  # argon2 is not needed for `run --help`

    return hashed(passphrase)


def _settings(file: Path | None) -> Any:
    if file is None:
        return {}
    try:
        return read_json(read_utf8(file.read_bytes()))
    except OSError as error:
        raise CommandError(f"{file}: {reason(error)}") from None
    except Refused as error:
        raise CommandError(f"{file}: {error}") from None


def _run(home: Home, options: dict[str, Any]) -> None:
    from appliances.cli.process import COMMAND_LINE  # with the next: the whole daemon
    from appliances.machine.running import Options, run

    home.serial  # noqa: B018 - raises HomeTrouble before anything starts
    told = Options(
        options["log"] == "json",
        options["keep_postfix"],
        options["ping"],
        options["releases"],
        options["confirm"],
    )
    run(home, COMMAND_LINE, told, sys.argv[1:])
