"""Invitations: a link that makes whoever holds it a member, once, for a week (design, section 9)."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import models, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clusters.refusals import Refused
from portal.audit import log
from portal.audit.log import Action
from portal.tenants import ClusterRole, ManagedCluster, Member, Role, Tenant

LASTS = timedelta(days=7)
SALT = "gatefold.invitation"


class Closed(Refused):
    """The invitation was used, taken back, is too old, or never was."""


class MemberAlready(Refused):
    """The person has a role in the whole tenant; an administrator changes it."""


class Invitation(models.Model):
    """A role waiting for a person: in the whole tenant, or in the clusters named."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="invitations")
    email = models.EmailField(gettext_lazy("e-mail address"))
    role = models.CharField(gettext_lazy("role"), max_length=16, choices=Role.choices)
    clusters = models.ManyToManyField(ManagedCluster, related_name="+", blank=True)
    invited_by = models.CharField(gettext_lazy("invited by"), max_length=150)
    nonce = models.CharField(max_length=43, editable=False)
    created = models.DateTimeField(gettext_lazy("created"), auto_now_add=True)
    expires = models.DateTimeField(gettext_lazy("expires"))
    used = models.DateTimeField(gettext_lazy("used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = gettext_lazy("invitation")
        verbose_name_plural = gettext_lazy("invitations")
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return self.email

    @property
    def word(self) -> str:
        """The signed text of the link. It needs the portal's key: who reads the table cannot make it."""
        return signing.dumps([self.pk, self.nonce], salt=SALT)

    @property
    def path(self) -> str:
        """The address below the portal."""
        return reverse("invitation", args=[self.word])


@transaction.atomic
def invite(
    who: Any, tenant: Tenant, email: str, role: str, clusters: Collection[ManagedCluster] = (), host: str = ""
) -> Invitation:
    """Keep an invitation and mail it where the portal can mail; `host` is where links lead, with its scheme.

    An earlier open one to the same address is taken back. The answer is the same whether or not somebody has
    that address here.
    """
    open_ones(tenant).filter(email__iexact=email).delete()
    made = Invitation.objects.create(
        tenant=tenant,
        email=email,
        role=Role(role),
        invited_by=who.user.get_username(),
        nonce=secrets.token_urlsafe(32),
        expires=timezone.now() + LASTS,
    )
    made.clusters.set([cluster for cluster in clusters if cluster.tenant_id == tenant.pk])
    log.record(who, Action.INVITATION, email, tenant, change="sent", roles=_roles(made))
    if settings.EMAIL_HOST:
        transaction.on_commit(lambda: _mail(made, host))
    return made


def open_ones(tenant: Tenant) -> models.QuerySet[Invitation]:
    """Those that can still be accepted."""
    return tenant.invitations.filter(used=None, expires__gt=timezone.now())


def found(word: str) -> Invitation:
    """The open invitation of a link; raises Closed."""
    try:
        number, nonce = signing.loads(word, salt=SALT, max_age=LASTS)
        one = Invitation.objects.select_related("tenant").get(pk=number, nonce=nonce)
    except (signing.BadSignature, ValueError, TypeError, Invitation.DoesNotExist):
        one = None
    if one is None or one.used is not None or one.expires <= timezone.now():
        raise Closed(_("This invitation was used, taken back, or is older than a week. Ask for another."))
    return one


@transaction.atomic
def accept(word: str, user: Any) -> Member:
    """Make the person a member; the link works no second time. Raises Closed, MemberAlready."""
    one = found(word)
    member, _new = Member.objects.get_or_create(tenant=one.tenant, user=user)
    if member.role:
        raise MemberAlready(_("You are a member of %(tenant)s already.") % {"tenant": one.tenant})
    # Of two who press at once, one finds nothing left to use.
    if not Invitation.objects.filter(pk=one.pk, used=None).update(used=timezone.now()):
        raise Closed(_("This invitation was used, taken back, or is older than a week. Ask for another."))
    _give(member, one)
    roles = _roles(one)
    log.record(user, Action.INVITATION, one.email, one.tenant, change="accepted", roles=roles)
    return member


def _give(member: Member, one: Invitation) -> None:
    clusters = list(one.clusters.all())
    for cluster in clusters:
        ClusterRole.objects.update_or_create(member=member, cluster=cluster, defaults={"role": one.role})
    if not clusters:
        member.role = one.role
        member.save(update_fields=["role"])


@transaction.atomic
def revoke(who: Any, one: Invitation) -> None:
    """Take it back."""
    log.record(who, Action.INVITATION, one.email, one.tenant, change="taken back")
    one.delete()


def _roles(one: Invitation) -> list[str]:
    slugs = one.clusters.order_by("slug").values_list("slug", flat=True)
    return [f"{slug}: {one.role}" for slug in slugs] or [str(one.role)]


def _mail(one: Invitation, host: str) -> None:
    context = {"invitation": one, "address": f"{host}{one.path}"}
    text = render_to_string("people/invitation_mail.txt", context)
    subject = _("Invitation to %(tenant)s in Gatefold") % {"tenant": one.tenant}
    send_mail(subject, text, None, [one.email], fail_silently=True)
