"""One command per feature of the catalogue: look at its settings, edit, load, clear, inherit, copy, move.

Edits are pending until `commit`. They land in the session's mode (CLI-04).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli import editing, transferring
from appliances.cli.beginning import Begun, begun
from appliances.cli.dialogue import say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.presenting import document_lines
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from clusters import drafts
from clusters.catalogue import Document, Scope
from clusters.differences import masked
from clusters.drafts import Edited
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.modes import Mode
from clusters.naming import authorship_label

USAGE = """\
{name} [show] [--json]                     settings at this mode and where they come from
{name} set ... | add ... | delete KEY      change them (rows: KEY FIELD=VALUE ...; else FIELD=VALUE)
{name} load [JSON]                         replace all of them; JSON from standard input if not given
{name} clear                               nothing here: empty settings, which override
{name} inherit                             no settings here: inherit
{name} clustershow                         which modes have settings of their own
{name} clusterset copy|move [SOURCE] TARGET [--yes]
Where nothing is set yet: --empty starts with nothing, --copy with what is inherited now.
--in ROW/TABLE edits a table inside a row."""

PLACES = {Scope.CLUSTERABLE: Place.ANYWHERE, Scope.MACHINE: Place.MACHINE, Scope.CLUSTER: Place.CLUSTER}
RESTRICTED = ("show", "set", "add", "delete", "load", "clear", "inherit")
VERBS = (*RESTRICTED, "clustershow", "clusterset")


def command_for(feature: Any) -> Command:
    """The command of one feature."""
    return Command(
        feature.name,
        lambda session, words: _run(session, feature, words),
        f"{feature.title}. {feature.help}",
        USAGE.format(name=feature.name),
        PLACES[feature.scope],
        completions=VERBS if feature.scope is Scope.CLUSTERABLE else RESTRICTED,
    )


def _run(session: Session, feature: Any, words: list[str]) -> None:
    verb, rest = (words[0].casefold(), words[1:]) if words else ("", [])
    if not verb:
        return _menu(session, feature)
    act = _VERBS.get(verb)
    if act is None and len(words) == 1 and editing.lone_setting(feature.schema):
        act, rest = _set, words
    if act is None:
        raise UsageError(
            _("{name} does not know {verb!r}; see `help {name}`.").format(name=feature.name, verb=verb)
        )
    if verb in transferring.VERBS and feature.scope is not Scope.CLUSTERABLE:
        raise UsageError(
            _("{name} is a restricted command; it has no {verb}.").format(name=feature.name, verb=verb)
        )
    if verb not in ("show", "clustershow"):
        _require_editor(session, feature)
    return act(session, feature, rest)


def _require_editor(session: Session, feature: Any) -> None:
    wanted = Right.ADMINISTER if feature.scope is Scope.CLUSTER else Right.EDIT
    if session.right < wanted:
        raise CommandError(
            _("Your role {role} may not change {name}.").format(role=session.role, name=feature.name)
        )


def _menu(session: Session, feature: Any) -> None:
    """What is set, and in a terminal an operation to choose."""
    dialogue = session.dialogue
    editor = Right.ADMINISTER if feature.scope is Scope.CLUSTER else Right.EDIT
    if not dialogue.interactive or session.as_json or session.right < editor:
        return _show(session, feature, [])
    start = begun(session, feature, None)
    if start is None:
        return None
    if start.chosen:
        _keep(session, feature, start)
    _show(session, feature, [])
    _say_overrides(session, feature, start.mode)
    verbs = VERBS if feature.scope is Scope.CLUSTERABLE else RESTRICTED
    dialogue.say(_("Choose the operation: {verbs}; Enter leaves.").format(verbs=", ".join(verbs).upper()))
    return _operations(session, feature)


def _operations(session: Session, feature: Any) -> None:
    from appliances.cli.splitting import split  # only a person at a terminal comes here

    while lines := split(session.dialogue.ask("")):
        _run(session, feature, lines[0])


def _say_overrides(session: Session, feature: Any, mode: Mode) -> None:
    from clusters.effective import overrides

    found = overrides(session.draft_state, mode, feature.name)
    transferring.say_overrides(session, mode, found.groups, found.machines)


def _show(session: Session, feature: Any, words: list[str]) -> None:
    mode = session.mode_for(feature.name)
    setting = setting_at(session.draft_state, mode, feature.name, catalogue())
    value = masked(setting.value, feature.secrets)
    defined = setting.origin == mode
    origin = session.label(setting.origin) if setting.origin else _("factory default")
    if session.as_json:
        found = {
            "feature": feature.name,
            "mode": str(mode),
            "defined": defined,
            "origin": str(setting.origin or "factory"),
            "value": value,
        }
        say_json(session.dialogue, found)
        return
    where = _("defined here") if defined else _("from {origin}").format(origin=origin)
    session.dialogue.say(f"{feature.name}: {session.label(mode)}, {where}")
    for line in document_lines(value):
        session.dialogue.say(line)


def _set(session: Session, feature: Any, words: list[str]) -> None:
    _edit(session, feature, words, editing.set_words)


def _add(session: Session, feature: Any, words: list[str]) -> None:
    _edit(session, feature, words, editing.add_words)


def _delete(session: Session, feature: Any, words: list[str]) -> None:
    _edit(session, feature, words, editing.delete_words)


Change = Callable[[Any, Document, list[str], str], Document]


def _edit(session: Session, feature: Any, words: list[str], change: Change) -> None:
    words, table = _option(words, "--in")
    words, how = _start_option(words)
    start = begun(session, feature, how)
    if start is not None:
        changed = change(feature.schema, start.document, words, table)
        _keep(session, feature, Begun(start.mode, changed))


def _load(session: Session, feature: Any, words: list[str]) -> None:
    text = " ".join(words) or session.dialogue.input_text()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(_("This is no JSON: {error}").format(error=error)) from None
    _keep(session, feature, Begun(session.mode_for(feature.name), document))


def _clear(session: Session, feature: Any, words: list[str]) -> None:
    _keep(session, feature, Begun(session.mode_for(feature.name), feature.empty))


def _inherit(session: Session, feature: Any, words: list[str]) -> None:
    mode = session.mode_for(feature.name)
    edited = drafts.remove(session.replica_id, session.user, mode, feature.name)
    _say_edited(session, feature, mode, edited)


def _keep(session: Session, feature: Any, begun_: Begun) -> None:
    edited = drafts.edit(session.replica_id, session.user, begun_.mode, feature.name, begun_.document)
    _say_edited(session, feature, begun_.mode, edited)


def _say_edited(session: Session, feature: Any, mode: Mode, edited: Edited) -> None:
    groups, machines = edited.overrides.groups, edited.overrides.machines
    if session.as_json:
        found = {
            "feature": feature.name,
            "mode": str(mode),
            "pending": edited.pending,
            "reaches": [machine.name for machine in edited.reached],
            "overrides": [str(each) for each in (*groups, *machines)],
            "settles": [str(version.id) for version in edited.settles],
        }
        say_json(session.dialogue, found)
        return
    label = session.label(mode)
    text = (
        _("{name} at {mode}: pending until you commit.")
        if edited.pending
        else _("{name} at {mode}: as it is in force.")
    )
    session.dialogue.say(text.format(name=feature.name, mode=label))
    if edited.settles:
        who = "; ".join(authorship_label(version) for version in edited.settles)
        note = _("These settings are in conflict: {who}. Committing this settles it; see `showconflicts`.")
        session.dialogue.warn(note.format(who=who))
    transferring.say_overrides(session, mode, groups, machines)


def _start_option(words: list[str]) -> tuple[list[str], str | None]:
    found = next((word for word in words if word in ("--empty", "--copy")), None)
    return [word for word in words if word != found], found


def _option(words: list[str], name: str) -> tuple[list[str], str]:
    if name not in words:
        return words, ""
    place = words.index(name)
    if place + 1 == len(words):
        raise UsageError(_("{name} needs a value.").format(name=name))
    return [*words[:place], *words[place + 2 :]], words[place + 1]


_VERBS: dict[str, Callable[[Session, Any, list[str]], None]] = {
    "show": _show,
    "set": _set,
    "add": _add,
    "delete": _delete,
    "load": _load,
    "clear": _clear,
    "inherit": _inherit,
    "clustershow": transferring.clustershow,
    "clusterset": transferring.clusterset,
}

COMMANDS = [command_for(feature) for feature in catalogue()]
