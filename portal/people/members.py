"""The people of a tenant: what roles they have, how these change, and the administrator who must remain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from clusters.refusals import Refused
from portal.audit import log
from portal.audit.log import Action
from portal.tenants import ClusterRole, ManagedCluster, Member, Role, Tenant


class LastAdministrator(Refused):
    """The change would leave the tenant without an administrator."""


class NoRole(Refused):
    """A member with no role at all is to be removed instead."""


@transaction.atomic
def change(who: Any, member: Member, role: str, here: Mapping[ManagedCluster, str]) -> None:
    """Give the member this role in the tenant (empty: none) and these in clusters, instead of all before.

    Raises LastAdministrator, NoRole. Clusters must be the tenant's own; `clusters_of` finds them.
    """
    if not role and not any(here.values()):
        raise NoRole(_("Choose a role in the tenant or in a cluster, or remove the member."))
    before = described(member)
    _keep_one_administrator(member, stays=role == Role.ADMINISTRATOR)
    member.role = role
    member.save(update_fields=["role"])
    member.clusters.exclude(cluster__in=[c.pk for c, chosen in here.items() if chosen]).delete()
    for cluster, chosen in here.items():
        if chosen:
            one = ClusterRole(member=member, cluster=cluster, role=chosen)
            one.clean()
            ClusterRole.objects.update_or_create(member=member, cluster=cluster, defaults={"role": chosen})
    log.record(
        who, Action.MEMBER, member.user, member.tenant, change="roles", was=before, now=described(member)
    )


@transaction.atomic
def remove(who: Any, member: Member) -> None:
    """Take the member out of the tenant; the account stays. Raises LastAdministrator."""
    _keep_one_administrator(member, stays=False)
    before, user, tenant = described(member), member.user, member.tenant
    member.delete()
    log.record(who, Action.MEMBER, user, tenant, change="removed", was=before)


@transaction.atomic
def require_second_factor(who: Any, tenant: Tenant, of: str) -> None:
    """Change who of the tenant must have a second factor, from the next login on."""
    was, tenant.second_factor = tenant.second_factor, Tenant.SecondFactor(of)
    tenant.save(update_fields=["second_factor"])
    log.record(who, Action.POLICY, tenant, tenant, policy="second factor", was=was, now=str(of))


def clusters_of(tenant: Tenant) -> list[ManagedCluster]:
    """The clusters in which members of the tenant can have roles."""
    return list(ManagedCluster.objects.of(tenant).select_related("replica"))


def described(member: Member) -> list[str]:
    """The member's roles in a few words: `operator`, `europe: approver`."""
    here = member.clusters.order_by("cluster__slug").values_list("cluster__slug", "role")
    return [*([member.role] if member.role else []), *(f"{slug}: {role}" for slug, role in here)]


def _keep_one_administrator(member: Member, *, stays: bool) -> None:
    administrators = member.tenant.members.filter(role=Role.ADMINISTRATOR, user__is_active=True)
    # All of them are locked, or two that remove one another at once would both be let; in one order, or
    # they would wait for each other; and not the people, whom rows of the audit log name.
    if member.role != Role.ADMINISTRATOR or stays:
        return
    locked = administrators.order_by("pk").select_for_update(of=("self",))
    if not [one for one in locked if one.pk != member.pk]:
        raise LastAdministrator(_("This is the last administrator. Make somebody else administrator first."))
