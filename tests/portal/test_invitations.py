"""Invitations: a link for one person, once, for a week; of one tenant; that tells nothing of who is here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail, signing
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.audit.log import Action, AuditRow
from portal.people.invitations import SALT, Closed, Invitation, accept, found
from portal.tenants import ManagedCluster, Member, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn

NEW = {
    "username": "frank",
    "first_name": "Frank",
    "last_name": "Foss",
    "passphrase": "a good long passphrase",
}


def invite(
    client: Client, email: str = "frank@acme.example", role: str = "operator", **more: Any
) -> Invitation:
    answer = client.post("/people/acme/", {"do": "invite", "email": email, "role": role, **more})
    assert answer.status_code == 302, answer.content.decode()
    return Invitation.objects.latest("pk")


def test_new_person_makes_an_account_and_has_the_role(
    alice: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    boss = log_in(alice)
    one = invite(boss)
    assert one.path in boss.get("/people/acme/").content.decode()
    guest = Client()
    page = guest.get(one.path).content.decode()
    assert "Acme" in page
    assert guest.post(one.path, NEW).headers["Location"] == "/login/"
    guest.post("/login/", {"username": "frank", "password": NEW["passphrase"]})
    assert guest.get("/europe/pending/").status_code == 200
    frank = User.objects.get(username="frank")
    assert (frank.email, frank.memberships.get().role) == ("frank@acme.example", Role.OPERATOR)
    changes = (
        AuditRow.objects.filter(action=Action.INVITATION).order_by("number").values_list("actor", "facts")
    )
    assert [(actor, facts["change"]) for actor, facts in changes] == [
        ("alice", "sent"),
        ("frank", "accepted"),
    ]


def test_link_works_once(alice: User, log_in: LogIn) -> None:
    one = invite(log_in(alice))
    assert Client().post(one.path, NEW).status_code == 302
    assert Client().get(one.path).status_code == 410
    assert Client().post(one.path, {**NEW, "username": "mallory"}).status_code == 410
    assert not User.objects.filter(username="mallory").exists()


def test_link_ends_after_a_week_and_when_it_is_taken_back(alice: User, log_in: LogIn) -> None:
    boss = log_in(alice)
    old = invite(boss)
    assert old.expires - timezone.now() < timedelta(days=7)
    Invitation.objects.filter(pk=old.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert Client().get(old.path).status_code == 410
    one = invite(boss)
    boss.post("/people/acme/", {"do": "revoke", "number": one.pk})
    assert Client().post(one.path, NEW).status_code == 410
    assert not User.objects.filter(username="frank").exists()


def test_second_invitation_to_an_address_takes_the_first_back(alice: User, log_in: LogIn) -> None:
    boss = log_in(alice)
    first, second = invite(boss, role="administrator"), invite(boss, role="guest")
    assert Client().get(first.path).status_code == 410
    assert Client().get(second.path).status_code == 200


def test_person_with_an_account_joins_with_it(alice: User, charlie: User, log_in: LogIn) -> None:
    one = invite(log_in(alice), "charlie@umbra.example", "readonly")
    browser = log_in(charlie)
    assert "Accept as charlie" in browser.get(one.path).content.decode()
    assert browser.post(one.path).headers["Location"] == "/"
    assert charlie.memberships.get(tenant__slug="acme").role == Role.READONLY
    assert charlie.memberships.get(tenant__slug="umbra").role == Role.ADMINISTRATOR


def test_invitation_for_clusters_gives_a_role_there_alone(
    alice: User, acme: Tenant, europe: ManagedCluster, secret: ManagedCluster, log_in: LogIn
) -> None:
    asia = world.cluster(acme, "Asia", ["tokyo.example"])
    boss = log_in(alice)
    answer = boss.post(
        "/people/acme/", {"do": "invite", "email": "x@y.example", "role": "guest", "clusters": [secret.pk]}
    )
    assert answer.status_code == 422, "a cluster of another tenant is no choice"
    assert "Blacksite" not in answer.content.decode()
    one = invite(boss, role="approver", clusters=[asia.pk])
    Client().post(one.path, NEW)
    member = Member.objects.get(user__username="frank")
    assert member.role == ""
    assert [(r.cluster, r.role) for r in member.clusters.all()] == [(asia, Role.APPROVER)]


def test_member_gains_nothing_by_an_invitation(alice: User, bob: User, log_in: LogIn) -> None:
    one = invite(log_in(alice), role="administrator")
    assert log_in(bob).post(one.path).status_code == 410
    assert bob.memberships.get().role == Role.OPERATOR
    assert Client().get(one.path).status_code == 200, "it is still there for whom it was meant"


def test_forged_and_foreign_words_open_nothing(
    alice: User, acme: Tenant, umbra: Tenant, charlie: User, log_in: LogIn
) -> None:
    mine = invite(log_in(alice))
    his = Invitation.objects.create(
        tenant=umbra, email="m@umbra.example", role=Role.ADMINISTRATOR, invited_by="charlie", nonce="n" * 43,
        expires=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    nonce = mine.nonce
    words = [
        "nonsense",
        signing.dumps([his.pk, nonce], salt=SALT),
        signing.dumps([his.pk, "n" * 43], salt="another"),
        signing.dumps([his.pk, "n" * 43], key="another key" * 5, salt=SALT),
        signing.dumps({"pk": his.pk}, salt=SALT),
        signing.dumps(["x", "n" * 43], salt=SALT),
        mine.word[:-2] + "xx",
    ]
    for word in words:
        assert Client().get(f"/invitation/{word}/").status_code == 410, word
        with pytest.raises(Closed):
            found(word)
    boss = log_in(alice)
    assert boss.post("/people/acme/", {"do": "revoke", "number": his.pk}).status_code == 404
    assert Invitation.objects.filter(pk=his.pk).exists()
    assert his.path not in boss.get("/people/acme/").content.decode()
    accept(his.word, alice)
    assert alice.memberships.get(tenant=umbra).role == Role.ADMINISTRATOR


def test_inviting_tells_nothing_of_who_is_here(alice: User, charlie: User, log_in: LogIn) -> None:
    charlie.email = "charlie@umbra.example"
    charlie.save()
    boss = log_in(alice)
    pages = []
    for email in ("charlie@umbra.example", "nobody@umbra.example"):
        one = invite(boss, email)
        told = boss.get("/people/acme/").content.decode()
        pages.append(told.count(email))
        assert "charlie</span>" not in told
        page = Client().get(one.path).content.decode()
        assert "I am new here" in page
        assert "I have an account" in page
    assert pages[0] == pages[1]


def test_taken_name_and_weak_passphrase_are_refused_and_the_link_stays(
    alice: User, bob: User, log_in: LogIn
) -> None:
    one = invite(log_in(alice))
    assert Client().post(one.path, {**NEW, "username": "bob"}).status_code == 422
    assert Client().post(one.path, {**NEW, "passphrase": "short"}).status_code == 422
    assert Client().post(one.path, {**NEW, "passphrase": ""}).status_code == 422
    assert Client().get(one.path).status_code == 200
    bob.refresh_from_db()
    assert bob.check_password(world.PASSPHRASE)


def test_invitation_travels_by_mail_where_the_portal_can_mail(
    alice: User,
    log_in: LogIn,
    settings: Any,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.EMAIL_HOST = "mail.example"
    with django_capture_on_commit_callbacks(execute=True):
        one = invite(log_in(alice))
    (sent,) = mail.outbox
    assert sent.to == ["frank@acme.example"]
    assert f"http://testserver{one.path}" in sent.body
    assert "<" not in sent.body


def test_operator_and_stranger_invite_nobody(bob: User, charlie: User, acme: Tenant, log_in: LogIn) -> None:
    told = {"do": "invite", "email": "m@evil.example", "role": "administrator"}
    assert log_in(bob).post("/people/acme/", told).status_code == 403
    assert log_in(charlie).post("/people/acme/", told).status_code == 404
    assert not Invitation.objects.exists()


def test_joining_a_tenant_that_asks_for_a_second_factor_leads_to_it(
    alice: User, acme: Tenant, charlie: User, log_in: LogIn
) -> None:
    acme.second_factor = "everybody"
    acme.save()
    boss = log_in(alice)
    boss.session.flush()
    one = Invitation.objects.create(
        tenant=acme, email="c@x.example", role=Role.GUEST, invited_by="alice", nonce="n" * 43,
        expires=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    browser = log_in(charlie)
    browser.post(one.path)
    assert browser.get("/").headers["Location"] == "/account/2fa/"
