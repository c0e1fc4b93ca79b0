"""Who stands before a page of a cluster, and whether they may be there (design, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

from django.conf import settings
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
    """A cluster as one person sees it; what templates call `place`."""

    cluster: ManagedCluster
    role: Role
    user: str

    @property
    def replica_id(self) -> int:
        return int(self.cluster.replica_id)

    @cached_property
    def state(self) -> ClusterState:
        """What is in force."""
        return replicas.state_of(self.cluster.replica)

    @cached_property
    def draft(self) -> ClusterState:
        """What would be in force with this person's pending changes."""
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
        return self.may(Right.EDIT)

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


def guided(view: View) -> View:
    """A view of the guided administration: there is no such page where the portal has it turned off."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.GATEFOLD_GUIDED_CLUSTERCONFIG:
            raise Http404
        return view(request, *args, **kwargs)

    return checked
