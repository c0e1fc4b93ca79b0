"""What one feature is: the shape of its settings, its place in the menu, and how Postfix learns of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from appliances.features.problems import in_words, placed
from appliances.features.remembering import LONG, ReadLast, long_text, name_of
from appliances.features.wording import _, say
from clusters.catalogue import Document, InvalidDocument, Problem, Reference, Scope
from clusters.wire import canonical

if TYPE_CHECKING:
    from appliances.features.machine import Machine
    from appliances.postfix.configuration import Configuration


_MEGABYTE = 1024 * 1024
MOST_BYTES = 12 * _MEGABYTE
"""JSON of one feature at one mode: four times a table of 40,000 routes, and less than any way carries."""


class Tab(StrEnum):
    """The tabs of the menu, in their order; the values are English message ids."""

    MONITOR = _("Monitor")
    MAIL_POLICIES = _("Mail Policies")
    SECURITY_SERVICES = _("Security Services")
    NETWORK = _("Network")
    SYSTEM_ADMINISTRATION = _("System Administration")


class Settings(BaseModel):
    """Base of all settings: nothing unknown, nothing converted, nothing echoed in errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, str_strip_whitespace=True, hide_input_in_errors=True
    )

    def problems(self) -> Iterator[Problem]:
        """What is wrong between fields that are each right by themselves."""
        yield from ()


SettingsModel = TypeVar("SettingsModel", bound=Settings)

_READ_LAST: ReadLast[Settings] = ReadLast()


@dataclass(frozen=True, eq=False)
class MailFeature(Generic[SettingsModel]):
    """One row of the feature catalogue; satisfies `clusters.catalogue.Feature`.

    `position` orders the features of a tab; `write` is None where Postfix need not know of the feature.
    `factory` is None where the source knows no factory default (T12). `blank` is what a new definition
    starts with (CL-09).
    `table` names the list without rows of which the feature does nothing. `needs` names features that must be
    on for what these settings do, though they name no item of them, and says for which settings.
    """

    name: str
    title: str
    help: str
    scope: Scope
    tab: Tab
    page: str
    position: int
    model: type[SettingsModel]
    factory: SettingsModel | None
    blank: Document
    write: Callable[[SettingsModel, Machine, Configuration], None] | None = None
    table: str = ""
    needs: Mapping[str, Callable[[SettingsModel], bool]] = field(default_factory=dict)

    @property
    def factory_default(self) -> Document | None:
        """A fresh copy of what holds where no mode defines the feature; None where there is none."""
        return None if self.factory is None else self.factory.model_dump(mode="json")

    @property
    def empty(self) -> Document:
        """A fresh copy of what a new definition starts with."""
        return self.model.model_construct(**self.blank).model_dump(mode="json")

    def read(self, document: object) -> SettingsModel:
        """The typed settings of a document; raises InvalidDocument with every problem found."""
        text = long_text(document)
        name = name_of(self.name, text) if text else ""
        known = _READ_LAST.find(name) if text else None
        if isinstance(known, self.model):
            return known
        found = self._read(document)
        if text:
            _READ_LAST.keep(name, len(text), found)
        return found

    def _read(self, document: object) -> SettingsModel:
        try:
            settings = self.model.model_validate(document)
        except ValidationError as error:
            raise InvalidDocument(self.name, placed(document, in_words(error))) from None
        problems = tuple(settings.problems())
        if problems:
            raise InvalidDocument(self.name, placed(document, problems))
        return settings

    def check(self, document: object) -> Document:
        """The document in its normal form; raises InvalidDocument and changes nothing."""
        settings = self.read(document)
        found: Document = settings.model_dump(mode="json")
        text = canonical(found)
        if (size := len(text.encode())) > MOST_BYTES:
            message = say(
                _("these settings have {size} MB, and at most {most} MB are kept; make their tables shorter"),
                size=-(-size // _MEGABYTE),
                most=MOST_BYTES // _MEGABYTE,
            )
            raise InvalidDocument(self.name, [Problem("", message)])
        if len(text) >= LONG:
            # It is this form that is read from now on.
            _READ_LAST.keep(name_of(self.name, text), len(text), settings)
        return found

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema with all parts in place, for forms, completion and documents.

        Each field has a title, a description where it needs one, limits, a default, and the hints of
        `fields.hint`. Fields stand in the order of the form, and of a table's columns.
        """
        raw = self.model.model_json_schema()
        inlined: Mapping[str, Any] = _inlined(raw, raw.get("$defs", {}))
        return inlined

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Paths of fields that are never shown; `*` stands for every item of a list."""
        return frozenset(path for path, _hint in _hinted(self.schema, "x-secret"))

    @cached_property
    def refers_to(self) -> frozenset[str]:
        """The features whose items the settings may name (DEP-02)."""
        return frozenset(name for _path, name in _hinted(self.schema, "x-reference"))

    def references(self, document: Document) -> Sequence[Reference]:
        """What the document refers to, in the order of its fields (DEP-01, DEP-02)."""
        return [
            Reference(path, feature, item)
            for pattern, feature in _hinted(self.schema, "x-reference")
            for path, item in found(document, pattern)
            if item
        ]

    def items(self, document: Document) -> Sequence[str]:
        """The names that other documents can refer to."""
        return [
            item
            for pattern, _hint in _hinted(self.schema, "x-item")
            for _path, item in found(document, pattern)
        ]

    def is_on(self, document: Document) -> bool:
        """Whether the document does anything; an empty table switches its feature off (CL-10)."""
        return not self.table or bool(document.get(self.table))

    def depends_on(self, document: Document) -> Collection[str]:
        """The features that must be on where this document holds: those named in it, and `needs` (L22)."""
        named = {reference.feature for reference in self.references(document)}
        return named | set(self._needed(document))

    def _needed(self, document: Document) -> Iterator[str]:
        try:
            settings = self.read(document)
        except InvalidDocument:
            return
        yield from (name for name, applies in self.needs.items() if applies(settings))


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    target = node.get("$ref")
    if target is not None:
        node = {**definitions[target.rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
    return {key: _inlined(value, definitions) for key, value in node.items() if key != "$defs"}


def _hinted(schema: Mapping[str, Any], key: str, path: str = "") -> Iterator[tuple[str, Any]]:
    if key in schema:
        yield path, schema[key]
    for name, part in schema.get("properties", {}).items():
        yield from _hinted(part, key, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _hinted(schema["items"], key, f"{path}.*")


def found(document: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Every place of a document that a path with `*` names, and what stands there."""
    head, _dot, rest = pattern.partition(".")
    for name, value in _children(document, head):
        if not rest:
            yield name, value
            continue
        for below, item in found(value, rest):
            yield f"{name}.{below}", item


def _children(document: Any, name: str) -> Iterable[tuple[str, Any]]:
    if name == "*":
        return ((str(index), item) for index, item in enumerate(document))
    return ((name, document[name]),) if name in document else ()


def repeated(path: str, values: Sequence[str], message: str) -> Iterator[Problem]:
    """A problem at each value that stood before; `path` holds `{}` where its index goes."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        folded = value.casefold()
        if folded in seen:
            yield Problem(path.format(index), message)
        seen.add(folded)
