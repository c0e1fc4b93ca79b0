"""Tenants, their people and their clusters; who sees what, and who may do what (design, section 9)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from clusters.models import Replica

Person = User | AnonymousUser
"""Whoever stands before a page: an account, or a stranger."""


def account_of(person: Person | None) -> User | None:
    """The account to write beside what was done; None for a stranger and for what happens by itself."""
    return person if isinstance(person, User) else None


class TenantMissing(RuntimeError):
    """A query for rows of tenants that did not say whose."""


class Right(Enum):
    """What a person may do with the clusters of a tenant."""

    SEE_STATE = auto()
    SEE_SETTINGS = auto()
    EDIT = auto()
    APPROVE = auto()
    ADMINISTER = auto()


class Role(models.TextChoices):
    """What a member is to a tenant."""

    ADMINISTRATOR = "administrator", _("administrator")
    OPERATOR = "operator", _("operator")
    APPROVER = "approver", _("approver")
    READONLY = "readonly", _("read-only")
    GUEST = "guest", _("guest")

    def may(self, right: Right) -> bool:
        """Whether the role includes the right."""
        return right in RIGHTS[self]


_SEE = frozenset({Right.SEE_STATE, Right.SEE_SETTINGS})
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset(Right),
    Role.OPERATOR: _SEE | {Right.EDIT},
    Role.APPROVER: _SEE | {Right.APPROVE},
    Role.READONLY: _SEE,
    Role.GUEST: frozenset({Right.SEE_STATE}),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an API token narrows its person to: one tenant, some clusters of it, or nothing where empty."""

    tenant_id: int | None = None
    clusters: frozenset[int] = frozenset()

    def include(self, tenant_id: int, cluster_id: int | None) -> bool:
        """Whether something of that tenant, or of that cluster of it, is within the limits."""
        if self.tenant_id not in (None, tenant_id):
            return False
        return not self.clusters or cluster_id in self.clusters


def account_in(request: Any) -> User:
    """Whose request it is, where nobody comes without an account; raises PermissionDenied for a stranger."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def limit(user: Person, limits: Limits) -> None:
    """Let the account see no more than that for as long as this object of it is used."""
    user.limits = limits  # type: ignore[union-attr]  # on the object alone: no column of the account


def limits_of(user: Person) -> Limits:
    """What the person is narrowed to in this request; `portal.people.tokens` sets it."""
    found = getattr(user, "limits", None)
    return found if isinstance(found, Limits) else Limits()


class Tenant(models.Model):
    """A customer: whose clusters stand together and whose people see one another."""

    class SecondFactor(models.TextChoices):
        """Who must have a second factor to get beyond the login."""

        NOBODY = "nobody", _("nobody")
        ADMINISTRATORS = "administrators", _("administrators")
        EVERYBODY = "everybody", _("everybody")

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), unique=True)
    second_factor = models.CharField(
        _("second factor required for"),
        max_length=16,
        choices=SecondFactor.choices,
        default=SecondFactor.NOBODY,
    )

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person's role in all of a tenant; empty for one who has roles in some of its clusters only."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, blank=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "user"], name="one_role_per_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant}"


class ClusterRole(models.Model):
    """A member's role in one cluster, which stands there instead of the role in the tenant."""

    member = models.ForeignKey(Member, models.CASCADE, related_name="clusters")
    cluster = models.ForeignKey("portal.ManagedCluster", models.CASCADE, related_name="roles")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)

    class Meta:
        verbose_name = _("role in a cluster")
        verbose_name_plural = _("roles in clusters")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["member", "cluster"], name="one_role_per_cluster")
        ]

    def __str__(self) -> str:
        return f"{self.member} · {self.cluster}"

    def clean(self) -> None:
        """A role in a cluster of another tenant would open that tenant."""
        chosen = self.member_id is not None and self.cluster_id is not None
        if chosen and self.member.tenant_id != self.cluster.tenant_id:
            raise ValidationError(_("This cluster belongs to another tenant than the member."))


class TenantManager(models.Manager[Any]):
    """Rows of tenants. Each query names whose rows it is about; one that does not raises TenantMissing."""

    def get_queryset(self) -> models.QuerySet[Any]:
        raise TenantMissing(
            f"say whose {self.model._meta.verbose_name_plural} are meant: of(tenant) or seen_by(user)"
        )

    def of(self, tenant: Tenant) -> models.QuerySet[Any]:
        """The rows of one tenant."""
        return super().get_queryset().filter(tenant=tenant)

    def among(self, tenants: models.QuerySet[Tenant]) -> models.QuerySet[Any]:
        """The rows of those tenants."""
        return super().get_queryset().filter(tenant__in=tenants)

    def seen_by(self, user: Person) -> models.QuerySet[Any]:
        """The rows of tenants, and of clusters, in which the person has a role.

        A row that is of no cluster is for those with a role in the whole tenant.
        """
        if not user.is_authenticated:
            return super().get_queryset().none()
        mine = Member.objects.filter(user=user.pk, tenant=models.OuterRef("tenant"))
        sees, where = ~models.Q(role=""), self._cluster()
        if where:
            sees |= models.Q(clusters__cluster=models.OuterRef(where))
        within = self._within(limits_of(user), where)
        return super().get_queryset().filter(models.Exists(mine.filter(sees)), **within)

    def _cluster(self) -> str:
        """The field that says of which cluster a row is."""
        if self.model is ManagedCluster:
            return "pk"
        names = {field.name for field in self.model._meta.get_fields()}
        return "cluster" if "cluster" in names else ""

    @staticmethod
    def _within(limits: Limits, where: str) -> dict[str, Any]:
        found: dict[str, Any] = {} if limits.tenant_id is None else {"tenant": limits.tenant_id}
        if limits.clusters:
            found[f"{where or 'pk'}__in"] = limits.clusters if where else ()
        return found


class ManagedCluster(models.Model):
    """A cluster that the portal follows for a tenant; `everything` is for workers and the admin site."""

    class State(models.TextChoices):
        ADOPTING = "adopting", _("being adopted")
        FOLLOWED = "followed", _("followed")
        LEFT = "left", _("left")

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    replica = models.OneToOneField(Replica, models.PROTECT, related_name="managed")
    slug = models.SlugField(_("name in addresses"), unique=True, max_length=80)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.FOLLOWED)
    adopted = models.DateTimeField(_("adopted"), auto_now_add=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("managed cluster")
        verbose_name_plural = _("managed clusters")
        ordering: ClassVar[list[str]] = ["tenant__name", "replica__name", "pk"]

    def __str__(self) -> str:
        return self.replica.name or self.slug


RESERVED = frozenset(
    {
        "account",
        "admin",
        "adopt",
        "alerts",
        "api",
        "audit",
        "create",
        "healthz",
        "i18n",
        "invitation",
        "jobs",
        "live",
        "login",
        "logout",
        "people",
        "notifications",
        "releases",
        "static",
        "search",
    }
)
"""First parts of addresses that are the portal's own; no cluster is named so there."""


def free_slug(name: str, tenant: Tenant) -> str:
    """A name for addresses that no other cluster has; says nothing of other tenants' clusters."""
    base = slugify(name)[:40] or "cluster"
    candidates = [
        base,
        f"{base}-{tenant.slug}"[:60],
        *(f"{base}-{tenant.slug}"[:60] + f"-{n}" for n in range(2, 1000)),
    ]
    taken = {
        *RESERVED,
        *ManagedCluster.everything.filter(slug__startswith=base).values_list("slug", flat=True),
    }
    return next(slug for slug in candidates if slug not in taken)


def role_in(user: Person, tenant_id: int, cluster_id: int | None = None) -> Role | None:
    """The person's role in a cluster, or in the whole tenant where none is named; None for strangers."""
    if not user.is_authenticated or not limits_of(user).include(tenant_id, cluster_id):
        return None
    here = ClusterRole.objects.filter(member=models.OuterRef("pk"), cluster=cluster_id)
    mine = Member.objects.filter(user=user.pk, tenant=tenant_id)
    found = mine.values_list("role", models.Subquery(here.values("role")[:1])).first()
    role = found and (found[1] or found[0])
    return Role(role) if role else None


def with_roles(clusters: models.QuerySet[ManagedCluster], user: Person) -> models.QuerySet[Any]:
    """The clusters, which the person sees, each with the person's role in it as `role_here`."""
    here = ClusterRole.objects.filter(member__user=user.pk, cluster=models.OuterRef("pk"))
    mine = Member.objects.filter(user=user.pk, tenant=models.OuterRef("tenant"))
    role = Coalesce(models.Subquery(here.values("role")[:1]), models.Subquery(mine.values("role")[:1]))
    return clusters.annotate(role_here=role)


def tenants_with(user: Person, right: Right) -> models.QuerySet[Tenant]:
    """The tenants in the whole of which the person has the right."""
    if not user.is_authenticated or limits_of(user).clusters:
        return Tenant.objects.none()
    roles: Collection[str] = [role for role in Role if role.may(right)]
    mine = Member.objects.filter(user=user.pk, role__in=roles)
    found = Tenant.objects.filter(pk__in=mine.values("tenant")).order_by("name", "pk")
    only = limits_of(user).tenant_id
    return found if only is None else found.filter(pk=only)
