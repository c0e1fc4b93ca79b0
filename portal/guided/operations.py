"""Operations that the portal does itself, as a peer of the cluster: groups, names, disconnect, reconnect.

Each knows its command line and how to do it. What it would change is found by doing it and taking it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from appliances.machine.release import release
from appliances.models import MachineStatus
from clusters import effective, membership, replicas
from clusters.addressing import require_release
from clusters.effective import MachineImpact
from clusters.installed import catalogue
from clusters.modes import group, machine
from clusters.phrases import Phrase, Text
from clusters.phrases import phrase as _
from clusters.refusals import REFUSALS, Refused
from clusters.state import ClusterState
from portal.audit.log import Outcome
from portal.guided.commands import operation as command
from portal.guided.running import job_of
from portal.hints import hint, jobs_of
from portal.jobs.rows import Job
from portal.phrases import words_of
from portal.tenants import ManagedCluster, Person

Told = Mapping[str, Any]
Act = Callable[[int, dict[str, str]], object]


class NothingChosen(Refused):
    """An operation without what it is about."""


@dataclass(frozen=True)
class Operation:
    """One operation with its particulars: what it is called, its command line, how it is done."""

    verb: str
    title: Phrase
    command: str
    act: Act
    machines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What an operation would mean on each machine."""

    operation: Operation
    impacts: list[MachineImpact]

    @property
    def dangerous(self) -> bool:
        """Whether mail could stop somewhere."""
        return any(each.red_flags for each in self.impacts) or self.operation.verb == "disconnect"


def add_group(state: ClusterState, told: Told) -> Operation:
    """GRP-02."""
    name = _text(told, "name")
    title = _("Add the group %(name)s") % {"name": name}
    return Operation(
        "addgroup", title, command("addgroup", name), lambda r, by: membership.add_group(r, name, **by)
    )


def rename_group(state: ClusterState, told: Told) -> Operation:
    """GRP-05."""
    ident, name = _group(state, told, "group"), _text(told, "name")
    old = state.groups[ident].name
    return Operation(
        "renamegroup",
        _("Rename the group %(old)s to %(new)s") % {"old": old, "new": name},
        command("renamegroup", old, name),
        lambda r, by: membership.rename_group(r, ident, name, **by),
    )


def delete_group(state: ClusterState, told: Told) -> Operation:
    """GRP-06: a group with machines needs one that receives them."""
    ident = _group(state, told, "group")
    target = _group(state, told, "target") if told.get("target") else None
    name = state.groups[ident].name
    words = [name, *([state.groups[target].name] if target else [])]
    return Operation(
        "deletegroup",
        _("Delete the group %(name)s") % {"name": name},
        command("deletegroup", *words),
        lambda r, by: membership.delete_group(r, ident, target_id=target, **by),
    )


def set_group(state: ClusterState, told: Told) -> Operation:
    """GRP-03: effective settings change at once."""
    serials, ident = _machines(state, told), _group(state, told, "group")
    hosts, name = [state.machines[s].name for s in serials], state.groups[ident].name
    return Operation(
        "setgroup",
        _("Put %(machines)s into the group %(name)s") % {"machines": ", ".join(hosts), "name": name},
        command("setgroup", *hosts, name),
        lambda r, by: membership.set_group(r, serials, ident, **by),
        tuple(serials),
    )


def set_name(state: ClusterState, told: Told) -> Operation:
    """GRP-08."""
    name = _text(told, "name")
    title = _("Rename the cluster to %(name)s") % {"name": name}
    return Operation(
        "setname", title, command("setname", name), lambda r, by: membership.set_name(r, name, **by)
    )


def set_safe_wait(state: ClusterState, told: Told) -> Operation:
    """SYN-08: what holds while a conflict is open."""
    choice = _text(told, "safe_wait")
    if choice not in ("on", "off"):
        raise NothingChosen(_("Say whether settings in conflict wait: on or off."))
    wanted = choice == "on"
    title = _("Let settings in conflict wait") if wanted else _("Let the newest hold in a conflict")
    return Operation(
        "safewait",
        title,
        command("safewait", choice),
        lambda r, by: membership.set_safe_wait(r, wanted, **by),
    )


def disconnect(state: ClusterState, told: Told) -> Operation:
    """UPG-02, SYN-14: they stay members."""
    return _connection(state, told, _("Disconnect %(machines)s"), disconnected=True)


def reconnect(state: ClusterState, told: Told) -> Operation:
    """UPG-08: a machine of another release is not taken back."""
    return _connection(state, told, _("Reconnect %(machines)s"), disconnected=False)


def _connection(state: ClusterState, told: Told, title: Phrase, *, disconnected: bool) -> Operation:
    serials = _machines(state, told)
    hosts = [state.machines[s].name for s in serials]
    verb = "disconnect" if disconnected else "reconnect"

    def act(replica_id: int, by: dict[str, str]) -> object:
        if not disconnected:
            _require_releases(replica_id, serials)
        return membership.set_disconnected(replica_id, serials, disconnected, **by)

    told_title = title % {"machines": ", ".join(hosts)}
    return Operation(verb, told_title, command(verb, *hosts), act, tuple(serials))


def _require_releases(replica_id: int, serials: Sequence[str]) -> None:
    """What each reported last; who upgraded behind our back is refused by its own links (CL-12)."""
    for row in MachineStatus.objects.filter(replica=replica_id, serial__in=serials).exclude(release=""):
        require_release(release(), row.release, row.name)


OPERATIONS: dict[str, Callable[[ClusterState, Told], Operation]] = {
    "add_group": add_group,
    "rename_group": rename_group,
    "delete_group": delete_group,
    "set_group": set_group,
    "set_name": set_name,
    "set_safe_wait": set_safe_wait,
    "disconnect": disconnect,
    "reconnect": reconnect,
}


def preview(replica_id: int, found: Operation) -> Preview:
    """What it would change, found by doing it in a transaction that is taken back. Raises what it raises."""
    before = replicas.state(replica_id)
    with transaction.atomic():
        found.act(replica_id, {"user": "", "host": ""})
        after = replicas.state(replica_id)
        transaction.set_rollback(True)
    return Preview(found, effective.impact(before, after, catalogue()))


def carry_out(cluster: ManagedCluster, person: Person, found: Operation) -> Job:
    """Do it, with a job and a row in the audit log that say who did what (TRL-25).

    Raises the operation's refusals; nothing has changed then, and a failed job tells of it.
    """
    by = {"user": person.get_username(), "host": settings.GATEFOLD_PORTAL_NAME}
    try:
        with transaction.atomic():
            found.act(cluster.replica_id, by)
            job = _ended(cluster, person, found, Job.State.DONE, found.title)
    except REFUSALS as error:
        _ended(cluster, person, found, Job.State.FAILED, words_of(error))
        raise
    hint(jobs_of(cluster.tenant_id), "jobs")
    return job


@transaction.atomic
def _ended(cluster: ManagedCluster, person: Person, found: Operation, state: str, text: Text) -> Job:
    """The job of what was done, or refused."""
    done = state == Job.State.DONE
    job = job_of(cluster.tenant, cluster, person, found.command, Outcome.DONE if done else Outcome.FAILED)
    job.say(found.command)
    Job.everything.filter(pk=job.pk).update(done=int(done))
    job.end(state, text)
    return job


def _text(told: Told, name: str) -> str:
    return str(told.get(name, "")).strip()


def _group(state: ClusterState, told: Told, name: str) -> str:
    ident = str(told.get(name, ""))
    state.mode_name(group(ident))
    return ident


def _machines(state: ClusterState, told: Told) -> list[str]:
    serials = list(dict.fromkeys(told.get("machines") or []))
    if not serials:
        raise NothingChosen(_("Choose at least one machine."))
    for serial in serials:
        state.mode_name(machine(serial))
    return serials
