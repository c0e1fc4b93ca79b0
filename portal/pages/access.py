"""Who stands before a page of a cluster, and whether they may be there (design, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from clusters import drafts, replicas
from clusters.models import Draft
from clusters.modes import CLUSTER, Mode
from clusters.state import ClusterState
from portal.tenants import ManagedCluster, Right, Role, role_in

View = Callable[..., HttpResponse]


@dataclass
class Place:
    """A cluster as one person sees it, now or as it was `at` a moment; what templates call `place`."""

    cluster: ManagedCluster
    role: Role
    user: str
    at: datetime | None = None

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
        if self.at is not None:
            return self.state
        return self.state.changed(drafts.changes(self.replica_id, self.user))

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
    def at_text(self) -> str:
        """The moment as addresses have it; empty for now."""
        return "" if self.at is None else self.at.astimezone(UTC).isoformat()

    @property
    def may_see_settings(self) -> bool:
        return self.may(Right.SEE_SETTINGS)

    def require(self, right: Right) -> None:
        """Raises PermissionDenied when the role lacks the right."""
        if not self.may(right):
            raise PermissionDenied


def place_of(request: HttpRequest, slug: str) -> Place:
    """The cluster of that name as the person sees it; Http404 for foreign ones as for missing ones."""
    clusters = ManagedCluster.objects.seen_by(request.user).select_related("replica", "tenant")
    cluster = clusters.filter(slug=slug).first()
    role = cluster and role_in(request.user, cluster.tenant_id)
    if not role:
        raise Http404
    return Place(cluster, role, request.user.get_username())


def cluster_page(right: Right = Right.SEE_SETTINGS) -> Callable[[View], View]:
    """Give a view the Place of its `slug`; its person must have `right`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
            place = place_of(request, slug)
            place.require(right)
            return view(request, place, *args, **kwargs)

        return checked

    return decorate
