"""The people of a tenant as its administrators look for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.http import Http404

from portal.login.policy import second_factors
from portal.tenants import (
    ClusterRole,
    Limits,
    Member,
    Right,
    Role,
    Tenant,
    limits_of,
    tenants_with,
)


def administered(user: Any, slug: str) -> Tenant:
    """The tenant of that name; Http404 for strangers, PermissionDenied for other members."""
    found = tenants_with(user, Right.ADMINISTER).filter(slug=slug).first()
    if found is not None:
        return found
    if limits_of(user) == Limits() and Tenant.objects.filter(slug=slug, members__user=user.pk).exists():
        raise PermissionDenied
    raise Http404


def people_of(tenant: Tenant) -> QuerySet[Member]:
    """The members with their roles, when they were last here, and whether they have a second factor."""
    found = tenant.members.select_related("user").prefetch_related("clusters__cluster__replica")
    return found.annotate(
        seen=Max("user__usersession__last_seen_at"),
        strong=Exists(second_factors(OuterRef("user"))),
    ).order_by("user__username")


@dataclass(frozen=True, slots=True)
class People:
    """Which members are wanted; what is empty filters nothing."""

    q: str = ""
    role: str = ""
    second_factor: bool | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> People:
        """From the query of a page; words that mean nothing filter nothing."""
        role = str(asked.get("role", ""))
        return cls(
            str(asked.get("q", "")).replace("\0", "").strip()[:100],
            role if role in Role.values else "",
            {"yes": True, "no": False}.get(str(asked.get("second_factor", ""))),
        )

    @property
    def narrows(self) -> bool:
        """Whether more would be shown without it."""
        return self != People()

    def of_tenant(self, tenant: Tenant) -> QuerySet[Member]:
        """Those members of the tenant."""
        found = people_of(tenant)
        if self.q:
            columns = ("username", "first_name", "last_name", "email")
            words = (Q(**{f"user__{column}__icontains": self.q}) for column in columns)
            found = found.filter(reduce(or_, words))
        if self.role:
            here = ClusterRole.objects.filter(member=OuterRef("pk"), role=self.role)
            found = found.filter(Q(role=self.role) | Exists(here))
        if self.second_factor is not None:
            strong: Any = {"strong": self.second_factor}  # the column that people_of adds
            found = found.filter(**strong)
        return found
