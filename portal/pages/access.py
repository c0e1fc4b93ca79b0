"""Who stands before a page of a cluster, and whether they may be there (design, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from appliances.following.freshness import Seen, seen
from appliances.models import Connection, MachineStatus
from clusters import drafts, replicas
from clusters.models import Draft
from clusters.modes import CLUSTER, Mode
from clusters.state import ClusterState
from clusters.versions import Change
from portal.login.freshness import ask_again, is_fresh
from portal.proposals.proposal import waiting_for
from portal.tenants import ManagedCluster, Right, Role, role_in

View = Callable[..., HttpResponse]


@dataclass
class Place:
    """A cluster as one person sees it; what templates call `place`."""

    cluster: ManagedCluster
    role: Role
    person: Any

    @property
    def user(self) -> str:
        """The name under which the person drafts and commits."""
        return str(self.person.get_username())

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
        return self.state.changed(self.drafts)

    @cached_property
    def drafts(self) -> list[Change]:
        """This person's pending changes."""
        return drafts.changes(self.replica_id, self.user)

    @cached_property
    def pending_count(self) -> int:
        """How much this person has changed and not committed."""
        return Draft.objects.filter(replica=self.replica_id, user=self.user).count()

    @cached_property
    def waiting_count(self) -> int:
        """How many proposals of this cluster wait for this person."""
        return waiting_for(self.person).filter(cluster=self.cluster).count()

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
    def administers(self) -> bool:
        return self.may(Right.ADMINISTER)

    @property
    def may_see_settings(self) -> bool:
        return self.may(Right.SEE_SETTINGS)

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
    role = cluster and role_in(request.user, cluster.tenant_id, cluster.pk)
    if not role:
        raise Http404
    return Place(cluster, role, request.user)


def machines_seen(place: Place) -> list[Seen]:
    """Every member as it may be shown now; one query."""
    now, revision = timezone.now(), place.cluster.replica.revision
    rows = MachineStatus.objects.filter(replica=place.replica_id).exclude(connection=Connection.REMOVED)
    return [seen(row, now, revision) for row in rows]


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


def fresh(view: View) -> View:
    """Let a POST pass only when the person has lately shown the second factor, or else the passphrase.

    Others are asked for it and come back to the page; nothing of what they sent is done or kept.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST" or is_fresh(request):
            return view(request, *args, **kwargs)
        return ask_again(request)

    return checked


def fresh_page(view: View) -> View:
    """The same for a page with a long form, or one that shows secrets: asks before it is seen."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if is_fresh(request) else ask_again(request)

    return checked
