"""The page of API tokens: shown once, for a time, within limits, and gone when revoked."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from portal.audit.log import Action, AuditRow
from portal.people.tokens import ApiToken
from portal.tenants import ManagedCluster
from tests.portal.conftest import LogIn

PAGE = "/account/tokens/"


def text_in(page: str) -> str:
    return re.findall(r"gatefold_[\w-]{40,}", page)[0]


def test_token_is_shown_once_and_works_within_its_limits(
    alice: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    told = {"name": "nightly", "days": 30, "tenant": "", "clusters": [europe.pk]}
    text = text_in(client.post(PAGE, told).content.decode())
    page = client.get(PAGE).content.decode()
    assert text not in page
    assert "nightly" in page
    row = ApiToken.objects.get()
    assert row.read_only
    assert timedelta(days=29) < row.expires - timezone.now() <= timedelta(days=30)
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert script.get("/api/v1/clusters/europe/").status_code == 200
    assert script.get("/api/v1/tenants/").json()["results"] == []
    client.post(PAGE, {"do": "revoke", "number": row.pk})
    assert script.get("/api/v1/clusters/europe/").status_code == 401
    facts = AuditRow.objects.filter(action=Action.TOKEN).order_by("number").values_list("facts", flat=True)
    assert [one["change"] for one in facts] == ["made", "revoked"]
    assert facts[0]["limits"] == ["europe"]
    assert text not in str(list(AuditRow.objects.values()))


def test_foreign_clusters_tenants_and_tokens_are_no_choice(
    alice: User, charlie: User, europe: ManagedCluster, secret: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    for wrong in ({"clusters": [secret.pk]}, {"tenant": secret.tenant_id}, {"days": 99999}, {"name": ""}):
        answer = client.post(PAGE, {"name": "x", "days": 30, **wrong})
        assert answer.status_code == 422, wrong
        assert "Blacksite" not in answer.content.decode()
    log_in(charlie).post(PAGE, {"name": "his", "days": 30})
    his = ApiToken.objects.get()
    assert client.post(PAGE, {"do": "revoke", "number": his.pk}).status_code == 404
    assert client.post(PAGE, {"do": "revoke", "number": "x"}).status_code == 404
    assert ApiToken.objects.filter(pk=his.pk).exists()
