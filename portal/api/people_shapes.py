"""What the API shows of people, and takes about them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.api.listing import OneOf, Query, Words, YesOrNo
from portal.api.shapes import Document, Shape
from portal.audit.log import Action, Outcome
from portal.login.devices import device
from portal.tenants import Role, Tenant


class TenantShape(Shape):
    """A tenant that you administer."""

    slug = serializers.CharField()
    name = serializers.CharField()
    second_factor = serializers.ChoiceField(choices=Tenant.SecondFactor.choices)


class SecondFactorInput(Shape):
    """Who must have a second factor, from the next login on."""

    second_factor = serializers.ChoiceField(choices=Tenant.SecondFactor.choices)


class ClusterRoleShape(Shape):
    """A role in one cluster."""

    cluster = serializers.CharField(source="cluster.slug")
    role = serializers.ChoiceField(choices=Role.choices)


class PersonShape(Shape):
    """A member; an empty role is one who has roles in some clusters only."""

    number = serializers.IntegerField(source="pk")
    user = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.get_full_name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=Role.choices, allow_blank=True)
    clusters = serializers.SerializerMethodField()
    second_factor = serializers.BooleanField(source="strong")
    seen = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(ClusterRoleShape(many=True))
    def get_clusters(self, member: Any) -> list[dict[str, Any]]:
        return [dict(ClusterRoleShape(one).data) for one in member.clusters.all()]


class ClusterRoleInput(Shape):
    """A role in one cluster of the tenant."""

    cluster = serializers.CharField(max_length=80)
    role = serializers.ChoiceField(choices=Role.choices)


class RolesInput(Shape):
    """All roles that the member shall have, instead of those before."""

    role = serializers.ChoiceField(choices=Role.choices, allow_blank=True)
    clusters = ClusterRoleInput(many=True, required=False, default=list)


class InvitationInput(Shape):
    """Whom to invite as what; without clusters the role is in all of the tenant."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)
    clusters = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        default=list,
        help_text="Names of clusters.",
    )


class InvitationShape(Shape):
    """An open invitation; whoever holds `path` below the portal's address can accept it."""

    number = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    role = serializers.CharField()
    clusters = serializers.SerializerMethodField()
    invited_by = serializers.CharField()
    expires = serializers.DateTimeField()
    path = serializers.CharField()

    def get_clusters(self, invitation: Any) -> list[str]:
        return [cluster.slug for cluster in invitation.clusters.all()]


class AuditShape(Shape):
    """A row of the audit log."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    who = serializers.CharField(source="actor")
    address = serializers.CharField(help_text="Where it came from.")
    action = serializers.CharField(help_text=", ".join(Action.values))
    object = serializers.CharField(source="target")
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    facts = Document()
    before = serializers.CharField(help_text="Hash of the row before.")
    hash = serializers.CharField()


class AuditQuery(Query):
    """Which rows of the audit log."""

    q = Words(help_text="In who and object, or the beginning of from where.")
    action = OneOf(Action.choices)
    outcome = OneOf(Outcome.choices)
    since = serializers.DateField(default=None, allow_null=True)
    until = serializers.DateField(default=None, allow_null=True)


class PersonQuery(Query):
    """Which members."""

    q = Words(help_text="In the name, the login or the e-mail address.")
    role = OneOf(Role.choices, help_text="In the tenant or in one of its clusters.")
    second_factor = YesOrNo(help_text="Whether one is set up.")


class SessionShape(Shape):
    """A browser in which somebody is logged in."""

    number = serializers.IntegerField(source="pk")
    device = serializers.SerializerMethodField(help_text="Browser and system, as far as it tells them.")
    agent = serializers.CharField(source="user_agent")
    address = serializers.CharField(source="ip")
    logged_in = serializers.DateTimeField(source="created_at")
    seen = serializers.DateTimeField(source="last_seen_at")

    def get_device(self, session: Any) -> str:
        return device(session.user_agent)


class OwnSessionShape(SessionShape):
    """A browser in which you are logged in; `current` is the one that asks."""

    current = serializers.SerializerMethodField()

    def get_current(self, session: Any) -> bool:
        return bool(session.is_current())


class EndedShape(Shape):
    """How many sessions were ended."""

    ended = serializers.IntegerField()


class TokenInput(Shape):
    """A token to make; `tenant` and `clusters` limit it."""

    name = serializers.CharField(max_length=100)
    read_only = serializers.BooleanField(default=True)  # type: ignore[assignment]  # a field of that name, which the class gives up
    expires = serializers.DateTimeField(required=False, allow_null=True, default=None)
    tenant = serializers.CharField(required=False, allow_null=True, default=None, max_length=50)
    clusters = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        default=list,
        help_text="Names of clusters.",
    )


class TokenShape(Shape):
    """A token of yours."""

    number = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]  # a field of that name, which the class gives up
    tenant = serializers.CharField(source="tenant.slug", allow_null=True, default=None)
    clusters = serializers.SerializerMethodField()
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField(allow_null=True)
    used = serializers.DateTimeField(allow_null=True)

    def get_clusters(self, token: Any) -> list[str]:
        return [cluster.slug for cluster in token.clusters.all()]


class IssuedToken(TokenShape):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField()
