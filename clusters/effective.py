"""What holds at a mode, where it comes from and why: one function for all who ask (design, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from clusters.catalogue import Called, Catalogue, Document, InvalidDocument, RedFlag
from clusters.modes import Level, Mode, machine
from clusters.state import ClusterState, Defined, Machine
from clusters.versions import Authorship
from clusters.wire import canonical, digest, same

FINGERPRINT_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a value's story: a mode that defines it, what, and by whom (None: a draft)."""

    mode: Mode
    value: Document
    by: Authorship | None


@dataclass(frozen=True, slots=True)
class Setting:
    """A feature's value at a mode.

    `story` lists the modes that define it, the one in force first; the rest are hidden by it. It is empty
    where the factory default holds.
    """

    feature: str
    value: Document
    story: tuple[Layer, ...]

    @property
    def origin(self) -> Mode | None:
        """The mode whose document holds; None is the factory default."""
        return self.story[0].mode if self.story else None

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """The definitions above that the one in force hides (CL-04)."""
        return self.story[1:]


@dataclass(frozen=True)
class Effective:
    """All settings that hold at one mode."""

    mode: Mode
    settings: Mapping[str, Setting]

    @cached_property
    def documents(self) -> dict[str, Document]:
        """The values alone, by feature."""
        return {name: setting.value for name, setting in self.settings.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A short name of these values: equal fingerprints mean equal settings."""
        return fingerprint(self.documents)


def fingerprint(documents: Mapping[str, Document]) -> str:
    """The first 12 hex digits of SHA-256 over the settings that hold on a machine."""
    return digest([canonical(documents)])[:FINGERPRINT_LENGTH]


def setting_at(state: ClusterState, mode: Mode, feature: str, catalogue: Catalogue) -> Setting:
    """The value of one feature at a mode and its story (CL-03, CL-04, CL-10).

    `state` may be of now, of a past moment, or with a draft in it. Raises UnknownFeature.
    """
    return _setting(_layers(state, mode), feature, catalogue)


def effective(state: ClusterState, mode: Mode, catalogue: Catalogue) -> Effective:
    """All settings that hold at a mode: a machine's, or what a machine of that group would get."""
    layers = _layers(state, mode)
    return Effective(mode, {f.name: _setting(layers, f.name, catalogue) for f in catalogue})


Layers = Sequence[tuple[Mode, Mapping[str, Defined]]]


def _layers(state: ClusterState, mode: Mode) -> Layers:
    return [(step, state.settings[step]) for step in state.chain(mode) if step in state.settings]


def _setting(layers: Layers, feature: str, catalogue: Catalogue) -> Setting:
    story = tuple(
        Layer(mode, defined.value, defined.by)
        for mode, settings in layers
        if (defined := settings.get(feature)) and catalogue.allows(feature, mode)
    )
    return Setting(feature, story[0].value if story else catalogue.fallback(feature), story)


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature that differs between two answers; equal values with another origin differ too."""

    feature: str
    before: Setting
    after: Setting

    @property
    def value_changed(self) -> bool:
        return not same(self.before.value, self.after.value)

    @property
    def exists(self) -> bool:
        """Whether there is one at all."""
        return self.value_changed or self.before.origin != self.after.origin


def difference(before: Effective, after: Effective) -> list[Difference]:
    """What changes between two answers of `effective`, in the order of the catalogue."""
    both = (Difference(name, before.settings[name], now) for name, now in after.settings.items())
    return [each for each in both if each.exists]


@dataclass(frozen=True, slots=True)
class MachineImpact:
    """What a change of state means for one machine.

    `lines` pairs a sign (`-` or `+`) with a line of the rendered configuration; `red_flags` are those that
    were not there before.
    """

    machine: Machine
    differences: tuple[Difference, ...]
    lines: tuple[tuple[str, str], ...]
    red_flags: tuple[RedFlag, ...]
    before: str
    after: str

    @property
    def settings_change(self) -> bool:
        """Whether the machine's fingerprint changes."""
        return self.before != self.after


def impact(
    before: ClusterState, after: ClusterState, catalogue: Catalogue, standalone: Sequence[Machine] = ()
) -> list[MachineImpact]:
    """All of `impacts`."""
    return list(impacts(before, after, catalogue, standalone))


def impacts(
    before: ClusterState, after: ClusterState, catalogue: Catalogue, standalone: Sequence[Machine] = ()
) -> Iterator[MachineImpact]:
    """Per machine what differs between two states; machines with no difference are left out.

    A machine that only one of the states has is compared with what would hold there without it.
    `standalone` is a machine that has settings and is no member.
    """
    members = {**{m.serial: m for m in standalone}, **before.machines, **after.machines}
    touched = _touched(before, after, catalogue)
    for serial, member in members.items():
        mode = machine(serial)
        if _stays(before, after, mode, touched, catalogue):
            continue
        old, new = effective(before, mode, catalogue), effective(after, mode, catalogue)
        if differences := difference(old, new):
            yield _machine_impact(member, old, new, differences, catalogue, _called(after, serial))


def _called(state: ClusterState, serial: str) -> Called | None:
    """How the others know that member; None without others."""
    member = state.machines.get(serial)
    others = frozenset(m.name for m in state.machines.values() if m.serial != serial)
    if member is None or not (others or state.portals):
        return None
    port = member.ccs_port or member.port
    return Called(member.name, member.address, port, state.by_address, member.disconnected, others)


def _touched(before: ClusterState, after: ClusterState, catalogue: Catalogue) -> set[str]:
    """The features that are not defined alike in some mode."""
    found: set[str] = set()
    for mode in before.settings.keys() | after.settings.keys():
        old, new = before.settings.get(mode, {}), after.settings.get(mode, {})
        found.update(name for name in old.keys() | new.keys() if old.get(name) is not new.get(name))
    return found & catalogue.features.keys()


def _stays(
    before: ClusterState, after: ClusterState, mode: Mode, touched: Iterable[str], catalogue: Catalogue
) -> bool:
    """Whether nothing changes at a mode: most machines are out of reach of most changes."""
    if before.chain(mode) != after.chain(mode):
        return False
    old, new = _layers(before, mode), _layers(after, mode)
    return not any(
        Difference(name, _setting(old, name, catalogue), _setting(new, name, catalogue)).exists
        for name in touched
    )


def _machine_impact(
    member: Machine,
    old: Effective,
    new: Effective,
    differences: Sequence[Difference],
    catalogue: Catalogue,
    called: Called | None,
) -> MachineImpact:
    ask = catalogue.consequences
    lines: tuple[tuple[str, str], ...] = ()
    flags: tuple[RedFlag, ...] = ()
    if old.fingerprint != new.fingerprint:
        # All of one state, then all of the other: what was asked last is known by heart.
        lines_before, known = ask.lines(old.documents), set(ask.red_flags(old.documents))
        lines = line_changes(lines_before, ask.lines(new.documents))
        flags = (
            *ask.departures(called, old.documents, new.documents),
            *(flag for flag in ask.red_flags(new.documents) if flag not in known),
        )
    return MachineImpact(member, tuple(differences), lines, flags, old.fingerprint, new.fingerprint)


def flags_at(state: ClusterState, mode: Mode, feature: str, catalogue: Catalogue) -> Sequence[RedFlag]:
    """What a machine says of a feature there: a listener that is disabled on it, for instance (DEP-05).

    Groups and the cluster say nothing, for no mail engine runs with what they hold.
    """
    if mode.level is not Level.MACHINE:
        return ()
    try:
        flags = catalogue.consequences.red_flags(effective(state, mode, catalogue).documents)
    except InvalidDocument:
        return ()
    return [flag for flag in flags if flag.feature == feature]


def line_changes(before: Sequence[str], after: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The lines that went (`-`) and came (`+`), each in its own order; a line that moved did both."""
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    gone = (("-", line) for kind, a, b, _, _ in steps if kind != "equal" for line in before[a:b])
    come = (("+", line) for kind, _, _, a, b in steps if kind != "equal" for line in after[a:b])
    return (*gone, *come)


@dataclass(frozen=True, slots=True)
class Overrides:
    """Who hides a setting from an edit at a mode above (CLI-07)."""

    groups: tuple[Mode, ...] = ()
    machines: tuple[Mode, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.groups or self.machines)


def overrides(state: ClusterState, mode: Mode, feature: str) -> Overrides:
    """The groups and machines below `mode` that define the feature themselves and hence stay as they are."""
    below = [m for m in state.defining(feature) if m != mode and mode in state.chain(m)]
    return Overrides(
        tuple(m for m in below if m.level is Level.GROUP),
        tuple(m for m in below if m.level is Level.MACHINE),
    )


def reached(state: ClusterState, mode: Mode, feature: str) -> list[Machine]:
    """The machines on which settings of the feature at `mode` would hold."""
    chains = ((m, state.chain(machine(m.serial))) for m in state.reach(mode))
    return [
        m for m, chain in chains if not any(state.defined(s, feature) for s in chain[: chain.index(mode)])
    ]
