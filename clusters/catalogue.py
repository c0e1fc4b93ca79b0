"""The registry: everything that clusters/ may ask of a feature, and nothing of what it means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from clusters.modes import Level, Mode

Document = dict[str, Any]
"""The settings of one feature at one mode: a JSON object."""

XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""What a feature may be called: in configuration files it is an element of its name."""


class Scope(StrEnum):
    """On which modes a feature can be defined (RES-01..RES-09)."""

    CLUSTERABLE = "clusterable"
    MACHINE = "machine"
    CLUSTER = "cluster"


LEVELS_OF_SCOPE: Mapping[Scope, frozenset[Level]] = {
    Scope.CLUSTERABLE: frozenset(Level),
    Scope.MACHINE: frozenset({Level.MACHINE}),
    Scope.CLUSTER: frozenset({Level.CLUSTER}),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a document: where (`listeners.0.port`), what, and how to mend it.

    `place` is the path as people read it (`listeners[IncomingMail].port`); without it, the path is.
    """

    path: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        place = self.place or self.path
        return f"{place}: {self.message}" if place else self.message


class InvalidDocument(ValueError):
    """A document that its feature refuses; `problems` is never empty."""

    def __init__(self, feature: str, problems: Sequence[Problem]) -> None:
        self.feature = feature
        self.problems = tuple(problems)
        super().__init__(f"{feature}: " + "; ".join(str(problem) for problem in problems))


class UnknownFeature(LookupError):
    """A feature name that the catalogue does not hold."""


class WrongLevel(ValueError):
    """A feature and a mode on which its scope does not allow it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of a document that names an item of another feature (DEP-01..DEP-05)."""

    path: str
    feature: str
    item: str


@dataclass(frozen=True, slots=True)
class Door:
    """A service by which members reach an appliance, and its address; `logins`: people log in there, too."""

    address: str
    logins: bool


@dataclass(frozen=True, slots=True)
class RedFlag:
    """A consequence of settings on one machine that a person should see before they commit."""

    feature: str
    message: str


@dataclass(frozen=True, slots=True)
class Called:
    """How the other members of its cluster know an appliance: its name there, and where they call it.

    `away`: it is disconnected on purpose, so that nobody hears of it; `others` are the names of the others.
    """

    name: str
    address: str
    port: int
    by_address: bool
    away: bool = False
    others: frozenset[str] = frozenset()


class Feature(Protocol):
    """One row of the feature catalogue (requirements, section 4)."""

    @property
    def name(self) -> str:
        """The command name, and the key everywhere: `smtproutes`."""
        ...

    @property
    def title(self) -> str:
        """English title, a message id of the translation."""
        ...

    @property
    def scope(self) -> Scope: ...

    @property
    def factory_default(self) -> Document | None:
        """What holds where no mode defines the feature; None where the source knows none (T12)."""
        ...

    @property
    def empty(self) -> Document:
        """What a new definition at a mode starts with (CL-09)."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema that documents in normal form fit, with all parts in place."""
        ...

    @property
    def secrets(self) -> frozenset[str]:
        """Paths of fields that are never shown; `*` stands for every item of a list."""
        ...

    def check(self, document: object) -> Document:
        """The document in its normal form; raises InvalidDocument and changes nothing."""
        ...

    def references(self, document: Document) -> Sequence[Reference]:
        """What the document refers to."""
        ...

    def items(self, document: Document) -> Sequence[str]:
        """The names that other documents can refer to."""
        ...

    def is_on(self, document: Document) -> bool:
        """Whether the document does anything; an empty table switches its feature off (CL-10)."""
        ...

    def depends_on(self, document: Document) -> Collection[str]:
        """The features that must be on where this document holds (L22)."""
        ...


class Consequences(Protocol):
    """What settings would do to an appliance; given by the appliances, asked by the impact preview."""

    def lines(self, documents: Mapping[str, Document]) -> Sequence[str]:
        """The rendered configuration in a stable, readable form, one line each."""
        ...

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        """What is dangerous or switched off in these effective settings."""
        ...

    def departures(
        self, called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
    ) -> Sequence[RedFlag]:
        """How a change may cut an appliance off from those who call it; `called` None: nobody else does."""
        ...

    def doors(self, documents: Mapping[str, Document]) -> Sequence[Door] | None:
        """Where an appliance with these effective settings answers; None where they do not tell."""
        ...


class NoConsequences:
    """For catalogues whose features configure nothing."""

    def lines(self, documents: Mapping[str, Document]) -> Sequence[str]:
        """No lines."""
        return ()

    def red_flags(self, documents: Mapping[str, Document]) -> Sequence[RedFlag]:
        """No flags."""
        return ()

    def departures(
        self, called: Called | None, before: Mapping[str, Document], after: Mapping[str, Document]
    ) -> Sequence[RedFlag]:
        """No flags."""
        return ()

    def doors(self, documents: Mapping[str, Document]) -> Sequence[Door] | None:
        """Nobody knows."""
        return None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The features by name, in the order of the menu; raises ValueError for a name that is no XML name."""

    features: Mapping[str, Feature] = field(default_factory=dict)
    consequences: Consequences = field(default_factory=NoConsequences)

    def __post_init__(self) -> None:
        for name in self.features:
            if not XML_NAME.fullmatch(name):
                raise ValueError(f"a feature cannot be called {name!r}: it is no name of an XML element")

    def __getitem__(self, name: str) -> Feature:
        try:
            return self.features[name]
        except KeyError:
            raise UnknownFeature(f"There is no feature {name}.") from None

    def __contains__(self, name: object) -> bool:
        return name in self.features

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features.values())

    def allows(self, name: str, mode: Mode) -> bool:
        """Whether the feature can be defined on that mode's level."""
        return mode.level in LEVELS_OF_SCOPE[self[name].scope]

    def check(self, name: str, mode: Mode, document: object) -> Document:
        """The document in normal form.

        Raises UnknownFeature, WrongLevel, InvalidDocument.
        """
        if not self.allows(name, mode):
            raise WrongLevel(f"{name} cannot be defined in {mode.level} mode.")
        return self[name].check(document)

    def fallback(self, name: str) -> Document:
        """What holds where no mode defines the feature: its factory default, else empty (T12)."""
        feature = self[name]
        default = feature.factory_default
        return feature.empty if default is None else default

    def needs_definition(self, name: str) -> bool:
        """Whether some mode has to define the feature: it refuses what would hold without.

        Raises UnknownFeature.
        """
        try:
            self.require_dispensable(name)
        except InvalidDocument:
            return True
        return False

    def require_dispensable(self, name: str) -> None:
        """Raises InvalidDocument where the feature refuses what would hold without a definition.

        Raises UnknownFeature.
        """
        self[name].check(self.fallback(name))
