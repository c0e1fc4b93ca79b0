"""The people of a tenant, its audit log, and one's own API tokens."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import FRESH_TO_WRITE
from portal.api.base import told
from portal.api.errors import Refusal
from portal.api.idempotency import once
from portal.api.listing import Query, Words, asked, lists, page_of
from portal.api.people_shapes import (
    AuditQuery,
    AuditShape,
    EndedShape,
    InvitationInput,
    InvitationShape,
    IssuedToken,
    OwnSessionShape,
    PersonQuery,
    PersonShape,
    RolesInput,
    SecondFactorInput,
    SessionShape,
    TenantShape,
    TokenInput,
    TokenShape,
)
from portal.audit.rows import rows_of
from portal.login import sessions
from portal.people import invitations, members
from portal.people.listing import People, administered, people_of
from portal.people.tokens import ApiToken, make, revoke
from portal.tenants import ManagedCluster, Right, Tenant, account_in, tenants_with


class FreshView(APIView):
    """A view whose writes want a fresh second factor."""

    permission_classes = FRESH_TO_WRITE


class TenantView(FreshView):
    """A view of a tenant, for its administrators; foreign tenants are not found."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.tenant: Tenant = administered(request.user, kwargs["tenant"])


class Tenants(APIView):
    """The tenants that you administer."""

    @lists(TenantShape, operation_id="tenants_list")
    def get(self, request: Request) -> Response:
        return page_of(request, tenants_with(request.user, Right.ADMINISTER), TenantShape, asked(request))


class OneTenant(TenantView):
    """One tenant that you administer."""

    @extend_schema(operation_id="tenants_retrieve_one", responses=TenantShape)
    def get(self, request: Request, tenant: str) -> Response:
        return Response(TenantShape(self.tenant).data)

    @extend_schema(request=SecondFactorInput, responses=TenantShape)
    def patch(self, request: Request, tenant: str) -> Response:
        """Changes who must have a second factor."""
        members.require_second_factor(request, self.tenant, told(SecondFactorInput, request)["second_factor"])
        return Response(TenantShape(self.tenant).data)


class Members(TenantView):
    """The members of a tenant with their roles."""

    @lists(PersonShape, PersonQuery, "tenants_members_list")
    def get(self, request: Request, tenant: str) -> Response:
        wanted = asked(request, PersonQuery)
        people = People(**{name: wanted[name] for name in ("q", "role", "second_factor")})
        return page_of(request, people.of_tenant(self.tenant), PersonShape, wanted)


class MemberView(TenantView):
    """A view of a member; people of other tenants are not found."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.member = self.found()

    def found(self) -> Any:
        """The member as it stands now; Http404."""
        found = people_of(self.tenant).filter(pk=self.kwargs["number"]).first()
        if found is None:
            raise Http404
        return found


class OneMember(MemberView):
    """One member."""

    @extend_schema(responses=PersonShape)
    def get(self, request: Request, tenant: str, number: int) -> Response:
        return Response(PersonShape(self.member).data)

    @extend_schema(request=RolesInput, responses={200: PersonShape, 422: Refusal})
    def put(self, request: Request, tenant: str, number: int) -> Response:
        """Gives the member these roles instead of all before."""
        sent = told(RolesInput, request)
        names = [each["cluster"] for each in sent["clusters"]]
        clusters = {each.slug: each for each in clusters_named(ManagedCluster.objects.of(self.tenant), names)}
        here = {clusters[each["cluster"]]: each["role"] for each in sent["clusters"]}
        members.change(request, self.member, sent["role"], here)
        return Response(PersonShape(self.found()).data)

    @extend_schema(responses={204: None, 422: Refusal})
    def delete(self, request: Request, tenant: str, number: int) -> Response:
        """Takes the member out of the tenant; the account stays."""
        members.remove(request, self.member)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationQuery(Query):
    """Which invitations."""

    email = Words(help_text="Part of the address.")


class SessionView(FreshView):
    """A view of sessions, which tokens neither see nor end."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiToken):
            raise PermissionDenied(_("A token cannot see or end sessions."))


class MemberSessions(MemberView, SessionView):
    """Where a member is logged in, the one used last first."""

    @lists(SessionShape, operation_id="tenants_members_sessions_list")
    def get(self, request: Request, tenant: str, number: int) -> Response:
        return page_of(request, sessions.living(self.member.user), SessionShape, asked(request))


class OneMemberSession(MemberView, SessionView):
    """One session of a member."""

    @extend_schema(operation_id="tenants_members_sessions_destroy", responses={204: None})
    def delete(self, request: Request, tenant: str, number: int, session: int) -> Response:
        """Ends it."""
        return _ended(request, self.member.user, session)


class Sessions(SessionView):
    """Where you are logged in, the one used last first."""

    @lists(OwnSessionShape, operation_id="sessions_list")
    def get(self, request: Request) -> Response:
        return page_of(request, sessions.living(request.user), OwnSessionShape, asked(request))


class Session(SessionView):
    """One session of yours."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Ends it; the one that asks is logged out."""
        return _ended(request, request.user, number)


class OtherSessions(SessionView):
    """All sessions of yours but the one that asks."""

    @extend_schema(operation_id="sessions_end_others", request=None, responses=EndedShape)
    @once
    def post(self, request: Request) -> Response:
        """Ends them."""
        return Response({"ended": sessions.end_others(request)})


def _ended(request: Request, user: Any, number: int) -> Response:
    if not sessions.end(request, user, number):
        raise Http404
    return Response(status=status.HTTP_204_NO_CONTENT)


class Invitations(TenantView):
    """The open invitations of a tenant."""

    @lists(InvitationShape, InvitationQuery, "tenants_invitations_list")
    def get(self, request: Request, tenant: str) -> Response:
        if request.auth is not None:
            raise PermissionDenied(_("A token cannot see invitations: their links make members."))
        wanted = asked(request, InvitationQuery)
        found = invitations.open_ones(self.tenant).filter(email__icontains=wanted["email"])
        return page_of(request, found.prefetch_related("clusters"), InvitationShape, wanted)

    @extend_schema(request=InvitationInput, responses={201: InvitationShape, 400: Refusal})
    def post(self, request: Request, tenant: str) -> Response:
        """Invites; mails the link where the portal can mail."""
        sent = told(InvitationInput, request)
        clusters = clusters_named(ManagedCluster.objects.of(self.tenant), sent["clusters"])
        host = f"{request.scheme}://{request.get_host()}"
        made = invitations.invite(request, self.tenant, sent["email"], sent["role"], clusters, host)
        return Response(InvitationShape(made).data, status=status.HTTP_201_CREATED)


class OneInvitation(TenantView):
    """One open invitation."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, tenant: str, number: int) -> Response:
        """Takes it back."""
        one = invitations.open_ones(self.tenant).filter(pk=number).first()
        if one is None:
            raise Http404
        invitations.revoke(request, one)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Audit(TenantView):
    """The audit log of a tenant, the latest first."""

    @lists(AuditShape, AuditQuery, "tenants_audit_list")
    def get(self, request: Request, tenant: str) -> Response:
        wanted = asked(request, AuditQuery)
        names = ("q", "action", "outcome", "since", "until")
        found = rows_of(self.tenant, {name: str(wanted[name] or "") for name in names})
        return page_of(request, found, AuditShape, wanted)


class Tokens(FreshView):
    """Your tokens. They are made and revoked with a browser's session, never with a token."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiToken):
            raise PermissionDenied(_("A token cannot see, make or revoke tokens."))

    @lists(TokenShape, operation_id="tokens_list")
    def get(self, request: Request) -> Response:
        found = account_in(request).api_tokens.select_related("tenant").prefetch_related("clusters")
        return page_of(request, found, TokenShape, asked(request))

    @extend_schema(request=TokenInput, responses={201: IssuedToken, 400: Refusal})
    def post(self, request: Request) -> Response:
        """Makes one and shows it."""
        sent = told(TokenInput, request)
        sent["clusters"] = clusters_named(ManagedCluster.objects.seen_by(request.user), sent["clusters"])
        sent["tenant"] = _tenant_named(request.user, sent["tenant"])
        row, text = make(request, **sent)
        return Response({**TokenShape(row).data, "token": text}, status=status.HTTP_201_CREATED)


class Token(Tokens):
    """One token of yours."""

    http_method_names = ["delete", "head", "options"]

    @extend_schema(responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Revokes it."""
        revoke(request, number)
        return Response(status=status.HTTP_204_NO_CONTENT)


def clusters_named(known: Any, slugs: Collection[str]) -> list[ManagedCluster]:
    """The clusters of those names; ValidationError where one is not known."""
    found = list(known.filter(slug__in=slugs))
    if missing := set(slugs) - {cluster.slug for cluster in found}:
        raise ValidationError({"clusters": [_("There is no cluster %s here.") % ", ".join(sorted(missing))]})
    return found


def _tenant_named(user: Any, slug: str | None) -> Tenant | None:
    if not slug:
        return None
    found = Tenant.objects.filter(slug=slug, members__user=user.pk).first()
    if found is None:
        raise ValidationError({"tenant": [_("There is no tenant of yours with this short name.")]})
    return found
