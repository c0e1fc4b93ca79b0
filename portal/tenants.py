"""Tenants, their people and their clusters; who sees what, and who may do what (design, section 9)."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from clusters.models import Replica

Person = AbstractBaseUser | AnonymousUser


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


class Tenant(models.Model):
    """A customer: whose clusters stand together and whose people see one another."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), unique=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person's role in a tenant."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "user"], name="one_role_per_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.tenant}"


class TenantManager(models.Manager[Any]):
    """Rows of tenants. Each query names whose rows it is about; one that does not raises TenantMissing."""

    def get_queryset(self) -> models.QuerySet[Any]:
        raise TenantMissing(
            f"say whose {self.model._meta.verbose_name_plural} are meant: of(tenant) or seen_by(user)"
        )

    def of(self, tenant: Tenant) -> models.QuerySet[Any]:
        """The rows of one tenant."""
        return super().get_queryset().filter(tenant=tenant)

    def seen_by(self, user: Person) -> models.QuerySet[Any]:
        """The rows of all tenants in which the person has a role."""
        if not user.is_authenticated:
            return super().get_queryset().none()
        return super().get_queryset().filter(tenant__members__user=user)


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
        "api",
        "create",
        "healthz",
        "i18n",
        "jobs",
        "live",
        "login",
        "logout",
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


def role_in(user: Person, tenant_id: int) -> Role | None:
    """The person's role in the tenant; None for strangers."""
    if not user.is_authenticated:
        return None
    found = Member.objects.filter(user=user, tenant=tenant_id).values_list("role", flat=True).first()
    return None if found is None else Role(found)
