"""Tools of the login host: its sessions, its log, others' reachability, a bundle for support (RES-03)."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.commands.lookups import diagnose, host_word
from appliances.cli.dialogue import confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.presenting import moment
from appliances.cli.registry import Command, Place, Run
from appliances.cli.session import Right, Session
from appliances.machine.sessions import Login
from clusters import drafts
from clusters.differences import masked
from clusters.effective import effective
from clusters.installed import catalogue
from clusters.modes import CLUSTER

PING = "/usr/bin/ping"
PINGS = 4
PATIENCE = 15.0
LINES, MOST_LINES = 20, 2000
USERS = "userconfig"


def _who(session: Session, words: list[str]) -> None:
    _say_logins(session, session.host.sessions.present())


def _last(session: Session, words: list[str]) -> None:
    _say_logins(session, session.host.sessions.all())


def _say_logins(session: Session, logins: list[Login]) -> None:
    if session.as_json:
        say_json(session.dialogue, [vars(login) for login in logins])
        return
    if not logins:
        session.dialogue.say(_("Nobody."))
    for login in logins:
        until = _("still logged in") if login.until is None else moment(login.until)
        session.dialogue.say(f"{login.user:<16} {login.address:<24} {moment(login.since)} - {until}")


def _tail(session: Session, words: list[str]) -> None:
    """The last lines of Postfix's log; the only log that a word can name."""
    count = LINES
    match words:
        case [] | ["mail"]:
            pass
        case ["-n", number] | ["mail", "-n", number] if number.isdecimal() and int(number) <= MOST_LINES:
            count = int(number)
        case _:
            text = _("tail takes `mail` and -n COUNT, at most {count}.")
            raise UsageError(text.format(count=MOST_LINES))
    lines = _log_lines(session, count)
    for line in lines or [_("The log is empty.")]:
        session.dialogue.say(line)


def _log_lines(session: Session, count: int) -> list[str]:
    path = session.host.engine.place.maillog
    if not path.exists():
        return []
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - count * 400))
        return log.read().decode("utf-8", "replace").splitlines()[-count:] if count else []


def _ping(session: Session, words: list[str]) -> None:
    host = host_word(words[:1] if len(words) < 2 else [])
    if not os.path.exists(PING):
        raise CommandError(_("This machine has no `ping`; `diagnostic HOST PORT` tries a port."))
    session.dialogue.say(
        _("Four packets to {host}, at most {seconds:g} s.").format(host=host, seconds=PATIENCE)
    )
    done = subprocess.run(
        [PING, "-c", str(PINGS), "-w", str(int(PATIENCE)), "--", host],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    for line in (done.stdout or done.stderr).splitlines():
        session.dialogue.say(line)
    if done.returncode:
        raise CommandError(_("{host} does not answer.").format(host=host))


def _telnet(session: Session, words: list[str]) -> None:
    diagnose(session, words if len(words) != 1 else [*words, "23"])


def _rollovernow(session: Session, words: list[str]) -> None:
    engine = session.host.engine
    log = engine.place.maillog
    if not log.exists():
        session.dialogue.say(_("The log is empty."))
        return
    kept = log.with_name(f"{log.name}.{datetime.now():%Y%m%d-%H%M%S}")
    log.rename(kept)
    engine.instance.reload()
    session.dialogue.say(_("The log goes on in a new file; the old one is {name}.").format(name=kept.name))


def _techsupport(session: Session, words: list[str]) -> None:
    """Status, settings without secrets, and the end of the log, in one file of the machine's home."""
    known = catalogue()
    found = effective(session.state, session.own_mode, known).documents
    bundle = {
        "status": session.host.status().to_wire(),
        "settings": {name: masked(value, known[name].secrets) for name, value in found.items()},
        "log": _log_lines(session, MOST_LINES),
    }
    folder = session.host.engine.place.base.parent / "support"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{session.host.serial}-{datetime.now():%Y%m%d-%H%M%S}.json"
    with open(path, "x", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        json.dump(bundle, file, ensure_ascii=False, indent=1)
    session.dialogue.say(_("Written to {path} on this machine, without secrets.").format(path=path))


def _resetconfig(session: Session, words: list[str]) -> None:
    """Back to first settings; as pending changes, so that it can be looked at and thrown away."""
    if not session.state.standalone:
        raise CommandError(
            _("A member of a cluster is not reset: take it out first with `clusterconfig removemachine`.")
        )
    question = _("Set all settings but interfaces, host name and users back to the beginning?")
    if unknown := [word for word in words if word != "--yes"]:
        text = _("{name} does not know {word!r}; see `help {name}`.")
        raise UsageError(text.format(name="resetconfig", word=unknown[0][:60]))
    if "--yes" not in words and not confirm(session.dialogue, question, default=False):
        raise CommandError(_("Nothing was changed."))
    names = [name for name in session.state.settings.get(CLUSTER, {}) if name != USERS]
    for name in names:
        drafts.remove(session.replica_id, session.user, CLUSTER, name)
    session.dialogue.say(
        _("Pending now: {names}. Look with `showchanges`, then `commit`.").format(
            names=", ".join(names) or "-"
        )
    )


def _local(name: str, run: Run, summary: str, usage: str, right: Right = Right.READ) -> Command:
    return Command(name, run, summary, usage, Place.LOGIN_HOST, right)


COMMANDS = [
    _local("who", _who, gettext_noop("who is logged in here"), "who [--json]"),
    _local("last", _last, gettext_noop("who was logged in since the program began"), "last [--json]"),
    _local("tail", _tail, gettext_noop("the end of the mail log"), "tail [mail] [-n COUNT]"),
    _local("ping", _ping, gettext_noop("does a host answer"), "ping HOST"),
    _local("telnet", _telnet, gettext_noop("does a port answer, and with what"), "telnet HOST [PORT]"),
    _local(
        "resetconfig",
        _resetconfig,
        gettext_noop("back to first settings, on a machine that is in no cluster"),
        "resetconfig [--yes]",
        Right.ADMINISTER,
    ),
    Command(
        "rollovernow",
        _rollovernow,
        gettext_noop("begin a new mail log"),
        "rollovernow",
        Place.MACHINE,
        Right.EDIT,
        remote=True,
    ),
    Command(
        "techsupport",
        _techsupport,
        gettext_noop("write status, settings without secrets and the log to a file"),
        "techsupport",
        Place.MACHINE,
        Right.ADMINISTER,
        remote=True,
    ),
]
