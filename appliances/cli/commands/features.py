"""One command per feature of the catalogue: look at its settings, edit, load, clear, inherit, copy, move.

Edits are pending until `commit`. They land in the session's mode (CLI-04).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli import asking, editing, transferring
from appliances.cli.beginning import Begun, begun
from appliances.cli.dialogue import Dialogue, operation, say_json
from appliances.cli.errors import CommandError, GroundChanged, UsageError
from appliances.cli.presenting import document_lines
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.cli.suggesting import suggestion
from clusters import drafts
from clusters.catalogue import Document, Scope
from clusters.differences import masked
from clusters.drafts import Edited
from clusters.effective import flags_at, setting_at
from clusters.installed import catalogue
from clusters.json_text import read_json
from clusters.modes import Mode
from clusters.naming import authorship_label
from clusters.refusals import refusals_and

USAGE = """\
{name} [show] [--json]                     settings at this mode and where they come from
{name} set ... | add ... | delete KEY      change them (rows: KEY FIELD=VALUE ...; else FIELD=VALUE)
{name} load [JSON]                         replace all of them; JSON from standard input if not given
{name} import [--in ROW/TABLE]             add rows from standard input: a line each, columns by tab, ; or ,
{name} clear                               nothing here: empty settings, which override
{name} inherit                             no settings here: inherit
"""
USAGE_OF_MODES = """\
{name} clustershow                         which modes have settings of their own
{name} clusterset copy|move [SOURCE] TARGET [--yes]
"""
USAGE_OF_OPTIONS = """\
Where nothing is set yet: --empty starts with nothing, --copy with what is inherited now.
--in ROW/TABLE edits a table inside a row.
--before NAME, --first or --last says where a row stands, with `set` also of one that is there.
add and set without words ask field by field in a terminal.
print, new and edit are show, add and set."""

PLACES = {Scope.CLUSTERABLE: Place.ANYWHERE, Scope.MACHINE: Place.MACHINE, Scope.CLUSTER: Place.CLUSTER}
RESTRICTED = ("show", "set", "add", "delete", "load", "import", "clear", "inherit")
VERBS = (*RESTRICTED, "clustershow", "clusterset")
ALIKE = {"print": "show", "new": "add", "edit": "set"}
"""Words of the original for what ours call otherwise."""
OPERATIONS = {
    "show": ("show | print", gettext_noop("Show the settings and where they come from.")),
    "add": (
        "add | new",
        gettext_noop("Add an entry: name FIELD=VALUE ...; alone, it asks."),
    ),
    "set": (
        "set | edit",
        gettext_noop(
            "Change an entry, or settings beside them: FIELD=VALUE ...; alone, each field is asked."
        ),
    ),
    "delete": ("delete", gettext_noop("Remove an entry by its name.")),
    "load": ("load", gettext_noop("Replace all settings by a JSON document.")),
    "clear": ("clear", gettext_noop("Set nothing here: empty settings, which override.")),
    "inherit": ("inherit", gettext_noop("Have no settings here, and inherit.")),
    "clusterset": (
        "clusterset",
        gettext_noop("Copy or move these settings between modes."),
    ),
    "clustershow": ("clustershow", gettext_noop("Show at which modes these settings are configured.")),
}
"""The menu: how an operation is written there, and its sentence."""
WORDLESS = ("show", "clear", "inherit", "clustershow")


def command_for(feature: Any) -> Command:
    """The command of one feature."""
    return Command(
        feature.name,
        lambda session, words: _run(session, feature, words),
        f"{feature.title}. {feature.help}",
        _usage(feature),
        PLACES[feature.scope],
        completions=_verbs(feature),
    )


def _usage(feature: Any) -> str:
    """The forms of its command; a restricted one is not shown what it refuses."""
    modes = USAGE_OF_MODES if feature.scope is Scope.CLUSTERABLE else ""
    return (USAGE + modes + USAGE_OF_OPTIONS).format(name=feature.name)


def _run(session: Session, feature: Any, words: list[str]) -> None:
    verb, rest = (words[0].casefold(), words[1:]) if words else ("", [])
    if not verb:
        return _menu(session, feature)
    verb = ALIKE.get(verb, verb)
    act = _VERBS.get(verb)
    if act is None and len(words) == 1 and editing.lone_setting(feature.schema):
        act, rest = _set, words
    if act is None:
        text = _("{name} does not know {verb!r}; see `help {name}`.").format(name=feature.name, verb=verb)
        raise UsageError(text + suggestion(verb, (*_verbs(feature), *ALIKE)))
    if verb in transferring.VERBS and feature.scope is not Scope.CLUSTERABLE:
        raise UsageError(
            _("{name} is a restricted command; it has no {verb}.").format(name=feature.name, verb=verb)
        )
    if verb in WORDLESS and rest:
        text = _("{name} {verb} takes no words; it does not know {word!r}.")
        raise UsageError(text.format(name=feature.name, verb=verb, word=rest[0][:60]))
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
        _change(session, feature, start, lambda document: document)
    _show(session, feature, [])
    _say_overrides(session, feature, start.mode)
    return _operations(session, feature)


def _verbs(feature: Any) -> tuple[str, ...]:
    return VERBS if feature.scope is Scope.CLUSTERABLE else RESTRICTED


def _operations(session: Session, feature: Any) -> None:
    """What to do with the settings, until the person leaves; a mistake does not throw them out."""
    entries = any(part.get("type") == "array" for part in feature.schema["properties"].values())
    offered = [v for v in OPERATIONS if v in _verbs(feature) and (entries or v not in ("add", "delete"))]
    known = {OPERATIONS[verb][0]: _(OPERATIONS[verb][1]) for verb in offered}
    while True:
        try:
            words = operation(session.dialogue, known)
            if not words:
                return
            _run(session, feature, words)
        except GroundChanged:
            raise
        except refusals_and(CommandError) as error:
            for line in str(error).splitlines():
                session.dialogue.warn(line)


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
    flags = flags_at(session.draft_state, _machine_of(session, mode), feature.name, catalogue())
    if session.as_json:
        found = {
            "feature": feature.name,
            "mode": str(mode),
            "defined": defined,
            "origin": str(setting.origin or "factory"),
            "value": value,
            "flags": [flag.message for flag in flags],
        }
        say_json(session.dialogue, found)
        return
    where = _("defined here") if defined else _("from {origin}").format(origin=origin)
    session.dialogue.say(f"{feature.name}: {session.label(mode)}, {where}")
    for line in document_lines(value):
        session.dialogue.say(line)
    for flag in flags:
        session.dialogue.say(f"! {flag.message}")


def _machine_of(session: Session, mode: Mode) -> Mode:
    """The machine that speaks of a mode: a standalone one holds its shareable settings at the cluster's."""
    return session.own_mode if session.state.standalone else mode


def _set(session: Session, feature: Any, words: list[str]) -> None:
    _place(session, feature, words, editing.set_words, asking.edited_entry)


def _add(session: Session, feature: Any, words: list[str]) -> None:
    _place(session, feature, words, editing.add_words, asking.new_entry)


def _delete(session: Session, feature: Any, words: list[str]) -> None:
    _edit(session, feature, words, editing.delete_words)


Change = Callable[[Any, Document, list[str], str], Document]
Placing = Callable[[Any, Document, list[str], str, editing.Spot], Document]
Asking = Callable[[Dialogue, Any, Document, str, editing.Spot], Callable[[Document], Document]]


def _place(session: Session, feature: Any, words: list[str], change: Placing, ask: Asking) -> None:
    """An edit that may say where a row stands; where it does not and the table decides, that is told.

    Without words, a person is asked field by field.
    """
    words, spot = editing.spot_of(words)
    told: list[str] = []

    def placed(schema: Any, document: Document, rest: list[str], at: str) -> Document:
        changed = change(schema, document, rest, at, spot)
        if not spot.said and at:
            told.append(editing.went_before(schema, document, changed, rest, at))
        return changed

    def asked(document: Document, at: str) -> Callable[[Document], Document]:
        return ask(session.dialogue, feature, document, at, spot)

    _edit(session, feature, words, placed, asked)
    for name in filter(None, told):
        text = _("It stands before {name}, which takes everything; --last puts it behind.")
        session.dialogue.warn(text.format(name=name))


def _edit(
    session: Session,
    feature: Any,
    words: list[str],
    change: Change,
    ask: Callable[[Document, str], Callable[[Document], Document]] | None = None,
) -> None:
    words, table = _option(words, "--in")
    words, how = _start_option(words)
    _refuse_options(feature, [word for word in words if word not in editing.SPOTS])
    start = begun(session, feature, how)
    if start is None:
        return
    if ask is not None and not words and session.dialogue.interactive:
        # Nobody holds the lock while a person thinks.
        _change(session, feature, start, ask(start.document(session, feature), table))
        return
    _change(session, feature, start, lambda document: change(feature.schema, document, words, table))


def _change(session: Session, feature: Any, start: Begun, change: Callable[[Document], Document]) -> None:
    # What is changed and what the draft is based on come from one reading (TRL-09).
    with drafts.held(session.replica_id):
        changed = change(start.document(session, feature))
        edited = drafts.edit(session.replica_id, session.user, start.mode, feature.name, changed)
    _say_edited(session, feature, start.mode, edited)


def _load(session: Session, feature: Any, words: list[str]) -> None:
    # Where to begin is no matter: the document replaces all there is.
    words, _how = _start_option(words)
    _refuse_options(feature, words)
    text = " ".join(words) or session.dialogue.input_text()
    _replace(session, feature, read_json(text))


def _import(session: Session, feature: Any, words: list[str]) -> None:
    words, table = _option(words, "--in")
    words, how = _start_option(words)
    if words:
        raise UsageError(
            _("Rows come from standard input, a line each; see `help {name}`.").format(name=feature.name)
        )
    text = session.dialogue.input_text()
    start = begun(session, feature, how)
    if start is not None:
        add = partial(editing.add_lines, feature.schema, text=text, at=table)
        _change(session, feature, start, add)


def _clear(session: Session, feature: Any, words: list[str]) -> None:
    _replace(session, feature, feature.empty)


def _inherit(session: Session, feature: Any, words: list[str]) -> None:
    mode = session.mode_for(feature.name)
    edited = drafts.remove(session.replica_id, session.user, mode, feature.name)
    _say_edited(session, feature, mode, edited)


def _replace(session: Session, feature: Any, document: Any) -> None:
    mode = session.mode_for(feature.name)
    edited = drafts.edit(session.replica_id, session.user, mode, feature.name, document)
    _say_edited(session, feature, mode, edited)


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


def _refuse_options(feature: Any, words: list[str]) -> None:
    """What looks like an option is no row, entry or document; only an address may begin with dashes."""
    for word in words:
        if word.startswith("--") and "@" not in word and not word.startswith("-----"):
            raise UsageError(
                _("{name} does not know {verb!r}; see `help {name}`.").format(name=feature.name, verb=word)
            )


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
    "import": _import,
    "clear": _clear,
    "inherit": _inherit,
    "clustershow": transferring.clustershow,
    "clusterset": transferring.clusterset,
}

COMMANDS = [command_for(feature) for feature in catalogue()]
