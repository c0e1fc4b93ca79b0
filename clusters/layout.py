"""What advice on a cluster is, and what its rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from clusters.catalogue import Catalogue, Door, Feature, Scope
from clusters.effective import Effective, Setting, effective
from clusters.enrolment import ADVISED_MACHINES
from clusters.modes import Level, Mode, machine
from clusters.naming import mode_label, some
from clusters.references import Unresolved, unresolved
from clusters.state import ClusterState, Defined
from clusters.transfers import Action
from clusters.wire import digest


class Severity(StrEnum):
    """How much it matters."""

    HINT = "hint"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A transfer that mends it: see transfers.plan."""

    action: Action
    feature: str
    source: Mode
    targets: tuple[Mode, ...] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding: the rule's number, the modes that it is about, and a remedy of one click or None."""

    rule: str
    severity: Severity
    message: str
    modes: tuple[Mode, ...] = ()
    feature: str = ""
    remedy: Remedy | None = None

    @property
    def key(self) -> str:
        """Names this advice in every language, as long as it is about the same."""
        return digest([self.rule, self.feature, *sorted(map(str, self.modes))])[:16]


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a rule speaks."""

    machines: int = ADVISED_MACHINES
    overrides_of_a_machine: int = 5
    overrides_in_all: int = 20


@dataclass(frozen=True, slots=True)
class Step:
    """A risky step that was taken: what, and when (ms since 1970 UTC)."""

    what: str
    at: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state does not say; whoever knows less leaves it empty, and rules keep silent.

    `releases` has the release of each member by serial number, `reached` those that answer on their SSH port.
    `leads` has for host names the addresses to which they lead, `unknown` the names for which no name server
    answered, `called` for addresses the names that they have (none: empty; nobody answered: None).
    `steps` are risky ones, `saved` is when the configuration was saved last (ms since 1970 UTC; 0: never;
    None: not known). `operation` is one on the cluster that goes on now, `present` who works there meanwhile.
    """

    releases: Mapping[str, str] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    leads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    called: Mapping[str, str | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    saved: int | None = None
    operation: str = ""
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A feature that a mode switches off on a machine, and one that depends on it and is on from above."""

    serial: str
    feature: str
    mode: Mode
    dependent: str
    above: Mode


@dataclass(frozen=True)
class Layout:
    """What the rules look at."""

    state: ClusterState
    catalogue: Catalogue
    limits: Limits = field(default_factory=Limits)
    facts: Facts = field(default_factory=Facts)

    @cached_property
    def effective(self) -> Mapping[Mode, Effective]:
        """What holds on each machine."""
        modes = (machine(serial) for serial in self.state.machines)
        return {mode: effective(self.state, mode, self.catalogue) for mode in modes}

    @cached_property
    def unresolved(self) -> list[Unresolved]:
        """References that lead nowhere."""
        return unresolved(self.state, self.catalogue)

    @cached_property
    def switched_off(self) -> list[SwitchedOff]:
        """What lower modes switch off though settings above depend on it (L22)."""
        return [found for mode, here in self.effective.items() for found in self._switched_off(mode.id, here)]

    def _switched_off(self, serial: str, here: Effective) -> Iterator[SwitchedOff]:
        off = {each.feature: each.story[0].mode for each in here.settings.values() if self._is_off(each)}
        for dependent in self.catalogue if off else ():
            setting = here.settings[dependent.name]
            if setting.origin is None or not dependent.is_on(setting.value):
                continue
            for name in sorted(off.keys() & set(dependent.depends_on(setting.value))):
                if setting.origin in self.state.chain(off[name])[1:]:
                    yield SwitchedOff(serial, name, off[name], dependent.name, setting.origin)

    def _is_off(self, setting: Setting) -> bool:
        """Whether the mode that defines it switches off what would hold without that."""
        is_on = self.catalogue[setting.feature].is_on
        return bool(setting.hidden) and is_on(setting.hidden[0].value) and not is_on(setting.value)

    @cached_property
    def doors(self) -> Mapping[Mode, Sequence[Door]]:
        """Where each machine answers, by its settings; those of which nobody knows are left out."""
        asked = {m: self.catalogue.consequences.doors(e.documents) for m, e in self.effective.items()}
        return {mode: doors for mode, doors in asked.items() if doors is not None}

    @cached_property
    def overrides(self) -> list[tuple[Mode, Feature, Defined]]:
        """What groups and machines define although the cluster could."""
        return [
            (mode, self.catalogue[name], defined)
            for mode in self.state.modes()
            if mode.level is not Level.CLUSTER
            for name, defined in self.state.settings.get(mode, {}).items()
            if name in self.catalogue and self.catalogue[name].scope is Scope.CLUSTERABLE
        ]

    @property
    def machine_overrides(self) -> list[tuple[Mode, Feature, Defined]]:
        """Those of machines."""
        return [found for found in self.overrides if found[0].level is Level.MACHINE]

    def scope(self, feature: str) -> Scope | None:
        """The scope of a feature; None for one that the catalogue does not hold."""
        return self.catalogue[feature].scope if feature in self.catalogue else None

    def labels(self, *modes: Mode) -> str:
        """The modes' names; of many the first ones."""
        return some(mode_label(self.state, mode) for mode in modes)


Rule = Callable[[Layout], Iterator[Advice]]
