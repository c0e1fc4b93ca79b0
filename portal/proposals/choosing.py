"""Which machines try a change first: the ones that a person names, or some of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils import timezone

from appliances.following.freshness import Enforcement, Seen, seen
from appliances.models import Connection, MachineStatus
from clusters import trying
from clusters.installed import catalogue
from clusters.models import Replica
from clusters.phrases import phrase as _
from clusters.refusals import Refused
from clusters.state import ClusterState, Machine
from clusters.versions import Change
from portal.proposals.stop_rule import Canary


class NothingToTry(Refused):
    """No machine can try the change first."""


class UnfitMachine(Refused):
    """A chosen machine cannot show anything now: it is away, or already in trouble."""


def seen_machines(replica: Replica) -> dict[str, Seen]:
    """Every member as it may be shown now, by serial number; one query."""
    now = timezone.now()
    rows = MachineStatus.objects.filter(replica=replica).exclude(connection=Connection.REMOVED)
    return {row.serial: seen(row, now, replica.revision) for row in rows}


def fit(found: Seen | None) -> bool:
    """Whether a machine can try something: connected, and in order so far."""
    good = found is not None and found.connection is Connection.CONNECTED
    return good and found is not None and found.enforcement is Enforcement.ENFORCED


def choose(
    state: ClusterState, changes: Sequence[Change], rule: Canary, machines: Mapping[str, Seen]
) -> list[Machine]:
    """The machines that try the changes; raises NothingToTry, UnfitMachine."""
    able = trying.reached(state, changes, catalogue())
    if rule.machines:
        return _named(state, able, rule, machines)
    chosen = trying.some_of_each_group((m for m in able if fit(machines.get(m.serial))), rule.per_group)
    if not chosen:
        text = _("No machine can try this first: it reaches none that is connected and in order.")
        raise NothingToTry(text)
    return chosen


def _named(
    state: ClusterState, able: Sequence[Machine], rule: Canary, machines: Mapping[str, Seen]
) -> list[Machine]:
    if unknown := [serial for serial in rule.machines if serial not in state.machines]:
        raise UnfitMachine(_("%(serial)s is no machine of this cluster.") % {"serial": unknown[0]})
    chosen = [machine for machine in able if machine.serial in rule.machines]
    if not chosen:
        text = _("The chosen machines cannot try this: nothing that can be tried first changes on them.")
        raise NothingToTry(text)
    if bad := [machine.name for machine in chosen if not fit(machines.get(machine.serial))]:
        text = _("%(names)s: not connected, or not in order as it is. Choose machines that are.")
        raise UnfitMachine(text % {"names": ", ".join(bad)})
    return chosen
