"""A feature's settings as fields of a page, built from its schema: a new feature has a page at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from clusters.catalogue import Document, Problem

ROOT = "f"
ROW = "row:"
KEPT = "keep:"
WIDEST_TABLE = 6

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a field; `note` says what is special about it (GUI-17)."""

    value: str
    label: str
    note: str = ""


Choices = Callable[[str], Sequence[Option]]
"""The items of another feature, by its name, that a reference may name."""


@dataclass
class Field:
    """One field or part of the page. `path` names it in the form, `at` is its place in the document."""

    path: str
    at: str
    kind: str
    name: str
    schema: Schema
    value: Any = None
    required: bool = False
    errors: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    blank: Row | None = None
    depth: int = 0
    among: str = ""

    @property
    def id(self) -> str:
        return self.path.replace(".", "-").replace(":", "-")

    @property
    def title(self) -> str:
        return _translated(str(self.schema.get("title", "")) or self.name.replace("_", " ").capitalize())

    @property
    def help(self) -> str:
        return _translated(str(self.schema.get("description", ""))) if self.kind != "object" else ""

    @property
    def described(self) -> str:
        """The ids of help and errors, for screen readers."""
        parts = [f"{self.id}-help"] if self.help else []
        return " ".join([*parts, *([f"{self.id}-error"] if self.errors else [])])

    @property
    def lowest(self) -> Any:
        return self.schema.get("minimum")

    @property
    def highest(self) -> Any:
        return self.schema.get("maximum")

    @property
    def longest(self) -> Any:
        return self.schema.get("maxLength")

    @property
    def first_match(self) -> str:
        """The field of a row that says whom it matches, where the first row that does decides."""
        return str(self.schema.get("x-first-match", ""))

    @property
    def lines(self) -> str:
        """The value of a list as a text of lines."""
        return "\n".join(str(item) for item in self.value or [])

    @property
    def line_count(self) -> int:
        return min(
            8,
            max(
                2 if self.kind == "lines" else 3,
                str(self.lines if self.kind == "lines" else self.value or "").count("\n") + 1,
            ),
        )

    @property
    def note(self) -> str:
        """What is special about the chosen option (GUI-17)."""
        return next((option.note for option in self.options if option.value == self.value), "")

    @property
    def word(self) -> str:
        """The value for reading only."""
        chosen = next((option.label for option in self.options if option.value == self.value), None)
        return str(self.value if chosen is None else chosen)

    def walk(self) -> Iterator[Field]:
        """This field and all below it."""
        yield self
        below = [*self.children, *(child for row in self.rows for child in row.fields)]
        for child in below:
            yield from child.walk()

    def id_at(self, at: str) -> str:
        """The id of the field, or of the row, that shows a problem at that place; empty where none does."""
        places = {found.at: found.id for found in self.walk()}
        for found in self.walk():
            places |= {f"{found.at}.{row.id}": row.anchor for row in found.rows}
        return places.get(at) or places.get(at.rpartition(".")[0], "") if at else ""


@dataclass
class Row:
    """One item of a table. `id` names it in the form, wherever it is moved to."""

    id: str
    path: str
    fields: list[Field]
    errors: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The id of the row in the page."""
        return f"row-{self.path.replace('.', '-')}"

    @property
    def title(self) -> str:
        """What names the item: its first text."""
        texts = (f.value for f in self.fields if f.kind in ("text", "reference") and f.value)
        return str(next(texts, ""))

    @property
    def has_errors(self) -> bool:
        """Whether something in the item is wrong."""
        return bool(self.errors) or any(found.errors for child in self.fields for found in child.walk())

    @property
    def as_field(self) -> Field:
        """The item as a part of its own, for reading only."""
        return Field(self.path, "", "object", self.title, {}, children=self.fields)


def _translated(message: str) -> str:
    return _(message) if message else ""


@dataclass(frozen=True)
class Builder:
    """Makes fields; `choices` gives what references may name, `problems` what is wrong and where."""

    choices: Choices
    problems: Sequence[Problem] = ()

    def form(self, schema: Schema, document: Document) -> Field:
        """The whole page."""
        return self._field("", schema, document, ROOT, "", required=True, depth=0)

    def _field(
        self, name: str, schema: Schema, value: Any, path: str, at: str, *, required: bool, depth: int
    ) -> Field:
        plain, _nullable = plain_schema(schema)
        made = Field(path, at, kind_of(plain), name, plain, value, required, self._errors(at), depth=depth)
        if made.kind == "object":
            made.children = self._children(plain, value if isinstance(value, dict) else {}, path, at, depth)
        elif made.kind in ("table", "cards"):
            self._fill_rows(made, value if isinstance(value, list) else [])
        elif made.kind == "lines":
            made.errors += self._line_errors(at)
        elif made.kind in ("choice", "reference"):
            made.options = self._options(made)
        made.among = str(plain.get("x-among", ""))
        return made

    def _children(self, schema: Schema, value: Document, path: str, at: str, depth: int) -> list[Field]:
        required = schema.get("required", [])
        return [
            self._field(
                name,
                part,
                value.get(name, part.get("default")),
                f"{path}.{name}",
                f"{at}.{name}" if at else name,
                required=name in required,
                depth=depth,
            )
            for name, part in ordered(schema)
        ]

    def _fill_rows(self, made: Field, items: list[Any]) -> None:
        part = made.schema["items"]
        for index, item in enumerate(items):
            made.rows.append(self._row(made, part, item, str(index), f"{made.at}.{index}"))
        blank = Builder(self.choices)
        first = items[0] if items and isinstance(items[0], dict) else {}
        start = start_of(part) | like_first(part, first)
        made.blank = blank._row(made, part, start, f"__{made.depth}__", "-")

    def _row(self, made: Field, part: Schema, item: Any, ident: str, at: str) -> Row:
        path = f"{made.path}.{ident}"
        fields = self._children(part, item if isinstance(item, dict) else {}, path, at, made.depth + 1)
        return Row(ident, path, fields, self._errors(at))

    def _errors(self, at: str) -> list[str]:
        return [problem.message for problem in self.problems if problem.path == at]

    def _line_errors(self, at: str) -> list[str]:
        found = []
        for problem in self.problems:
            head, _dot, tail = problem.path.rpartition(".")
            if head == at and tail.isdecimal():
                found.append(_("Line %(n)d: %(what)s") % {"n": int(tail) + 1, "what": problem.message})
        return found

    def _options(self, made: Field) -> list[Option]:
        if made.kind == "choice":
            return [Option(str(word), _translated(str(word))) for word in made.schema["enum"]]
        options = list(self.choices(made.schema["x-reference"]))
        if made.value and made.value not in [option.value for option in options]:
            options.append(Option(str(made.value), str(made.value), _("not defined anywhere")))
        return options


def plain_schema(schema: Schema) -> tuple[Schema, bool]:
    """The schema without its "or null", and whether null is allowed."""
    parts = schema.get("anyOf")
    if not parts:
        return schema, False
    kept = next(part for part in parts if part.get("type") != "null")
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kept, **rest}, any(part.get("type") == "null" for part in parts)


def kind_of(schema: Schema) -> str:
    """Which widget a part of a schema gets."""
    if "properties" in schema:
        return "object"
    if schema.get("type") == "array":
        return _list_kind(schema["items"])
    if "const" in schema:
        return "fixed"
    for key, kind in (("x-secret", "secret"), ("x-reference", "reference"), ("enum", "choice")):
        if schema.get(key):
            return kind
    if schema.get("x-widget") == "textarea":
        return "prose"
    return {"boolean": "switch", "integer": "number", "number": "number"}.get(str(schema.get("type")), "text")


def _list_kind(items: Schema) -> str:
    if "properties" not in items:
        return "lines"
    kinds = [kind_of(plain_schema(part)[0]) for part in items["properties"].values()]
    broad = any(kind in ("object", "cards", "prose") for kind in kinds)
    return "cards" if broad or len(kinds) > WIDEST_TABLE else "table"


def ordered(schema: Schema) -> list[tuple[str, Schema]]:
    """The fields of an object; what must be given comes first where it stands behind inherited ones."""
    parts = list(schema["properties"].items())
    required = schema.get("required", [])
    if parts and required and parts[0][0] not in required and len(required) == 1:
        parts.sort(key=lambda pair: pair[0] not in required)
    return parts


def start_of(schema: Schema) -> Document:
    """What a new item begins with: the defaults of its fields, one row in tables that need one."""
    start: Document = {}
    for name, part in schema.get("properties", {}).items():
        if "default" in part:
            start[name] = part["default"]
        elif part.get("minItems") and "properties" in part.get("items", {}):
            start[name] = [start_of(part["items"])]
    return start


def like_first(schema: Schema, first: Document) -> Document:
    """What a new item takes from the first one: a machine has SSH on one port, on all its addresses."""
    taken: Document = {}
    for name, part in schema.get("properties", {}).items():
        inside = first.get(name)
        if part.get("x-likefirst") and inside is not None:
            taken[name] = inside
        elif isinstance(inside, dict) and (below := like_first(part, inside)):
            taken[name] = start_of(part) | below
    return taken
