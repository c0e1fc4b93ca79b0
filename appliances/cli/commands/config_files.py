"""`showconfig`, `saveconfig` and `loadconfig`: the configuration as a file (LOAD-01..LOAD-11)."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import choose, confirm, new_secret, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.options import Options
from appliances.cli.presenting import coloured_lines
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.features.matching import COMPARED
from appliances.machine.saved import BadName, SavedFiles
from clusters.config_files import loading, reading
from clusters.config_files.loading import Assignment, Plan
from clusters.config_files.reading import ConfigFile
from clusters.config_files.saving import save_cluster, save_machine
from clusters.config_files.sealing import Sealing
from clusters.differences import differences
from clusters.installed import catalogue
from clusters.modes import Level
from clusters.naming import entry_label
from clusters.sealing import secrets_of
from clusters.state import UnknownMode

SHOW = "showconfig [--machine HOST] [--encrypt]"
SAVE = """\
saveconfig [NAME] [--machine HOST] [--encrypt]   keep it on this machine; secrets masked, or encrypted
saveconfig list | saveconfig show NAME           what is kept, the latest first"""
LOAD = """\
loadconfig [NAME] [--passphrase TEXT]            from a kept file or standard input; asks what goes where
    [--group FILE-GROUP=GROUP]... [--machine FILE-SERIAL=HOST]... [--no-cluster]
                                                 without them: groups of the same name, same serial numbers
loadconfig [NAME] --appliance FILE-SERIAL HOST   only one appliance of the file, onto one machine"""


def _text(session: Session, machine: str, encrypt: bool) -> str:
    if encrypt:
        _require_encryptor(session)
    sealing = Sealing.new(_passphrase(session)) if encrypt else None
    told: dict[str, Any] = {"sealing": sealing, "release": session.host.release, "at": datetime.now(UTC)}
    state = session.state
    if machine or state.standalone:
        serial = state.mode_named(Level.MACHINE, machine).id if machine else session.host.serial
        return save_machine(state, serial, catalogue(), **told)
    return save_cluster(state, catalogue(), **told)


def _passphrase(session: Session) -> str:
    if session.dialogue.interactive:
        question = _("Passphrase for the secrets in the file")
        return new_secret(session.dialogue, question, _("The same again"))
    lines = session.dialogue.input_text().splitlines()
    if not lines:
        raise UsageError(_("--encrypt takes the passphrase as the first line of standard input."))
    return lines[0]


def _parsed(command: str, words: list[str]) -> Namespace:
    parser = Options(command)
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--machine", default="")
    parser.add_argument("--encrypt", action="store_true")
    return parser.told(words)


def _require_encryptor(session: Session) -> None:
    """Whoever chooses the passphrase can read all secrets of the file."""
    if session.right < Right.ADMINISTER:
        raise CommandError(_("--encrypt needs the role administrator; without it secrets are masked."))


def _showconfig(session: Session, words: list[str]) -> None:
    told = _parsed("showconfig", words)
    if told.name:
        text = _("showconfig takes no name; it does not know {word!r}. Its form: {usage}")
        raise UsageError(text.format(word=told.name[:60], usage=SHOW))
    session.dialogue.say(_text(session, told.machine, told.encrypt).rstrip("\n"))


def _saveconfig(session: Session, words: list[str]) -> None:
    files = session.host.saved
    try:
        if words[:1] == ["list"]:
            _list(session, files)
        elif words[:1] == ["show"] and len(words) == 2:
            session.dialogue.say(files.text(words[1]).rstrip("\n"))
        else:
            _save(session, files, _parsed("saveconfig", words))
    except BadName as error:
        raise CommandError(str(error)) from None


def _list(session: Session, files: SavedFiles) -> None:
    if session.as_json:
        return say_json(session.dialogue, files.names())
    for name in files.names():
        session.dialogue.say(name)
    if not files.names():
        session.dialogue.say(_("No configuration is kept on this machine."))
    return None


def _save(session: Session, files: SavedFiles, told: Namespace) -> None:
    name = told.name or f"{session.host.serial}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.xml"
    files.keep(name, _text(session, told.machine, told.encrypt))
    session.dialogue.say(_("Kept as {name} on this machine.").format(name=name))
    if not told.encrypt:
        session.dialogue.warn(
            _("Secrets are masked: such a file can be looked at, and loaded only where it holds none.")
        )


def _loadconfig(session: Session, words: list[str]) -> None:
    parser = Options("loadconfig")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--passphrase", default="")
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--machine", action="append", default=[])
    parser.add_argument("--appliance", nargs=2, default=[])
    parser.add_argument("--no-cluster", action="store_true")
    told = parser.told(words)
    file = _read(session, told)
    if session.state.standalone:
        edited = loading.restore_machine(session.replica_id, session.user, file)
        return _say_pending(session, sum(each.pending for each in edited))
    assigned = _assigned(session, file, told)
    planned = loading.plan(session.state, file, assigned, COMPARED)
    _review(session, planned)
    if not planned.changes:
        return None
    if not confirm(session.dialogue, _("Make these changes pending?"), default=True):
        raise CommandError(_("Nothing was changed."))
    edited = loading.stage(session.replica_id, session.user, planned)
    session.host.saved.loaded()
    return _say_pending(session, sum(each.pending for each in edited))


def _read(session: Session, told: Namespace) -> ConfigFile:
    try:
        text = session.host.saved.text(told.name) if told.name else session.dialogue.input_text()
    except BadName as error:
        raise CommandError(str(error)) from None
    if not text.strip():
        raise UsageError(_("Name a kept file, or give one on standard input."))
    return reading.read(text, catalogue(), told.passphrase)


def _assigned(session: Session, file: ConfigFile, told: Namespace) -> Assignment:
    if told.appliance:
        there, host = told.appliance
        here = session.state.mode_named(Level.MACHINE, host).id
        return Assignment({}, {here: there}, cluster=False)
    if told.group or told.machine:
        return _from_words(session, file, told)
    if session.dialogue.interactive:
        return _asked(session, file)
    return loading.alike(session.state, file, cluster=not told.no_cluster)


def _from_words(session: Session, file: ConfigFile, told: Namespace) -> Assignment:
    groups = {}
    for there, here in map(_pair, told.group):
        source = loading.group_named(file, there)
        groups[_named_here(session, Level.GROUP, here)] = source
    machines = {}
    for there, host in map(_pair, told.machine):
        _require_appliance(file, there, host)
        machines[_named_here(session, Level.MACHINE, host)] = there
    return Assignment(groups, machines, not told.no_cluster)


def _named_here(session: Session, level: Level, name: str) -> str:
    try:
        return session.state.mode_named(level, name).id
    except UnknownMode as error:
        text = _(
            "{error}. What the file has stands first: --group FILE-GROUP=GROUP, --machine FILE-SERIAL=HOST."
        )
        raise CommandError(text.format(error=str(error).rstrip("."))) from None


def _require_appliance(file: ConfigFile, serial: str, host: str) -> None:
    known = {each.serial for each in file.machines}
    if serial in known:
        return
    if host in known:
        text = _("{host} is the appliance of the file: write --machine {host}={serial}.")
        raise UsageError(text.format(host=host, serial=serial))
    text = _("The file has no appliance {serial}; it has: {known}.")
    raise CommandError(text.format(serial=serial, known=", ".join(sorted(known)) or "–"))


def _pair(word: str) -> tuple[str, str]:
    left, equals, right = word.partition("=")
    if not (left and equals and right):
        raise UsageError(_("{word} should be two names with = between.").format(word=word))
    return left, right


def _asked(session: Session, file: ConfigFile) -> Assignment:
    """Group Configuration, then Appliance Configuration with Don't Copy (LOAD-06)."""
    dialogue, state = session.dialogue, session.state
    like = loading.alike(state, file)
    groups: dict[str, str] = {}
    for here in state.groups.values():
        dialogue.say(_("Group {name} gets the settings of:").format(name=here.name))
        preset = next((n for n, g in enumerate(file.groups, 1) if like.groups.get(here.id) == g.id), None)
        lines = [group.name for group in file.groups]
        number = choose(dialogue, [*lines, _("Don't Copy")], default=preset or len(lines) + 1)
        if 0 < number <= len(lines):
            groups[here.id] = file.groups[number - 1].id
    machines: dict[str, str] = {}
    for member in state.machines.values():
        taken = set(machines.values())
        wanted = Assignment(groups, {})
        offered = [m for m in file.machines if wanted.offers(member.group, m) and m.serial not in taken]
        dialogue.say(_("Machine {name} gets the settings of:").format(name=member.name))
        preset = next((n for n, m in enumerate(offered, 1) if m.serial == member.serial), len(offered) + 1)
        lines = [f"{m.name} ({m.serial})" for m in offered]
        number = choose(dialogue, [*lines, _("Don't Copy")], default=preset)
        if 0 < number <= len(offered):
            machines[member.serial] = offered[number - 1].serial
    return Assignment(groups, machines)


def _review(session: Session, planned: Plan) -> None:
    state = session.state
    after = state.changed(planned.changes)
    for change in planned.changes:
        session.dialogue.say(entry_label(after, change.address))
        before = state.entries.get(change.address)
        paths = differences(before.value if before else None, change.value, secrets_of(change.address))
        for line in coloured_lines(paths, "  "):
            session.dialogue.say(line)
    for text in planned.warnings:
        session.dialogue.warn(text)
    if not planned.changes:
        session.dialogue.say(_("The file says what holds already; nothing changes."))


def _say_pending(session: Session, count: int) -> None:
    session.dialogue.say(
        _("{count} change(s) pending; look at the network settings with `showchanges`, then commit.").format(
            count=count
        )
    )


COMMANDS = [
    Command(
        "showconfig",
        _showconfig,
        gettext_noop("the configuration as a file, of the cluster or of one machine"),
        SHOW,
        right=Right.EDIT,
    ),
    Command(
        "saveconfig",
        _saveconfig,
        gettext_noop("keep the configuration as a file on this machine"),
        SAVE,
        right=Right.EDIT,
        completions=("list", "show"),
    ),
    Command(
        "loadconfig",
        _loadconfig,
        gettext_noop("make pending what a configuration file says"),
        LOAD,
        Place.CLUSTER,
        Right.ADMINISTER,
    ),
]
