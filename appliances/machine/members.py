"""The joiner's side of a join, and what a machine does that was removed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncssh

from appliances.links import names
from appliances.links.calling import Target
from appliances.links.client import Enrolment, HostKey, Passphrase, enrol
from appliances.links.errors import Fault, ProtocolError
from appliances.links.ssh import ServiceKind
from appliances.links.timing import cancel
from appliances.machine import killpoints
from appliances.machine.threads import in_thread
from clusters import membership, operations, replicas
from clusters.membership import JoinPreview
from clusters.membership_refusals import InCluster
from clusters.replication import Snapshot, history_from_wire
from clusters.state import Machine
from clusters.versions import MalformedCommit

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon

logger = logging.getLogger(__name__)

AcceptKey = Callable[[str], Awaitable[bool]]
Consent = Callable[[JoinPreview], Awaitable[Collection[str] | None]]
"""Asked before anything changes: the features whose values are kept as overrides, or None to give up."""


class JoinDeclined(Exception):
    """The person has looked at what the join would do and does not want it."""


@dataclass(frozen=True)
class Way:
    """How a machine comes into a cluster: where, as whom, over which service, into which group."""

    target: Target
    credential: Passphrase | asyncssh.SSHKey
    service: ServiceKind = ServiceKind.SSH
    group: str = ""

    @property
    def user(self) -> str:
        """In whose name; empty for a prepared key."""
        return self.credential.user if isinstance(self.credential, Passphrase) else ""


@dataclass(frozen=True)
class Reached:
    """Where other members reach this machine: the address or name of an interface and its ports."""

    address: str
    port: int
    ccs_port: int | None


def reached_at(daemon: Daemon, *, by_address: bool) -> Reached:
    """This machine's interface that takes links; its main host name in clusters that use names (COM-06)."""
    met = daemon.view.interfaces.met_at()
    assert met is not None, "a machine without interfaces has no command line"
    ccs = met.ccs.port if met.ccs.enabled else None
    return Reached(met.ip if by_address else daemon.view.name, met.ssh.port, ccs)


def as_machine(daemon: Daemon, reached: Reached) -> Machine:
    """This machine as an entry of a cluster."""
    keys = daemon.keys
    return Machine(
        daemon.home.serial,
        daemon.view.name,
        "",
        reached.address,
        reached.port,
        reached.ccs_port,
        keys.host_public,
        keys.user_public,
    )


async def join(daemon: Daemon, way: Way, accept_key: AcceptKey, consent: Consent) -> str:
    """Makes this standalone machine a member of the cluster at `way.target`; returns the cluster's name.

    One at a time, and nobody is let in meanwhile.
    """
    async with daemon.joining:
        name = await _join(daemon, way, accept_key, consent)
        await daemon.follow()
    return name


async def _join(daemon: Daemon, way: Way, accept_key: AcceptKey, consent: Consent) -> str:
    """One join.

    1. Refuses what cannot be: a member already, uncommitted changes. 2. Asks the member what the cluster
    holds, and the person whether that is wanted; nothing has changed then. 3. Asks the member in earnest,
    which commits this machine's entry and answers with the whole cluster. 4. Replaces the own replica by it
    in one transaction. A kill before 4 leaves a standalone machine of which the cluster thinks more: joining
    once more mends that. Raises LinkError, JoinDeclined and the refusals of clusters.membership.
    """
    await in_thread(_require_ready, daemon)
    # The member knows whether its cluster uses names or addresses; it is told both.
    machine = as_machine(daemon, reached_at(daemon, by_address=True))
    replica_id = daemon.view.replica_id
    settings = await in_thread(membership.own_settings, replica_id)
    request = {"machine": _told(machine), "group": way.group, "settings": settings}
    shown = await _ask(daemon, way, accept_key, {**request, "preview": True})
    preview = await in_thread(membership.preview_join, replica_id, _snapshot(shown), machine, way.group)
    if not preview.by_address:
        await names.places_of(shown.member.host, way.target.port)
    kept = await consent(preview)
    if kept is None:
        raise JoinDeclined
    request["kept"] = await in_thread(membership.kept_settings, replica_id, kept)
    enrolment = await _ask(daemon, way, shown.host_key, request)
    killpoints.passed("enrolled")
    name = await in_thread(_become_member, daemon, enrolment, way.user)
    killpoints.passed("joined")
    logger.info("joined the cluster %s at %s", name, way.target)
    return name


async def _ask(daemon: Daemon, way: Way, host_key: HostKey, request: dict[str, Any]) -> Enrolment:
    identity = await daemon.holder.identity()
    return await enrol(way.target, identity, way.credential, host_key, request, wanted=way.service)


def _snapshot(enrolment: Enrolment) -> Snapshot:
    try:
        return Snapshot.from_wire(enrolment.answer["snapshot"])
    except (KeyError, ValueError, MalformedCommit) as error:
        raise ProtocolError(Fault.INVALID_MESSAGE, str(error)) from None


def _require_ready(daemon: Daemon) -> None:
    if not daemon.view.state.standalone:
        raise InCluster(f"This machine is in the cluster {daemon.view.state.name} already.")
    operations.require_no_drafts(daemon.view.replica_id)


def _told(machine: Machine) -> dict[str, Any]:
    names = ("serial", "name", "address", "port", "ccs_port", "host_key", "user_key")
    return {name: getattr(machine, name) for name in names}


def _become_member(daemon: Daemon, enrolment: Enrolment, user: str) -> str:
    try:
        cluster = uuid.UUID(str(enrolment.answer["cluster"]))
        snapshot = _snapshot(enrolment)
        history = history_from_wire(enrolment.answer["history"], snapshot.vector)
    except (KeyError, ValueError, MalformedCommit) as error:
        raise ProtocolError(Fault.INVALID_MESSAGE, str(error)) from None
    view = daemon.view
    membership.become_member(
        view.replica_id, cluster, snapshot, view.serial, history=history, user=user, host=view.name
    )
    return replicas.state(view.replica_id).name


async def leave(daemon: Daemon) -> None:
    """Goes on alone with all settings that held here (RM-01); the links are given up.

    Who removed itself tells the others first.
    """
    name = daemon.view.state.name or "the cluster"
    daemon.table.advanced()
    waiting = [asyncio.ensure_future(link.settled()) for link in daemon.table.links()]
    if waiting:
        await asyncio.wait(waiting, timeout=daemon.table.pace.farewell)
    await cancel(*waiting)
    daemon.table.update([])
    await in_thread(membership.leave, daemon.view.replica_id, daemon.view.serial)
    logger.warning("this machine was removed from %s and goes on alone with the same settings", name)
