"""A small catalogue whose features mean nothing: the double of `appliances.features` for clusters/."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def _no_references(document: Document) -> Sequence[Reference]:
    return ()


@dataclass(frozen=True)
class Table:
    """A feature whose document is `{"rows": [{"name": …, …}]}`, and other fields that `fields` names.

    Rows are its items; without rows it is off. Beside what it refers to it depends on `needs`. It brings a
    document in order by sorting the rows' fields.
    """

    name: str
    scope: Scope = Scope.CLUSTERABLE
    factory_default: Document | None = None
    secrets: frozenset[str] = frozenset()
    refer: Callable[[Document], Sequence[Reference]] = _no_references
    needs: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return self.name.title()

    @property
    def schema(self) -> Document:
        row = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        rows = {"type": "array", "items": row}
        return {"type": "object", "properties": {"rows": rows}, "required": ["rows"]}

    @property
    def empty(self) -> Document:
        return {"rows": []}

    def check(self, document: object) -> Document:
        if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
            raise InvalidDocument(self.name, [Problem("rows", "expected a list")])
        problems = [
            Problem(f"rows.{i}.name", "a row has a name")
            for i, row in enumerate(document["rows"])
            if not isinstance(row, dict) or not row.get("name")
        ]
        if problems:
            raise InvalidDocument(self.name, problems)
        return dict(document)

    def references(self, document: Document) -> Sequence[Reference]:
        return self.refer(document)

    def items(self, document: Document) -> Sequence[str]:
        return [row["name"] for row in document["rows"]]

    def is_on(self, document: Document) -> bool:
        return bool(document["rows"])

    def depends_on(self, document: Document) -> frozenset[str]:
        return self.needs | {reference.feature for reference in self.references(document)}


def _of_listener(document: Document) -> Sequence[Reference]:
    rows = list(enumerate(document["rows"]))
    interfaces = [
        Reference(f"rows.{i}.interface", "ports", r["interface"]) for i, r in rows if "interface" in r
    ]
    texts = [Reference(f"rows.{i}.text", "texts", r["text"]) for i, r in rows if r.get("text")]
    return [*interfaces, *texts]


class Lines:
    """One line per row; a flag where `routes` has none; a door per row of `ports`, unless it is `shut`.

    With ports that are `unreadable` nobody knows of doors.
    """

    def lines(self, documents: Mapping[str, Document]) -> Sequence[str]:
        return [f"{name} {row['name']}" for name, d in documents.items() for row in d["rows"]]

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        return [] if documents["routes"]["rows"] else [RedFlag("routes", "the table is empty")]

    def departures(
        self, called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
    ) -> Sequence[RedFlag]:
        return []

    def doors(self, documents: Mapping[str, Document]) -> Sequence[Door] | None:
        rows = [row for row in documents["ports"]["rows"] if not row.get("shut")]
        doors = [Door(row.get("ip", "192.0.2.1"), row.get("logins", True)) for row in rows]
        return None if documents["ports"].get("unreadable") else doors


FEATURES = (
    Table("ports", Scope.MACHINE, {"rows": [{"name": "eth0"}]}),
    Table("listeners", factory_default={"rows": []}, refer=_of_listener, needs=frozenset({"routes"})),
    Table("texts", factory_default={"rows": []}),
    Table("routes"),
    Table("limits", factory_default={"rows": [{"name": "default", "rate": 50}]}),
    Table("users", Scope.CLUSTER, {"rows": []}, frozenset({"rows.*.passphrase"})),
)

CATALOGUE = Catalogue({feature.name: feature for feature in FEATURES}, Lines())
