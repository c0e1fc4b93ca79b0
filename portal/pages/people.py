"""The people of a tenant, for its administrators: roles, invitations, sessions, policy of second factors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from clusters.refusals import Refused
from portal.login.sessions import end
from portal.pages.access import View, fresh, number_in
from portal.pages.choosing import ClustersField
from portal.pages.paging import MANY, page_of
from portal.people import invitations, members
from portal.people.listing import People, administered, people_of
from portal.tenants import (
    ManagedCluster,
    Member,
    Right,
    Role,
    Tenant,
    tenants_with,
)

SHOWN = 50
SEEN = "-last_seen_at", "-pk"


def tenant_page(view: View) -> View:
    """Give a view the Tenant of its `tenant`, which its person must administer."""

    @wraps(view)
    def checked(request: HttpRequest, tenant: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, administered(request.user, tenant), *args, **kwargs)

    return checked


def choose_tenant(request: HttpRequest, page: str) -> HttpResponse:
    """To the page of the only tenant that the person administers, or a choice of them."""
    mine = list(tenants_with(request.user, Right.ADMINISTER))
    if not mine:
        raise PermissionDenied
    if len(mine) == 1:
        return redirect(page, mine[0].slug)
    return render(request, "people/tenants.html", {"tenants": mine, "page": page, "section": "people"})


@require_safe
def tenants(request: HttpRequest) -> HttpResponse:
    """Whose people?"""
    return choose_tenant(request, "people_of")


class InviteForm(forms.Form):
    """Whom, as what, and where."""

    fields: dict[str, Any]

    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.OPERATOR)
    clusters = ClustersField(
        None,
        label=gettext_lazy("Only in these clusters"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Choose none for a role in all clusters, also in those to come."),
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clusters"].queryset = ManagedCluster.objects.of(tenant).select_related("replica")


@tenant_page
@fresh
def people(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    """The list; POST invites, takes an invitation back, or sets the policy (`do` says what)."""
    if request.method == "POST":
        return ACTIONS.get(request.POST.get("do", ""), _invite)(request, tenant)
    return _show(request, tenant, InviteForm(tenant=tenant))


def _show(request: HttpRequest, tenant: Tenant, form: InviteForm, status: int = 200) -> HttpResponse:
    wanted, email = People.of(request.GET), str(request.GET.get("email", "")).replace("\0", "").strip()[:254]
    invited = invitations.open_ones(tenant).prefetch_related("clusters__replica")
    context = {
        "tenant": tenant,
        "page": page_of(request, wanted.of_tenant(tenant), SHOWN),
        "wanted": wanted,
        "roles": Role.choices,
        "invitations": page_of(request, invited.filter(email__icontains=email), SHOWN, "invitations"),
        "email": email,
        "many": MANY,
        "host": _host(request),
        "form": form,
        "policies": Tenant.SecondFactor.choices,
        "section": "people",
    }
    return render(request, "people/people.html", context, status=status)


def _host(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _invite(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    form = InviteForm(request.POST, tenant=tenant)
    if not form.is_valid():
        return _show(request, tenant, form, 422)
    told = form.cleaned_data
    invitations.invite(request, tenant, told["email"], told["role"], told["clusters"], _host(request))
    messages.success(request, _("Invited: %(email)s. The link works once, for a week.") % told)
    return redirect("people_of", tenant.slug)


def _revoke(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    one = invitations.open_ones(tenant).filter(pk=number_in(request.POST.get("number", ""))).first()
    if one is None:
        raise Http404
    invitations.revoke(request, one)
    messages.success(request, _("The invitation is taken back; its link opens nothing any more."))
    return redirect("people_of", tenant.slug)


def _policy(request: HttpRequest, tenant: Tenant) -> HttpResponse:
    chosen = request.POST.get("second_factor", "")
    if chosen in Tenant.SecondFactor.values:
        members.require_second_factor(request, tenant, chosen)
        messages.success(request, _("Kept. It holds from the next login of each person."))
    return redirect("people_of", tenant.slug)


ACTIONS: dict[str, Callable[[HttpRequest, Tenant], HttpResponse]] = {
    "invite": _invite,
    "revoke": _revoke,
    "policy": _policy,
}


@tenant_page
@fresh
def member(request: HttpRequest, tenant: Tenant, number: int) -> HttpResponse:
    """One member: POST changes the roles, removes, or ends a session (`do` says what)."""
    one = people_of(tenant).filter(pk=number).first()
    if one is None:
        raise Http404
    if request.method == "POST":
        return _act(request, one)
    return render(request, "people/member.html", _context(request, one))


def _context(request: HttpRequest, one: Member) -> dict[str, Any]:
    known = {each.cluster_id: each.role for each in one.clusters.all()}
    return {
        "member": one,
        "tenant": one.tenant,
        "roles": Role.choices,
        "clusters": [(cluster, known.get(cluster.pk, "")) for cluster in members.clusters_of(one.tenant)],
        "page": page_of(request, UserSession.objects.filter(user=one.user_id).order_by(*SEEN), SHOWN),
        "section": "people",
    }


def _act(request: HttpRequest, one: Member) -> HttpResponse:
    do = request.POST.get("do", "")
    try:
        if do == "remove":
            members.remove(request, one)
            messages.success(request, _("%(name)s is no member any more.") % {"name": one.user})
            return redirect("people_of", one.tenant.slug)
        if do == "end":
            end(request, one.user, number_in(request.POST.get("number", "")))
            messages.success(request, _("The session is ended."))
        elif do == "roles":
            members.change(request, one, *_chosen(request, one))
            messages.success(request, _("The roles hold now, also on pages that are open."))
    except Refused as error:
        messages.error(request, str(error))
    return redirect("member", one.tenant.slug, one.pk)


def _chosen(request: HttpRequest, one: Member) -> tuple[str, dict[ManagedCluster, str]]:
    """The roles of the form; what is no role counts as none."""
    told, known = request.POST, members.clusters_of(one.tenant)
    role = told.get("role", "")
    here = {cluster: told.get(f"cluster.{cluster.pk}", "") for cluster in known}
    return (
        role if role in Role.values else "",
        {cluster: chosen if chosen in Role.values else "" for cluster, chosen in here.items()},
    )
