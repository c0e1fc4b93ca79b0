"""A small catalogue for tests: features of every scope, with items, references and consequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusters.catalogue import (
    Called,
    Catalogue,
    Document,
    Door,
    InvalidDocument,
    Problem,
    RedFlag,
    Reference,
    Scope,
)


@dataclass(frozen=True)
class SampleFeature:
    """A feature whose documents are `{"rows": [text, ...], "uses": text}`, both optional."""

    name: str
    scope: Scope = Scope.CLUSTERABLE
    factory_default: Document | None = None
    secrets: frozenset[str] = frozenset()
    uses: str = ""

    @property
    def title(self) -> str:
        return self.name.title()

    @property
    def schema(self) -> Document:
        rows = {"type": "array", "items": {"type": "string"}}
        fields = {"rows": rows, "uses": {"type": "string"}}
        return {"type": "object", "properties": fields, "additionalProperties": False}

    @property
    def empty(self) -> Document:
        return {"rows": []}

    def check(self, document: object) -> Document:
        if not isinstance(document, dict):
            raise InvalidDocument(self.name, [Problem("", "is no object")])
        if unknown := sorted(set(document) - {"rows", "uses"}):
            raise InvalidDocument(self.name, [Problem(key, "is unknown") for key in unknown])
        return {"rows": [], **document}

    def references(self, document: Document) -> Sequence[Reference]:
        return [Reference("uses", self.uses, document["uses"])] if document.get("uses") else []

    def items(self, document: Document) -> Sequence[str]:
        return list(document["rows"])

    def is_on(self, document: Document) -> bool:
        return bool(document["rows"])

    def depends_on(self, document: Document) -> Sequence[str]:
        return [reference.feature for reference in self.references(document)]


class SampleConsequences:
    """One line for each row of each feature; a red flag for each that has none."""

    def lines(self, documents: Mapping[str, Document]) -> Sequence[str]:
        return [f"{name} {row}" for name, value in documents.items() for row in value.get("rows", [])]

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        return [RedFlag(name, "is empty") for name, value in documents.items() if not value.get("rows")]

    def departures(
        self, called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
    ) -> Sequence[RedFlag]:
        return []

    def doors(self, documents: Mapping[str, Document]) -> Sequence[Door] | None:
        return None


FEATURES = (
    SampleFeature("routes"),
    SampleFeature("listeners", uses="routes", factory_default={"rows": ["default"]}),
    SampleFeature("interfaces", Scope.MACHINE),
    SampleFeature("users", Scope.CLUSTER),
)
CATALOGUE = Catalogue({f.name: f for f in FEATURES}, SampleConsequences())


def rows(*names: str) -> Document:
    """A document of a sample feature."""
    return {"rows": list(names)}
