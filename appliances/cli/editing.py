"""Changes a document by words that a person typed, led by the schema of its feature alone.

    set KEY [ITEM ...] [FIELD=VALUE ...]     a row of the feature's table, made or changed
    set FIELD=VALUE ...                      settings outside the table
    set VALUE                                a feature with one setting
    add / delete KEY                         a new row, a row less; entries of a plain list likewise
    --before NAME | --first | --last         where a row of `set` and `add` stands, also one that is there

A row is named by its first required field. FIELD may have dots (`ssh.port=22`). A list is written with
commas, and a host with its port as `[::1]:25`. `at` names a table inside a row: `incoming/rat/entries`.

Where the first row that matches decides, a new row stands before the one that matches everything: behind it,
it would never be reached.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.errors import UsageError
from appliances.cli.suggesting import suggestion
from appliances.features.fields import takes_all, usual_form
from appliances.features.lines import UnreadableLines, rows_of
from clusters.catalogue import Document

SPOTS = ("--before", "--first", "--last")
"""The options that say where a row of a table stands."""

Schema = Mapping[str, Any]
YES = {"yes", "true", "on", "1", "y"}
NO = {"no", "false", "off", "0", "n"}


_FIELD = re.compile(r"([a-z_]+(?:\.[a-z_]+)*)=(?!.*@)")
"""What a mistyped FIELD=VALUE looks like; a mail address may have = before its @."""


@dataclass(frozen=True)
class Spot:
    """Where a person wants a row: before the row of a name, first or last; empty where nothing is said."""

    before: str = ""
    first: bool = False
    last: bool = False

    @property
    def said(self) -> bool:
        """Whether a person has said anything."""
        return bool(self.before) or self.first or self.last


ANYWHERE = Spot()


def spot_of(words: Sequence[str]) -> tuple[list[str], Spot]:
    """The words without --before NAME, --first and --last, and what they say; raises UsageError."""
    rest, found = list(words), Spot()
    for option in [word for word in words if word in SPOTS]:
        if found.said:
            raise UsageError(_("Say one of --before NAME, --first and --last."))
        place = rest.index(option)
        name = rest[place + 1 : place + 2] if option == "--before" else []
        if option == "--before" and not name:
            raise UsageError(_("{name} needs a value.").format(name=option))
        del rest[place : place + 1 + len(name)]
        found = Spot("".join(name), option == "--first", option == "--last")
    return rest, found


@dataclass(frozen=True)
class Table:
    """A list in a document that is being edited, with the schema of its entries."""

    name: str
    rows: list[Any]
    schema: Schema
    first_match: str = ""
    """The field that says whom a row matches, where the first row that does decides."""

    @property
    def of_rows(self) -> bool:
        """Whether entries are rows with fields, not plain values."""
        return "properties" in self.schema

    @property
    def key(self) -> str:
        """The field that names a row: the first that has to be given."""
        return str(self.schema["required"][0])

    def find(self, name: str) -> int | None:
        """The position of the row (or plain entry) of that name, in any form that means it."""
        wanted = self._alike(name)
        return next((i for i, n in enumerate(self._names()) if self._alike(n) == wanted), None)

    def catch_all(self) -> int | None:
        """The position of the first row that matches everything; None where there is none."""
        return next((i for i, row in enumerate(self.rows) if takes_all(row, self.first_match)), None)

    def put(self, entry: Any, spot: Spot) -> None:
        """Enters a row where the person wants it; else last, but before the one that matches everything."""
        self.rows.insert(self._place(entry, spot), entry)

    def _place(self, entry: Any, spot: Spot) -> int:
        if spot.first:
            return 0
        if spot.before:
            found = self.find(spot.before)
            if found is None:
                raise _missing(self.name, spot.before)
            return found
        everything = None if spot.last or takes_all(entry, self.first_match) else self.catch_all()
        return len(self.rows) if everything is None else everything

    def _names(self) -> list[str]:
        return [str(row[self.key] if self.of_rows else row) for row in self.rows]

    def _alike(self, name: str) -> str:
        # No casefold: faß.de would be fass.de, which belongs to others.
        part = self.schema["properties"][self.key] if self.of_rows else self.schema
        return usual_form(part.get("x-format", ""), name).lower()


def set_words(
    schema: Schema, document: Document, words: Sequence[str], at: str = "", spot: Spot = ANYWHERE
) -> Document:
    """The document after `set`; raises UsageError."""
    if not words:
        raise UsageError(_("Say what to set: KEY FIELD=VALUE ..., or FIELD=VALUE ..."))
    after = copy.deepcopy(document)
    if not at and all(_assigns(schema, word) for word in words):
        _require_nowhere(spot)
        for word in words:
            _assign(schema, after, word)
        return after
    lone = lone_setting(schema)
    if lone and not at and len(words) == 1:
        _require_nowhere(spot)
        after[lone] = parsed(schema["properties"][lone], words[0])
        return after
    table = table_of(schema, after, at)
    if not table.of_rows:
        raise UsageError(_("Use `add` and `delete` for entries of this list."))
    _set_row(table, words, spot, must_be_new=False)
    return after


def _require_nowhere(spot: Spot) -> None:
    if spot.said:
        raise UsageError(_("--before, --first and --last say where a row of a table stands; this is none."))


def add_words(
    schema: Schema, document: Document, words: Sequence[str], at: str = "", spot: Spot = ANYWHERE
) -> Document:
    """The document after `add`; raises UsageError, also for a row that exists."""
    if not words:
        raise UsageError(_("Say what to add."))
    after = copy.deepcopy(document)
    table = table_of(schema, after, at)
    if table.of_rows:
        _set_row(table, words, spot, must_be_new=True)
        return after
    # The first of several goes in last: each pushes the one before it on.
    for word in reversed(words) if spot.first else words:
        if table.find(word) is None:
            table.put(parsed(table.schema, word), spot)
    return after


def add_lines(schema: Schema, document: Document, text: str, at: str = "") -> Document:
    """The document with a row more for each line; raises UsageError, naming each line that does not fit."""
    after = copy.deepcopy(document)
    table = table_of(schema, after, at)
    try:
        rows = rows_of(table.schema, text)
    except UnreadableLines as error:
        raise UsageError("\n".join(str(problem) for problem in error.problems)) from None
    if not rows:
        raise UsageError(_("There are no lines."))
    for row in rows:
        table.put(row, ANYWHERE)
    return after


def delete_words(schema: Schema, document: Document, words: Sequence[str], at: str = "") -> Document:
    """The document without the named rows or entries; raises UsageError for one that is not there."""
    if not words:
        raise UsageError(_("Say which entry to delete."))
    after = copy.deepcopy(document)
    table = table_of(schema, after, at)
    for word in words:
        position = table.find(word)
        if position is None:
            raise _missing(table.name, word)
        del table.rows[position]
    return after


def _missing(table: str, key: str) -> UsageError:
    return UsageError(_('{table} has no entry "{key}".').format(table=table, key=key))


def went_before(schema: Schema, before: Document, after: Document, words: Sequence[str], at: str) -> str:
    """The row that matches everything, where a new row was put before it unasked; empty for all else."""
    old, new = (table_of(schema, copy.deepcopy(each), at) for each in (before, after))
    everything, place = new.catch_all(), new.find(words[0]) if words else None
    if everything is None or place is None or old.find(words[0]) is not None or place != everything - 1:
        return ""
    return str(new.rows[everything][new.key])


def table_of(schema: Schema, document: Document, at: str = "") -> Table:
    """The feature's table, or the one that `at` names inside its rows; raises UsageError."""
    name = next((n for n, part in schema["properties"].items() if part.get("type") == "array"), None)
    if name is None:
        raise UsageError(_("This feature has no table; use FIELD=VALUE."))
    table = _table(name, document, schema["properties"][name])
    for step in [part for part in at.split("/") if part]:
        table = _inside(table, step)
    return table


def path_of(schema: Schema, document: Document, at: str) -> str:
    """The path of the table that `at` names, as problems have it: `listeners.0.hat.sender_groups`."""
    table = table_of(schema, copy.deepcopy(document))
    path = [table.name]
    for step in [part for part in at.split("/") if part]:
        path.append(step if isinstance(table, _Row) else str(table.find(step)))
        table = _inside(table, step)
    return ".".join(path)


def _table(name: str, holder: dict[str, Any], part: Schema) -> Table:
    return Table(name, holder.setdefault(name, []), part["items"], str(part.get("x-first-match", "")))


def _inside(table: Table, step: str) -> Table:
    """One step of a path: first the name of a row, then fields down to a list."""
    if isinstance(table, _Row):
        return table.table(step)
    position = table.find(step) if table.of_rows else None
    if position is None:
        raise _missing(table.name, step)
    return _Row(step, [], table.schema, value=table.rows[position])


@dataclass(frozen=True)
class _Row(Table):
    value: dict[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        part = self.schema["properties"].get(name)
        if part is None:
            raise UsageError(_('{entry} has no table "{name}".').format(entry=self.name, name=name))
        if part.get("type") == "array":
            return _table(name, self.value, part)
        if "properties" not in part:
            raise UsageError(_("{name} is no table.").format(name=name))
        return _Row(name, [], part, value=self.value.setdefault(name, {}))


def _set_row(table: Table, words: Sequence[str], spot: Spot, *, must_be_new: bool) -> None:
    if isinstance(table, _Row):
        raise UsageError(_("{name} is a row; name one of its tables.").format(name=table.name))
    key, *rest = words
    position = table.find(key)
    if position is not None and must_be_new:
        text = _('{table} has an entry "{key}" already; change it with `set`.')
        raise UsageError(text.format(table=table.name, key=key))
    row = {table.key: key} if position is None else dict(table.rows[position])
    items = [word for word in rest if not _assigns(table.schema, word)]
    if items:
        _set_items(table, row, items)
    for word in rest:
        if _assigns(table.schema, word):
            _assign(table.schema, row, word)
    if position is not None and not spot.said:
        table.rows[position] = row
    elif position is None or table.find(spot.before) != position:
        if position is not None:
            del table.rows[position]
        table.put(row, spot)
    else:
        raise UsageError(_("A row cannot stand before itself."))


def _set_items(table: Table, row: dict[str, Any], items: Sequence[str]) -> None:
    fields = table.schema["properties"]
    name = next((n for n, part in fields.items() if part.get("type") == "array"), None)
    if name is None:
        known = ", ".join(n for n in fields if n != table.key)
        text = _('"{text}" is no FIELD=VALUE; fields are {known}.')
        meant = suggestion(items[0].partition("=")[0], fields) if "=" in items[0] else ""
        raise UsageError(text.format(text=items[0], known=known) + meant)
    for item in items:
        _refuse_field(table, item)
    row[name] = [parsed(fields[name]["items"], item) for item in items]


def _refuse_field(table: Table, word: str) -> None:
    """What looks like FIELD=VALUE is no item of a list: a mistyped field is told as such (TRL-27)."""
    found = _FIELD.match(word)
    if found is None:
        return
    name, fields = found.group(1), table.schema["properties"]
    if any(part.get("x-secret") and known.startswith(name) for known, part in fields.items()):
        text = _("{name} is not set here: `passwd {key}` asks for it, once the row is committed.")
        raise UsageError(text.format(name=name, key="USER"))
    text = _('There is no field "{name}"; fields are {known}.')
    known = ", ".join(field for field in fields if field != table.key)
    raise UsageError(text.format(name=name, known=known) + suggestion(name, fields))


def lone_setting(schema: Schema) -> str | None:
    """The one setting of a feature that has no other and no table; None for all else."""
    names = list(schema["properties"])
    return names[0] if len(names) == 1 and schema["properties"][names[0]].get("type") != "array" else None


def _assigns(schema: Schema, word: str) -> bool:
    """Whether the word is FIELD=VALUE of a field that exists; addresses may hold `=` too."""
    path, equals, _ = word.partition("=")
    return bool(equals) and _part(schema, path) is not None


def _part(schema: Schema, path: str) -> Schema | None:
    part: Schema | None = schema
    for name in path.split("."):
        part = part.get("properties", {}).get(name) if part else None
    return part


def _assign(schema: Schema, target: dict[str, Any], word: str) -> None:
    path, _, text = word.partition("=")
    *above, last = path.split(".")
    part = _part(schema, path)
    assert part is not None  # _assigns has looked
    for name in above:
        below = dict(target.get(name) or {})
        target[name] = below
        target = below
    try:
        target[last] = parsed(part, text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parsed(schema: Schema, text: str) -> Any:
    """The value that a text means for a field; raises UsageError."""
    kind = schema.get("type")
    if kind == "integer":
        return _integer(text)
    if kind == "boolean":
        return _boolean(text)
    if kind == "array":
        parts = [part.strip() for part in text.split(",")]
        return [parsed(schema["items"], part) for part in parts if part]
    if "properties" in schema:
        return _compact(schema["properties"], text)
    return text


def _integer(text: str) -> int:
    if not text.strip().lstrip("-").isdecimal() or len(text) > 20:
        raise UsageError(_('"{text}" is no whole number.').format(text=text))
    return int(text)


def _boolean(text: str) -> bool:
    if text.casefold() not in YES | NO:
        raise UsageError(_('"{text}" is neither yes nor no.').format(text=text))
    return text.casefold() in YES


def _compact(fields: Mapping[str, Schema], text: str) -> dict[str, Any]:
    """A small object in one word: its fields in order with `:` between.

    What holds a `:` itself stands in brackets. These stay: for a host name they mean something.
    """
    first, parts = text, []
    if text.startswith("[") and "]" in text:
        first, _bracket, rest = text.partition("]")
        first += "]"
        parts = rest.removeprefix(":").split(":") if rest else []
    elif text.count(":") < len(fields):
        first, *parts = text.split(":")
    if len(parts) >= len(fields):
        message = _('"{text}" has more parts than {fields}.')
        raise UsageError(message.format(text=text, fields=", ".join(fields)))
    values = dict(zip(fields, [first, *parts], strict=False))
    return {name: _part_of(text, fields, name, value) for name, value in values.items()}


def _part_of(text: str, fields: Mapping[str, Schema], name: str, value: str) -> Any:
    try:
        return parsed(fields[name], value)
    except UsageError:
        message = _('"{text}": "{value}" is no {name}; write {form}.')
        told = {"text": text, "value": value, "name": name, "form": ":".join(fields)}
        raise UsageError(message.format(**told)) from None
