"""Entries asked field by field, as the original's dialogues do: `new` and `edit` without words (TRL-31).

Each question shows what holds in brackets; Enter keeps it, `-` empties it, `exit` leaves and changes nothing.
A wrong answer is asked again. What is asked outside the lock is put into the settings as they are then.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.dialogue import EXITS, Dialogue, answered, choose, confirm
from appliances.cli.editing import Spot, Table, parsed, path_of, table_of
from appliances.cli.errors import Left, UsageError
from appliances.cli.options import port
from appliances.cli.presenting import compact
from clusters.catalogue import Document, InvalidDocument, Problem

Schema = Mapping[str, Any]
Changing = Callable[[Document], Document]
MOST_CHOICES = 20
"""Rows that are listed by number; of more, one is asked for by its name."""

EMPTY = "-"
SERVICE = {"enabled", "port"}
"""The fields of a part that is asked as a service: whether it is on, and at which port."""


@dataclass(frozen=True)
class Questions:
    """The questions about one row.

    `wrong` tells what is wrong with an answer, given the row so far; of "" with the row as a whole.
    """

    dialogue: Dialogue
    first: Mapping[str, Any]
    wrong: Callable[[str, Document], str]

    def about(self, schema: Schema, row: Document) -> Document:
        """The row as answered; raises Left.

        Where its fields do not go together that is told, and all are asked once more, each with its answer.
        """
        answered = copy.deepcopy(row)
        while True:
            for name, part in schema["properties"].items():
                if _is_asked(part):
                    self._about_field(answered, name, part, required=name in schema.get("required", ()))
            wrong = self.wrong("", answered)
            if not wrong:
                return answered
            self.dialogue.warn(wrong)

    def _about_field(self, row: Document, name: str, part: Schema, *, required: bool) -> None:
        held = row.get(name, _beginning(part, self.first.get(name)))
        while True:
            row[name] = self._answer(part, held, required=required)
            wrong = self.wrong(name, row)
            if not wrong:
                return
            self.dialogue.warn(f"{_title(part, name)}: {wrong}")

    def _answer(self, part: Schema, held: Any, *, required: bool) -> Any:
        if set(part.get("properties", ())) == SERVICE:
            return self._service(part, held)
        if "properties" in part:
            return Questions(self.dialogue, {}, lambda name, row: "").about(part, held or {})
        if part.get("type") == "boolean":
            return confirm(self.dialogue, f"{_title(part)}?", default=bool(held))
        if "enum" in part:
            choices = [str(each) for each in part["enum"]]
            self.dialogue.say(_title(part))
            return choices[choose(self.dialogue, choices, default=choices.index(held) + 1) - 1]
        return self._text(part, held, required=required)

    def _service(self, part: Schema, held: Mapping[str, Any]) -> dict[str, Any]:
        title = _title(part)
        question = _("Do you want to enable {service} on this interface?").format(service=title)
        enabled = confirm(self.dialogue, question, default=bool(held["enabled"]))
        if not enabled:
            return {**held, "enabled": False}
        question = _("Which port do you want to use for {service}?").format(service=title)
        return {"enabled": True, "port": answered(self.dialogue, question, port, str(held["port"]))}

    def _text(self, part: Schema, held: Any, *, question: str = "", required: bool = True) -> Any:
        shown = compact(held) if held not in (None, "", []) else ""
        tried = False
        while True:
            answer = self.dialogue.ask(question or _question(part), shown).strip()
            if answer.casefold() in EXITS or (not answer and tried):
                raise Left(_("Left; nothing more was done."))
            if answer == shown and (shown or not required):
                return held
            if answer == EMPTY and not required:
                return [] if part.get("type") == "array" else ""
            try:
                if answer:
                    return parsed(part, answer)
                tried = True
                self.dialogue.warn(_("This is needed; Enter once more leaves."))
            except UsageError as error:
                self.dialogue.warn(str(error))


def _is_asked(part: Schema) -> bool:
    """Secrets have commands of their own, and tables inside a row are edited with --in."""
    if part.get("x-secret") or "const" in part:
        return False
    if "properties" in part:
        return all(_is_asked(each) for each in part["properties"].values())
    return not any(each.get("type") in ("array", "object") for each in _inner(part))


def _inner(part: Schema) -> list[Schema]:
    items = part.get("items", {})
    fields = list(items.get("properties", {}).values())
    # Rows with many fields are a table; a host with its port is one answer.
    return [{"type": "object"}] if len(fields) > len(SERVICE) else fields


def _title(part: Schema, name: str = "") -> str:
    return _(str(part.get("title", ""))) or name


def _question(part: Schema) -> str:
    help_ = str(part.get("description", ""))
    return f"{_title(part)}. {_(help_)}" if help_ else _title(part)


def _beginning(part: Schema, first: Any) -> Any:
    """What a new row begins with: the default, and where the schema says so, what the first row has."""
    held = copy.deepcopy(part.get("default"))
    if part.get("x-likefirst") and first is not None:
        return first
    if isinstance(held, dict) and isinstance(first, dict):
        return {name: _beginning({**inner, "default": held.get(name)}, first.get(name))
                for name, inner in part.get("properties", {}).items()}  # fmt: skip
    return held


def new_entry(dialogue: Dialogue, feature: Any, document: Document, at: str, spot: Spot) -> Changing:
    """The change that adds a row of what the person answers; raises Left, UsageError."""
    table = table_of(feature.schema, copy.deepcopy(document), at)
    _say_how(dialogue)
    if not table.of_rows:
        entry = _plain_entry(dialogue, table)
    else:
        first = table.rows[0] if table.rows else {}
        place = len(table.rows)
        wrong = _judge(feature, document, at, place)
        entry = Questions(dialogue, first, wrong).about(table.schema, {})

    def add(now: Document) -> Document:
        after = copy.deepcopy(now)
        rows = table_of(feature.schema, after, at)
        name = str(entry[rows.key] if rows.of_rows else entry)
        if rows.find(name) is not None:
            text = _('{table} has an entry "{key}" already; change it with `edit`.')
            raise UsageError(text.format(table=rows.name, key=name))
        rows.put(entry, spot)
        return after

    return add


def _plain_entry(dialogue: Dialogue, table: Table) -> Any:
    """An entry of a plain list; raises Left."""
    return Questions(dialogue, {}, lambda name, row: "")._text({**table.schema, "title": _("Entry")}, None)


def edited_entry(dialogue: Dialogue, feature: Any, document: Document, at: str, spot: Spot) -> Changing:
    """The change that edits what the person chooses, to what they answer; raises Left, UsageError."""
    table = _rows_of(feature, document, at)
    if table is None:
        return _edited_settings(dialogue, feature, document)
    beside = [] if at else [name for name in feature.schema["properties"] if name != table.name]
    chosen = _chosen(dialogue, table, beside)
    _say_how(dialogue)
    if chosen in beside:
        return _edited_setting(dialogue, feature, document, chosen)
    place = table.find(chosen)
    if place is None:
        raise UsageError(_('{table} has no entry "{key}".').format(table=table.name, key=chosen))
    before = table.rows[place]
    after = Questions(dialogue, {}, _judge(feature, document, at, place)).about(table.schema, before)
    changed = {name: value for name, value in after.items() if before.get(name) != value}

    def edit(now: Document) -> Document:
        whole = copy.deepcopy(now)
        rows = table_of(feature.schema, whole, at)
        found = rows.find(chosen)
        if found is None:
            raise UsageError(_('{table} has no entry "{key}".').format(table=rows.name, key=chosen))
        row = {**rows.rows[found], **changed}
        if spot.said:
            del rows.rows[found]
            rows.put(row, spot)
        else:
            rows.rows[found] = row
        return whole

    return edit


def _say_how(dialogue: Dialogue) -> None:
    dialogue.say(_("Enter keeps what stands in brackets, - empties it, `exit` leaves and changes nothing."))


def _rows_of(feature: Any, document: Document, at: str) -> Table | None:
    """The table that is edited; None where the feature has none of rows."""
    if not any("properties" in part.get("items", {}) for part in feature.schema["properties"].values()):
        return None
    return table_of(feature.schema, copy.deepcopy(document), at)


def _chosen(dialogue: Dialogue, table: Table, beside: list[str]) -> str:
    names = [str(row[table.key]) for row in table.rows]
    if not names and not beside:
        raise UsageError(_("There is no entry yet; `new` makes one."))
    if len(names) > MOST_CHOICES:
        answer = dialogue.ask(_("Enter the name of the entry to edit.")).strip()
        number = 0
    else:
        number = choose(dialogue, [*names, *beside], default=None)
        answer = [*names, *beside][number - 1] if number else ""
    if not answer or answer.casefold() in EXITS:
        raise Left(_("Left; nothing more was done."))
    return answer


def _edited_settings(dialogue: Dialogue, feature: Any, document: Document) -> Changing:
    _say_how(dialogue)
    wrong = _judge_settings(feature, document)
    after = Questions(dialogue, {}, wrong).about(feature.schema, document)
    changed = {name: value for name, value in after.items() if document.get(name) != value}
    return lambda now: {**now, **changed}


def _edited_setting(dialogue: Dialogue, feature: Any, document: Document, name: str) -> Changing:
    part = feature.schema["properties"][name]
    one = {"properties": {name: part}}
    after = Questions(dialogue, {}, _judge_settings(feature, document)).about(one, document)
    return lambda now: {**now, name: after[name]}


def _judge(feature: Any, document: Document, at: str, place: int) -> Callable[[str, Document], str]:
    """What the feature says of a field of the row, or of the row as a whole."""
    path = f"{path_of(feature.schema, document, at)}.{place}"

    def wrong(name: str, row: Document) -> str:
        whole = copy.deepcopy(document)
        table_of(feature.schema, whole, at).rows[place : place + 1] = [row]
        return _problem(feature, whole, f"{path}.{name}") if name else _new_problem(feature, document, whole)

    return wrong


def _judge_settings(feature: Any, document: Document) -> Callable[[str, Document], str]:
    def wrong(name: str, after: Document) -> str:
        return _problem(feature, after, name) if name else _new_problem(feature, document, after)

    return wrong


def _problem(feature: Any, document: Document, path: str) -> str:
    mine = [p.message for p in _problems(feature, document) if f"{p.path}.".startswith(f"{path}.")]
    return mine[0] if mine else ""


def _new_problem(feature: Any, before: Document, after: Document) -> str:
    """What is wrong after an edit and was not before: others' faults do not hold a person up."""
    known = {(p.path, p.message) for p in _problems(feature, before)}
    found = [p for p in _problems(feature, after) if (p.path, p.message) not in known]
    return f"{found[0].place or found[0].path}: {found[0].message}" if found else ""


def _problems(feature: Any, document: Document) -> Sequence[Problem]:
    try:
        feature.read(document)
    except InvalidDocument as error:
        return error.problems
    return ()
