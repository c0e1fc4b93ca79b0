"""Advice on how a cluster is laid out (BP-01..BP-10): the rules that need only its state.

Each rule is a function from a Layout to advice; `lint` runs them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from clusters.catalogue import Catalogue, Document, Feature, Reference, Scope
from clusters.enrolment import MAIN_GROUP
from clusters.layout import Advice, Facts, Layout, Limits, Remedy, Rule, Severity
from clusters.member_rules import MEMBER_RULES
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.naming import some
from clusters.operation_rules import OPERATION_RULES
from clusters.site_names import cluster_named_like_a_site
from clusters.state import ClusterState
from clusters.transfers import Action
from clusters.versions import canonical


def lint(
    state: ClusterState, catalogue: Catalogue, limits: Limits | None = None, facts: Facts | None = None
) -> list[Advice]:
    """All advice on a cluster, in the order of the rules; none for a standalone machine."""
    layout = Layout(state, catalogue, limits or Limits(), facts or Facts())
    return [] if state.standalone else [advice for rule in RULES for advice in rule(layout)]


def group_named_like_the_cluster(layout: Layout) -> Iterator[Advice]:
    """L01."""
    for found in layout.state.groups.values():
        if found.name.casefold() == layout.state.name.casefold():
            message = _("The group %(name)s is called like the cluster.") % {"name": found.name}
            yield Advice("L01", Severity.WARNING, message, (group(found.id),))


def initial_group_renamed(layout: Layout) -> Iterator[Advice]:
    """L03."""
    for found in layout.state.groups.values():
        if found.initial and found.name != MAIN_GROUP:
            text = _("The group %(name)s, in which joining machines begin, was once called %(main)s.")
            message = text % {"name": found.name, "main": MAIN_GROUP}
            yield Advice("L03", Severity.HINT, message, (group(found.id),))


def undefined_without_default(layout: Layout) -> Iterator[Advice]:
    """L04."""
    for feature in layout.catalogue:
        if feature.factory_default is not None or feature.scope is not Scope.CLUSTERABLE:
            continue
        lacking = [m for m, e in layout.effective.items() if e.settings[feature.name].origin is None]
        if lacking:
            text = _(
                "%(feature)s has no factory default and is not defined for %(modes)s: the table is empty."
            )
            message = text % {"feature": feature.name, "modes": layout.labels(*lacking)}
            holders = layout.state.defining(feature.name)
            lift = Remedy(Action.COPY, feature.name, holders[0], (CLUSTER,)) if holders else None
            matters = Severity.WARNING if holders else Severity.HINT
            yield Advice("L04", matters, message, tuple(lacking), feature.name, lift)


def pointless_override(layout: Layout) -> Iterator[Advice]:
    """L05."""
    for mode, feature, defined in layout.overrides:
        if canonical(_inherited(layout, mode, feature.name)) == canonical(defined.value):
            text = _("%(mode)s defines %(feature)s just as it would inherit it.")
            message = text % {"mode": layout.labels(mode), "feature": feature.name}
            remedy = Remedy(Action.DELETE, feature.name, mode)
            yield Advice("L05", Severity.HINT, message, (mode,), feature.name, remedy)


def _inherited(layout: Layout, mode: Mode, feature: str) -> Document:
    for above in layout.state.chain(mode)[1:]:
        if defined := layout.state.defined(above, feature):
            return defined.value
    return layout.catalogue.fallback(feature)


def many_overrides(layout: Layout) -> Iterator[Advice]:
    """L06."""
    counts: dict[Mode, int] = {}
    for mode, _feature, _defined in layout.machine_overrides:
        counts[mode] = counts.get(mode, 0) + 1
    for mode, count in counts.items():
        if count > layout.limits.overrides_of_a_machine:
            text = _("%(mode)s overrides %(count)d features by itself.")
            message = text % {"mode": layout.labels(mode), "count": count}
            yield Advice("L06", Severity.HINT, message, (mode,))
    if (total := sum(counts.values())) > layout.limits.overrides_in_all:
        text = _("The machines have %(count)d overrides of their own; groups or the cluster could hold them.")
        yield Advice("L06", Severity.HINT, text % {"count": total}, tuple(counts))


def same_override_on_machines(layout: Layout) -> Iterator[Advice]:
    """L07."""
    found: dict[tuple[str, str], list[Mode]] = {}
    for mode, feature, defined in layout.machine_overrides:
        found.setdefault((feature.name, canonical(defined.value)), []).append(mode)
    for (name, _value), modes in found.items():
        if len(modes) > 1:
            text = _("%(modes)s define the same %(feature)s; a group could hold it.")
            message = text % {"modes": layout.labels(*modes), "feature": name}
            yield Advice("L07", Severity.HINT, message, tuple(modes), name, _lifted(layout, name, modes))


def _lifted(layout: Layout, feature: str, modes: list[Mode]) -> Remedy | None:
    # Only where it changes no machine: all of a group have it, and the group has no settings of its own.
    groups = {layout.state.machines[mode.id].group for mode in modes}
    whole = {machine(m.serial) for ident in groups for m in layout.state.members(ident)}
    target = group(min(groups))
    if len(groups) > 1 or whole != set(modes) or layout.state.defined(target, feature):
        return None
    return Remedy(Action.MOVE, feature, modes[0], (target,))


def group_for_one_machine(layout: Layout) -> Iterator[Advice]:
    """L08."""
    for found in layout.state.groups.values():
        members = layout.state.members(found.id)
        if not found.initial and len(members) == 1 and group(found.id) in layout.state.settings:
            text = _("The group %(name)s serves one machine; its settings could be those of the machine.")
            modes = (group(found.id), machine(members[0].serial))
            yield Advice("L08", Severity.HINT, text % {"name": found.name}, modes)


def unlike_interfaces(layout: Layout) -> Iterator[Advice]:
    """L09."""
    yield from _names_differ(layout)
    yield from _leads_nowhere(layout, "L09", {Scope.MACHINE})


def _names_differ(layout: Layout) -> Iterator[Advice]:
    for feature in layout.catalogue:
        if feature.scope is Scope.MACHINE and _is_referred_to(layout, feature.name):
            alike: dict[tuple[str, ...], list[Mode]] = {}
            for mode, here in layout.effective.items():
                alike.setdefault(tuple(sorted(feature.items(here.documents[feature.name]))), []).append(mode)
            if len(alike) > 1:
                told = some(f"{', '.join(n) or '–'} ({layout.labels(*modes)})" for n, modes in alike.items())
                text = _("The names in %(feature)s differ between machines. %(told)s")
                message = text % {"feature": feature.name, "told": told}
                yield Advice("L09", Severity.HINT, message, tuple(layout.effective), feature.name)


def _is_referred_to(layout: Layout, name: str) -> bool:
    return any(
        reference.feature == name
        for here in layout.effective.values()
        for feature in layout.catalogue
        for reference in feature.references(here.documents[feature.name])
    )


def _leads_nowhere(layout: Layout, rule: str, scopes: set[Scope | None]) -> Iterator[Advice]:
    found: dict[tuple[str, str, str], list[Mode]] = {}
    said = {(off.serial, off.dependent, off.feature) for off in layout.switched_off}
    for broken in layout.unresolved:
        wanted = broken.reference
        if (broken.serial, broken.feature, wanted.feature) in said:
            continue
        scope = (
            layout.catalogue[wanted.feature].scope if wanted.feature in layout.catalogue else Scope.CLUSTER
        )
        if scope in scopes:
            found.setdefault((broken.feature, wanted.feature, wanted.item), []).append(machine(broken.serial))
    for (name, feature, item), modes in found.items():
        text = _("%(name)s refers to %(item)s of %(feature)s, which is unavailable on %(modes)s.")
        told = {"name": name, "item": item, "feature": feature, "modes": layout.labels(*dict.fromkeys(modes))}
        yield Advice(rule, Severity.WARNING, text % told, tuple(dict.fromkeys(modes)), name)


def unlike_names_for_one_role(layout: Layout) -> Iterator[Advice]:
    """L10: what is bound to the same item of a machine (an interface) has different names in two modes."""
    for feature in layout.catalogue:
        roles: dict[tuple[str, str], dict[str, list[Mode]]] = {}
        for mode in layout.state.defining(feature.name):
            defined = layout.state.settings[mode][feature.name]
            for role, name in _roles(layout, feature, defined.value).items():
                roles.setdefault(role, {}).setdefault(name, []).append(mode)
        for (_kind, item), names in roles.items():
            if len(names) > 1:
                text = _("%(feature)s on %(item)s has different names: %(names)s.")
                message = text % {"feature": feature.name, "item": item, "names": some(names)}
                modes = tuple(mode for found in names.values() for mode in found)
                yield Advice("L10", Severity.HINT, message, modes, feature.name)


def _roles(layout: Layout, feature: Feature, document: Document) -> dict[tuple[str, str], str]:
    # Two names for one role in the same document are meant; they say nothing about other modes.
    names: dict[tuple[str, str], set[str]] = {}
    for reference in feature.references(document):
        if layout.scope(reference.feature) is Scope.MACHINE:
            role = (reference.feature, reference.item)
            names.setdefault(role, set()).add(_owner(document, reference))
    return {role: found.pop() for role, found in names.items() if len(found) == 1 and "" not in found}


def _owner(document: Document, reference: Reference) -> str:
    # The name of the innermost row on the way to the reference.
    name = ""
    here: Any = document
    for step in reference.path.split("."):
        if isinstance(here, dict):
            name = str(here.get("name", name))
            here = here.get(step)
        elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
    return name


def many_machines(layout: Layout) -> Iterator[Advice]:
    """L12 (CL-08)."""
    if (count := len(layout.state.machines)) > layout.limits.machines:
        text = _("The cluster has %(count)d machines; above %(most)d their communication may suffer.")
        yield Advice("L12", Severity.WARNING, text % {"count": count, "most": layout.limits.machines})


def unavailable_reference(layout: Layout) -> Iterator[Advice]:
    """L14."""
    yield from _leads_nowhere(layout, "L14", {Scope.CLUSTERABLE, Scope.CLUSTER, None})


def only_below_the_cluster(layout: Layout) -> Iterator[Advice]:
    """L20: a feature without factory default that groups or machines define and the cluster does not."""
    for feature in layout.catalogue:
        modes = layout.state.defining(feature.name)
        missing = feature.scope is Scope.CLUSTERABLE and feature.factory_default is None
        if missing and modes and CLUSTER not in modes:
            text = _("%(feature)s is defined at %(modes)s and not at the cluster: new machines get none.")
            message = text % {"feature": feature.name, "modes": layout.labels(*modes)}
            lift = Remedy(Action.COPY, feature.name, modes[0], (CLUSTER,))
            yield Advice("L20", Severity.WARNING, message, tuple(modes), feature.name, lift)


def switched_off_below(layout: Layout) -> Iterator[Advice]:
    """L22: a lower mode empties what settings above depend on (GUI-06)."""
    found: dict[tuple[Mode, str], dict[tuple[Mode, str], None]] = {}
    for off in layout.switched_off:
        found.setdefault((off.mode, off.feature), {})[off.above, off.dependent] = None
    for (mode, feature), dependents in found.items():
        told = some(f"{name} ({layout.labels(above)})" for above, name in dependents)
        text = _("%(mode)s switches %(feature)s off, on which settings above depend: %(told)s.")
        message = text % {"mode": layout.labels(mode), "feature": feature, "told": told}
        modes = (mode, *dict.fromkeys(above for above, _name in dependents))
        yield Advice("L22", Severity.WARNING, message, modes, feature, Remedy(Action.DELETE, feature, mode))


RULES: tuple[Rule, ...] = (
    group_named_like_the_cluster,
    cluster_named_like_a_site,
    initial_group_renamed,
    undefined_without_default,
    pointless_override,
    many_overrides,
    same_override_on_machines,
    group_for_one_machine,
    unlike_interfaces,
    unlike_names_for_one_role,
    many_machines,
    unavailable_reference,
    only_below_the_cluster,
    switched_off_below,
    *MEMBER_RULES,
    *OPERATION_RULES,
)
