"""Tenants: queries without one raise, names in addresses give nothing away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.urls import get_resolver

from portal.jobs.rows import Job
from portal.proposals.proposal import Proposal
from portal.tenants import (
    RESERVED,
    RIGHTS,
    ManagedCluster,
    Right,
    Role,
    Tenant,
    TenantMissing,
    free_slug,
    role_in,
)
from tests.portal import world

PAGES = Path(__file__).resolve().parents[2] / "portal" / "pages"


@pytest.mark.parametrize("model", [ManagedCluster, Job, Proposal])
@pytest.mark.parametrize("query", ["all", "count", "first", "exists"])
def test_query_without_a_tenant_raises(model: type[ManagedCluster], query: str) -> None:
    with pytest.raises(TenantMissing):
        getattr(model.objects, query)()


def test_rows_are_seen_by_members_alone(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User, umbra: Tenant
) -> None:
    assert list(ManagedCluster.objects.seen_by(alice)) == [europe]
    assert list(ManagedCluster.objects.seen_by(charlie)) == [secret]
    assert list(ManagedCluster.objects.seen_by(AnonymousUser())) == []
    assert list(ManagedCluster.objects.of(umbra)) == [secret]
    assert role_in(alice, umbra.pk) is None
    assert role_in(AnonymousUser(), umbra.pk) is None


def test_no_page_asks_for_rows_of_everybody() -> None:
    found = [p.name for p in PAGES.glob("*.py") if re.search(r"\.everything\b", p.read_text())]
    assert found == []


def test_names_in_addresses_are_free_and_no_page_of_the_portal(acme: Tenant, umbra: Tenant) -> None:
    world.cluster(acme, "Europe", ["a.example"])
    assert free_slug("Europe", acme) == "europe-acme"
    assert free_slug("Europe", umbra) == "europe-umbra"
    assert free_slug("東京", umbra) == "cluster"
    assert free_slug("Jobs", acme) == "jobs-acme"


def test_first_parts_of_all_addresses_are_reserved() -> None:
    first = {str(p.pattern).split("/")[0] for p in get_resolver().url_patterns}
    assert {part for part in first if part and "<" not in part} <= RESERVED


def test_roles_hold_the_rights_they_are_named_for() -> None:
    assert {role for role in Role if role.may(Right.EDIT)} == {Role.ADMINISTRATOR, Role.OPERATOR}
    assert {role for role in Role if role.may(Right.APPROVE)} == {Role.ADMINISTRATOR, Role.APPROVER}
    assert {role for role in Role if role.may(Right.ADMINISTER)} == {Role.ADMINISTRATOR}
    assert not Role.GUEST.may(Right.SEE_SETTINGS)
    assert set(RIGHTS) == set(Role)
