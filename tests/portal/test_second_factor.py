"""Second factors: an app with recovery codes, asked for at the login and again; tenants that require one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.audit.log import Action, AuditRow
from portal.people import members
from portal.people.tokens import issue
from portal.tenants import ManagedCluster, Member, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn, just_confirmed


def code(secret: str) -> str:
    """What an app shows now. The portal takes no code twice: forgetting the cache stands for the next one."""
    cache.clear()
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def secret_of() -> Callable[[User], str]:
    def activate(user: User) -> str:
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        return secret

    return activate


def give(name: str, **more: Any) -> Client:
    client = Client(**more)
    client.post("/login/", {"username": name, "password": world.PASSPHRASE})
    return client


def test_app_is_set_up_and_recovery_codes_are_shown_once(
    alice: User, log_in: LogIn, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    client = log_in(alice)
    page = client.get("/account/2fa/totp/activate/").content.decode()
    secret = client.session["mfa.totp.secret"]
    assert secret in page
    assert client.post("/account/2fa/totp/activate/", {"code": "12345"}).status_code == 200
    assert not Authenticator.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/account/2fa/totp/activate/", {"code": code(secret)})
    assert answer.headers["Location"] == "/account/2fa/recovery-codes/"
    shown = client.get("/account/2fa/recovery-codes/").content.decode()
    assert shown.count("<li>") >= 10
    assert "not shown again" in client.get("/account/2fa/recovery-codes/").content.decode()
    row = Authenticator.objects.get(user=alice, type="totp")
    assert secret not in str(row.data), "encrypted in the database"
    changes = AuditRow.objects.filter(action=Action.SECOND_FACTOR).values_list("facts", flat=True)
    assert {"change": "added", "kind": "totp"} in list(changes)


def test_passphrase_alone_opens_nothing_where_a_second_factor_is(
    alice: User, europe: ManagedCluster, secret_of: Any
) -> None:
    secret = secret_of(alice)
    client = give("alice")
    assert client.get("/").headers["Location"].startswith("/login/")
    assert client.get("/europe/").status_code == 302
    assert client.get("/account/2fa/authenticate/").status_code == 200
    assert client.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.get("/").status_code == 302
    assert client.post("/account/2fa/authenticate/", {"code": code(secret)}).headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_code_is_good_once(alice: User, secret_of: Any) -> None:
    first = code(secret_of(alice))
    one, two = give("alice"), give("alice")
    assert one.post("/account/2fa/authenticate/", {"code": first}).status_code == 302
    assert two.post("/account/2fa/authenticate/", {"code": first}).status_code == 200
    assert two.get("/").status_code == 302


def test_guessing_codes_is_limited(alice: User, secret_of: Any) -> None:
    secret = secret_of(alice)
    right = code(secret)
    client = give("alice")
    for number in range(5):
        client.post("/account/2fa/authenticate/", {"code": f"00000{number}"})
    answer = client.post("/account/2fa/authenticate/", {"code": right})
    assert "Too many attempts" in answer.content.decode()
    assert client.get("/").status_code == 302


def test_recovery_code_opens_once(alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    client.get("/account/2fa/totp/activate/")
    client.post("/account/2fa/totp/activate/", {"code": code(client.session["mfa.totp.secret"])})
    one = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()[0]
    assert give("alice").post("/account/2fa/authenticate/", {"code": one}).status_code == 302
    assert give("alice").post("/account/2fa/authenticate/", {"code": one}).status_code == 200


def test_what_cannot_be_undone_asks_for_the_second_factor_and_not_the_passphrase(
    alice: User, bob: User, secret_of: Any, log_in: LogIn
) -> None:
    secret = secret_of(alice)
    client = log_in(alice)
    just_confirmed(client, alice)
    path = f"/people/acme/{bob.memberships.get().pk}/"
    answer = client.post(path, {"do": "remove"})
    assert answer.headers["Location"].startswith("/account/2fa/reauthenticate/?next=")
    told = {"password": world.PASSPHRASE, "next": path}
    assert client.post("/account/reauthenticate/", told).status_code == 302
    assert client.post(path, {"do": "remove"}).headers["Location"].startswith("/account/2fa/reauthenticate/")
    told = {"code": code(secret), "next": path}
    assert client.post("/account/2fa/reauthenticate/", told).headers["Location"] == path
    assert client.post(path, {"do": "remove"}).headers["Location"] == "/people/acme/"


def test_person_without_passphrase_and_factor_is_led_to_set_one_up(
    alice: User, bob: User, log_in: LogIn
) -> None:
    alice.set_unusable_password()
    alice.save()
    client = log_in(alice)
    just_confirmed(client, alice, ago=16 * 60)
    answer = client.post(f"/people/acme/{bob.memberships.get().pk}/", {"do": "remove"})
    assert answer.headers["Location"] == "/account/2fa/"
    assert bob.memberships.exists()


@pytest.mark.parametrize(
    ("policy", "role", "asked"),
    [
        ("nobody", Role.ADMINISTRATOR, False),
        ("administrators", Role.ADMINISTRATOR, True),
        ("administrators", Role.OPERATOR, False),
        ("everybody", Role.GUEST, True),
    ],
)
def test_policy_leads_to_the_set_up_at_the_next_login(
    policy: str, role: Role, asked: bool, acme: Tenant, europe: ManagedCluster
) -> None:
    acme.second_factor = policy
    acme.save()
    world.person("dora", "Dora Davis", **{role.value: acme})
    client = give("dora")
    for path in ("/", "/europe/", "/jobs/", "/account/tokens/", "/admin/"):
        answer = client.get(path)
        led = answer.status_code == 302 and answer.headers["Location"] == "/account/2fa/"
        assert led == asked, path
    assert (client.get("/api/v1/clusters/").status_code == 403) == asked
    assert client.get("/account/2fa/").status_code == 200


def test_policy_is_met_by_setting_one_up(acme: Tenant, bob: User, europe: ManagedCluster) -> None:
    acme.second_factor = "everybody"
    acme.save()
    client = give("bob")
    assert "Your organisation asks" in client.get("/", follow=True).content.decode()
    client.get("/account/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    assert client.post("/account/2fa/totp/activate/", {"code": code(secret)}).status_code == 302
    assert client.get("/europe/").status_code == 200
    told = client.post("/account/2fa/totp/deactivate/", {}).content.decode()
    assert "set up another first" in told
    assert Authenticator.objects.filter(user=bob, type="totp").exists()


def test_last_passkey_stays_while_the_policy_holds(acme: Tenant, bob: User, log_in: LogIn) -> None:
    acme.second_factor = "everybody"
    acme.save()
    keys = [Authenticator.objects.create(user=bob, type="webauthn", data={"name": n}) for n in "ab"]
    client = log_in(bob)
    paths = [f"/account/2fa/webauthn/keys/{key.pk}/remove/" for key in keys]
    assert client.post(paths[0]).status_code == 302
    assert client.post(paths[1]).status_code == 302
    assert list(Authenticator.objects.filter(user=bob)) == keys[1:]
    acme.second_factor = "nobody"
    acme.save()
    client.post(paths[1])
    assert not Authenticator.objects.filter(user=bob).exists()


def test_administrator_changes_the_policy_and_it_is_recorded(
    alice: User, bob: User, acme: Tenant, log_in: LogIn
) -> None:
    assert log_in(bob).post("/people/acme/", {"do": "policy", "second_factor": "nobody"}).status_code == 403
    log_in(alice).post("/people/acme/", {"do": "policy", "second_factor": "everybody"})
    log_in(alice).post("/people/acme/", {"do": "policy", "second_factor": "<b>"})
    acme.refresh_from_db()
    assert acme.second_factor == "everybody"
    assert AuditRow.objects.get(action=Action.POLICY).facts["now"] == "everybody"


def test_role_of_an_administrator_in_one_cluster_counts_for_the_policy(
    acme: Tenant, bob: User, alice: User, europe: ManagedCluster
) -> None:
    acme.second_factor = "administrators"
    acme.save()
    members.change(alice, Member.objects.get(user=bob), Role.READONLY, {europe: Role.ADMINISTRATOR})
    assert give("bob").get("/").headers["Location"] == "/account/2fa/"


def test_token_works_without_a_second_factor_and_makes_no_members(
    alice: User, acme: Tenant, secret_of: Any
) -> None:
    secret_of(alice)
    script = Client(HTTP_AUTHORIZATION=f"Bearer {issue(alice, 'x', read_only=False)[1]}")
    assert script.get("/api/v1/tenants/acme/members/").status_code == 200
    told = {"email": "m@evil.example", "role": "administrator"}
    answer = script.post("/api/v1/tenants/acme/invitations/", told, "application/json")
    assert answer.status_code == 403
    assert not acme.invitations.exists()
