"""What happens in the portal when a cluster or its machines change: rows, couriers, hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliances.following import answering, statuses, worker
from appliances.following.couriers import send
from clusters import replicas
from portal import socket_access
from portal.alerts.watching import look_at_cluster
from portal.hints import About, group_of, hint
from portal.proposals.proposal import OPEN, Proposal, State
from portal.shared_parts import note_news
from portal.tenants import ManagedCluster


def connect() -> None:
    """Listen to the domain's signals; called once, when the application is ready."""
    replicas.advanced.connect(entries_changed, dispatch_uid="portal.entries")
    worker.reconnected.connect(machine_is_back, dispatch_uid="portal.reconnected")
    answering.answered.connect(machine_has_answered, dispatch_uid="portal.answered")
    worker.changed.connect(statuses_changed, dispatch_uid="portal.statuses")
    socket_access.connect()


def slug_of(replica_id: int) -> str:
    """The name in addresses of a replica's cluster; empty while nobody manages it."""
    found = ManagedCluster.everything.filter(replica=replica_id).values_list("slug", flat=True).first()
    return found or ""


def entries_changed(replica_id: int, **_kwargs: Any) -> None:
    """New entries: what is wanted of each machine, a courier to the links, a hint to the browsers."""
    from appliances import tasks  # registers with Celery, which must be configured first

    statuses.wanted(replica_id)
    send(tasks.replicate, replica_id)
    _tell(replica_id, "settings")
    look_at_proposals(replica_id, OPEN)
    look_at_cluster(replica_id)


def statuses_changed(replica_id: int, **_kwargs: Any) -> None:
    """A machine has said something new, or is reached in another way."""
    _tell(replica_id, "status")
    look_at_proposals(replica_id, [State.CANARY])
    look_at_cluster(replica_id)


def _tell(replica_id: int, about: About) -> None:
    """Browsers look again, and get what is made from now on."""
    note_news(replica_id)
    hint(group_of(replica_id), about, slug_of(replica_id))


def look_at_proposals(replica_id: int, states: Sequence[str]) -> None:
    """A courier where a proposal is in one of these states: overtaken, perhaps, or a machine has spoken."""
    from portal.tasks import watch_proposals  # registers with Celery, which must be configured first

    if Proposal.everything.filter(cluster__replica=replica_id, state__in=states).exists():
        send(watch_proposals, replica_id)


def machine_has_answered(replica_id: int, **_kwargs: Any) -> None:
    """A machine has answered a question of this portal."""
    hint(group_of(replica_id), "answers", slug_of(replica_id))


def machine_is_back(replica_id: int, **_kwargs: Any) -> None:
    """A courier for the synchronisation, beside the one that every new link begins with (SYN-03)."""
    from appliances import tasks  # registers with Celery, which must be configured first

    send(tasks.sync_on_reconnect, replica_id)
