"""Open pages hear at once when what their person may see changes: roles, clusters, the end of a session."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from portal.hints import jobs_of, person_of, send_to
from portal.tenants import ClusterRole, ManagedCluster, Member

CHANGED = {"type": "access.changed"}


def connect() -> None:
    """Listen to what changes rights; called once, when the application is ready."""
    for signal in (post_save, post_delete):
        signal.connect(_member, sender=Member, dispatch_uid="portal.access.member")
        signal.connect(_role, sender=ClusterRole, dispatch_uid="portal.access.role")
        signal.connect(_cluster, sender=ManagedCluster, dispatch_uid="portal.access.cluster")
        signal.connect(_person, sender=settings.AUTH_USER_MODEL, dispatch_uid="portal.access.person")
    user_logged_out.connect(_logged_out, dispatch_uid="portal.access.logout")


def changed_for(user_id: int) -> None:
    """Let all pages of a person look again, after the transaction."""
    transaction.on_commit(lambda: send_to(person_of(user_id), CHANGED))


def changed_in(tenant_id: int) -> None:
    """Let all pages of the people of a tenant look again, after the transaction."""
    transaction.on_commit(lambda: send_to(jobs_of(tenant_id), CHANGED))


def _member(instance: Member, **_kwargs: Any) -> None:
    changed_for(instance.user_id)


def _role(instance: ClusterRole, **_kwargs: Any) -> None:
    person = Member.objects.filter(pk=instance.member_id).values_list("user", flat=True).first()
    if person is not None:
        changed_for(person)


def _cluster(instance: ManagedCluster, **_kwargs: Any) -> None:
    changed_in(instance.tenant_id)


def _person(instance: Any, created: bool = False, update_fields: Any = None, **_kwargs: Any) -> None:
    # A login notes its time in the row, which changes nothing for anybody.
    if not created and set(update_fields or ()) != {"last_login"}:
        changed_for(instance.pk)


def _logged_out(user: Any, **_kwargs: Any) -> None:
    if user is not None:
        changed_for(user.pk)
