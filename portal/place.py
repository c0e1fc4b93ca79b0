"""A cluster as one person sees it, and whether they may (design, section 9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from appliances.models import Connection, MachineStatus
from clusters import drafts, replicas
from clusters.models import Draft
from clusters.modes import CLUSTER, Mode
from clusters.ordering import natural
from clusters.state import ClusterState
from clusters.versions import Change
from portal.tenants import ManagedCluster, Right, Role, role_in


@dataclass
class Place:
    """A cluster as one person sees it, now or as it was `at` a moment; what templates call `place`."""

    cluster: ManagedCluster
    role: Role
    person: Any
    at: datetime | None = None
    cut_off: bool | None = field(default=None, compare=False, repr=False)
    """Whether the portal has lost its own network; None until `machines.seen` has asked for this page."""

    @property
    def user(self) -> str:
        """The name under which the person drafts and commits."""
        return str(self.person.get_username())

    @property
    def replica_id(self) -> int:
        return int(self.cluster.replica_id)

    @cached_property
    def state(self) -> ClusterState:
        """What is in force; or was then."""
        if self.at is not None:
            return replicas.state_at(self.replica_id, max(int(self.at.timestamp() * 1000), 0))
        return replicas.state_of(self.cluster.replica)

    @cached_property
    def draft(self) -> ClusterState:
        """What would be in force with this person's pending changes, which the past knows nothing of."""
        return self.state.changed(self.drafts) if self.at is None else self.state

    @cached_property
    def drafts(self) -> list[Change]:
        """This person's pending changes."""
        return drafts.changes(self.replica_id, self.user)

    @cached_property
    def statuses(self) -> list[MachineStatus]:
        """What the members have reported, by name."""
        rows = MachineStatus.objects.filter(replica=self.replica_id)
        return sorted(rows.exclude(connection=Connection.REMOVED), key=lambda s: (natural(s.name), s.serial))

    @cached_property
    def pending_count(self) -> int:
        """How much this person has changed and not committed."""
        return Draft.objects.filter(replica=self.replica_id, user=self.user).count()

    @property
    def cluster_mode(self) -> Mode:
        """The mode of the cluster itself."""
        return CLUSTER

    def may(self, right: Right) -> bool:
        """Whether the person's role includes the right."""
        return self.role.may(right)

    @property
    def may_edit(self) -> bool:
        """Whether the person can change what is shown: never what was."""
        return self.at is None and self.may(Right.EDIT)

    @property
    def may_commit(self) -> bool:
        """Whether the person can have pending changes, whatever moment is shown."""
        return self.may(Right.EDIT)

    @property
    def administers(self) -> bool:
        return self.may(Right.ADMINISTER)

    @property
    def at_text(self) -> str:
        """The moment as addresses have it; empty for now."""
        return "" if self.at is None else self.at.astimezone(UTC).isoformat()

    @property
    def may_see_settings(self) -> bool:
        return self.may(Right.SEE_SETTINGS)

    @property
    def guides(self) -> bool:
        """Whether the person may open the guided administration, and this portal has it (design, 13)."""
        return bool(settings.GATEFOLD_GUIDED_CLUSTERCONFIG) and self.may_edit

    @property
    def may_administer(self) -> bool:
        return self.may(Right.ADMINISTER)

    def require(self, right: Right) -> None:
        """Raises PermissionDenied when the role lacks the right."""
        if not self.may(right):
            raise PermissionDenied

    def require_any(self, *rights: Right) -> None:
        """Raises PermissionDenied when the role has none of the rights."""
        if not any(self.may(right) for right in rights):
            raise PermissionDenied


def place_of(request: HttpRequest, slug: str) -> Place:
    """The cluster of that name as the person sees it; Http404 for foreign ones as for missing ones."""
    clusters = ManagedCluster.objects.seen_by(request.user).select_related("replica", "tenant")
    cluster = clusters.filter(slug=slug).first()
    role = role_in(request.user, cluster.tenant_id, cluster.pk) if cluster else None
    if cluster is None or not role:
        raise Http404
    return Place(cluster, role, request.user)
