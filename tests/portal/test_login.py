"""The login: one door for all, which tells nothing of who has an account and yields to no guessing."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.cache import cache
from django.templatetags.static import static
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.login.display import Profile
from portal.tenants import ManagedCluster, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn, just_confirmed

WRONG = "a wrong passphrase"


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


def log_in_as(
    name: str, passphrase: str = world.PASSPHRASE, path: str = "/login/", **more: Any
) -> tuple[Client, Any]:
    client = Client(**more)
    return client, client.post(path, {"username": name, "password": passphrase})


def test_person_logs_in_and_out(alice: User) -> None:
    client, answer = log_in_as("alice")
    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_answer_is_the_same_for_known_and_unknown_names(alice: User) -> None:
    alice.email = "alice@acme.example"
    alice.save()
    answers = [
        re.sub(r'(value=|X-CSRFToken": )"[^"]*"', "", log_in_as(name, WRONG)[1].content.decode())
        for name in ("alice", "nobody", "alice@acme.example")
    ]
    assert len(set(answers)) == 1
    assert "do not belong together" in answers[0]


def test_closed_account_is_told_apart_only_by_the_right_passphrase(alice: User) -> None:
    alice.is_active = False
    alice.save()
    assert "do not belong together" in log_in_as("alice", WRONG)[1].content.decode()
    client, answer = log_in_as("alice")
    assert answer.headers["Location"] == "/account/inactive/"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_guessing_one_name_is_limited_from_wherever_it_comes(name: str, alice: User) -> None:
    for number in range(5):
        assert "do not belong" in log_in_as(name, WRONG, REMOTE_ADDR=f"192.0.2.{number}")[1].content.decode()
    client, answer = log_in_as(name, REMOTE_ADDR="192.0.2.99")
    assert "Too many attempts" in answer.content.decode()
    assert client.get("/").status_code == 302


def test_guessing_many_names_from_one_address_is_limited(alice: User) -> None:
    for number in range(20):
        log_in_as(f"name{number}", WRONG, REMOTE_ADDR="192.0.2.1")
    assert "Too many attempts" in log_in_as("alice", REMOTE_ADDR="192.0.2.1")[1].content.decode()
    assert log_in_as("alice", REMOTE_ADDR="192.0.2.2")[1].status_code == 302


def test_forged_forwarding_header_gives_no_new_address(alice: User) -> None:
    for number in range(20):
        log_in_as(f"name{number}", WRONG, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    answer = log_in_as("alice", HTTP_X_FORWARDED_FOR="198.51.100.99")[1]
    assert "Too many attempts" in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
    ],
)
def test_next_leads_to_no_foreign_place(path: str, alice: User) -> None:
    client = Client()
    told = {"username": "alice", "password": world.PASSPHRASE, "next": path}
    assert client.post("/login/", told).headers["Location"] == "/"
    assert client.get("/login/", {"next": path}).headers["Location"] == "/"
    answer = client.post("/i18n/setlang/", {"language": "ja", "next": path})
    assert "evil" not in answer.headers.get("Location", "")
    answer = client.post("/account/reauthenticate/", {"password": world.PASSPHRASE, "next": path})
    assert "evil" not in answer.headers["Location"]
    assert "javascript" not in answer.headers["Location"]


def test_next_leads_to_the_page_that_was_asked_for(alice: User, europe: ManagedCluster) -> None:
    client = Client()
    asked = client.get("/europe/history/").headers["Location"]
    answer = client.post(
        asked, {"username": "alice", "password": world.PASSPHRASE, "next": "/europe/history/"}
    )
    assert answer.headers["Location"] == "/europe/history/"


def test_session_planted_before_the_login_is_worth_nothing(alice: User) -> None:
    """Session fixation: the key changes with the login."""
    victim = Client()
    victim.get("/login/")
    planted = victim.session
    planted["x"] = 1
    planted.save()
    victim.cookies["sessionid"] = planted.session_key
    victim.post("/login/", {"username": "alice", "password": world.PASSPHRASE})
    assert victim.cookies["sessionid"].value != planted.session_key
    attacker = Client()
    attacker.cookies["sessionid"] = planted.session_key
    assert attacker.get("/").status_code == 302


def test_nobody_signs_up_alone(db: None) -> None:
    for path in ("/signup/", "/account/signup/", "/accounts/signup/"):
        Client().post(
            path, {"username": "mallory", "password1": world.PASSPHRASE, "password2": world.PASSPHRASE}
        )
    assert not User.objects.exists()


def account_pages(found: Any = None, prefix: str = "/account/") -> list[str]:
    known = [p for p in get_resolver().url_patterns if isinstance(p, URLResolver)]
    resolver = next(p for p in known if str(p.pattern) == "account/")
    pages = []
    for pattern in found if found is not None else resolver.url_patterns:
        part = str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            pages.append(prefix + part.replace("<int:pk>", "1"))
        elif "provider_id" not in part:
            pages += account_pages(pattern.url_patterns, prefix + part.replace("<int:pk>", "1"))
    return pages


@pytest.mark.parametrize("path", account_pages())
def test_page_of_an_account_is_for_its_person(path: str, db: None) -> None:
    answer = Client().get(path)
    if path in ("/account/inactive/", "/account/providers/login/cancelled/"):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/login/"), path


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", [p for p in account_pages() if "/keys/" not in p])
def test_page_of_an_account_opens_in_our_look(path: str, language: str, alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    answer = client.get(path, follow=True, HTTP_ACCEPT_LANGUAGE=language)
    assert answer.status_code in (200, 401, 404), path
    if answer.status_code != 404:
        text = answer.content.decode()
        assert static("gatefold/tokens.css") in text
        assert f'<html lang="{language}"' in text
        assert "style=" not in text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
        assert "Password" not in text


def test_admin_site_has_no_door_of_its_own(alice: User, log_in: LogIn) -> None:
    assert Client().get("/admin/").status_code == 302
    answer = Client().get("/admin/login/")
    assert answer.headers["Location"].startswith("/login/?next=")
    assert (
        Client().post("/admin/login/", {"username": "alice", "password": world.PASSPHRASE}).status_code == 302
    )
    assert log_in(alice).get("/admin/login/").status_code == 403
    alice.is_superuser = alice.is_staff = True
    alice.save()
    assert log_in(alice).get("/admin/login/").headers["Location"] == "/admin/"


def test_secrets_of_logins_are_not_in_the_admin_site(alice: User, bob: User, log_in: LogIn) -> None:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    client = log_in(alice)
    for table in ("socialaccount/socialtoken", "socialaccount/socialapp", "usersessions/usersession"):
        assert client.get(f"/admin/{table}/").status_code == 404
    one = Authenticator.objects.create(user=bob, type="totp", data={"secret": "canary"})
    page = f"/admin/mfa/authenticator/{one.pk}"
    assert "canary" not in client.get(f"{page}/change/").content.decode()
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.exists()


def test_passphrase_change_ends_all_other_sessions(alice: User) -> None:
    here, there = log_in_as("alice")[0], log_in_as("alice")[0]
    new = "another staple horse"
    told = {"oldpassword": world.PASSPHRASE, "password1": new, "password2": new}
    assert here.post("/account/passphrase/change/", told).status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert log_in_as("alice", new)[1].status_code == 302


def test_short_passphrase_is_refused(alice: User) -> None:
    client = log_in_as("alice")[0]
    told = {"oldpassword": world.PASSPHRASE, "password1": "short", "password2": "short"}
    assert "12" in client.post("/account/passphrase/change/", told).content.decode()
    alice.refresh_from_db()
    assert alice.check_password(world.PASSPHRASE)


def test_sessions_are_listed_and_ended(alice: User, bob: User) -> None:
    here = log_in_as("alice", HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")[0]
    there = log_in_as("alice", REMOTE_ADDR="192.0.2.8")[0]
    third = log_in_as("alice")[0]
    his = log_in_as("bob")[0]
    page = here.get("/account/sessions/").content.decode()
    assert "Firefox · Linux" in page
    assert "192.0.2.8" in page
    one = UserSession.objects.get(session_key=there.session.session_key)
    his.post("/account/sessions/", {"do": "end", "number": one.pk})
    assert there.get("/").status_code == 200, "nobody ends the session of another person"
    here.post("/account/sessions/", {"do": "end", "number": one.pk})
    assert there.get("/").status_code == 302
    assert third.get("/").status_code == 200
    here.post("/account/sessions/", {"do": "others"})
    assert third.get("/").status_code == 302
    assert here.get("/").status_code == 200
    assert his.get("/").status_code == 200


def test_use_of_a_session_is_noted_and_not_at_every_request(
    alice: User, django_assert_num_queries: Any
) -> None:
    client = log_in_as("alice")[0]
    session = client.session
    session["noted"] = time.time() - 600
    session.save()
    UserSession.objects.update(ip="198.51.100.1")
    client.get("/jobs/")
    assert UserSession.objects.get().ip == "127.0.0.1"
    UserSession.objects.update(ip="198.51.100.1")
    client.get("/jobs/")
    assert UserSession.objects.get().ip == "198.51.100.1"


def test_times_and_words_are_as_the_person_likes_wherever_they_log_in(alice: User, acme: Tenant) -> None:
    client = log_in_as("alice")[0]
    told = {"first_name": "Alice", "last_name": "A", "email": "a@acme.example", "language": "ja",
            "time_zone": "Asia/Tokyo", "theme": "dark"}  # fmt: skip
    assert client.post("/account/", told).status_code == 302
    elsewhere = log_in_as("alice", HTTP_ACCEPT_LANGUAGE="en")[0]
    page = elsewhere.get("/account/")
    text = page.content.decode()
    assert '<html lang="ja" data-theme="dark"' in text
    assert page.headers["Content-Language"] == "ja"
    assert "Asia/Tokyo" in text
    assert (
        "JST" in elsewhere.get("/audit/acme/").content.decode()
        or "+09:00" in elsewhere.get("/account/sessions/").content.decode()
    )
    elsewhere.post("/i18n/setlang/", {"language": "en"})
    assert '<html lang="en"' in elsewhere.get("/account/").content.decode()
    assert elsewhere.post("/account/theme/", {"theme": "light"}).status_code == 204
    assert elsewhere.post("/account/theme/", {"theme": "<b>"}).status_code == 204
    likes = Profile.objects.get(user=alice)
    assert (likes.language, likes.theme, likes.time_zone) == ("en", "light", "Asia/Tokyo")


def test_unknown_zone_is_refused(alice: User) -> None:
    client = log_in_as("alice")[0]
    assert client.post("/account/", {"time_zone": "Mars/Olympus"}).status_code == 422
    assert client.get("/account/").status_code == 200
    assert not Profile.objects.exists()


def test_login_long_ago_is_asked_again_and_comes_back(
    alice: User, bob: User, europe: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(alice)
    just_confirmed(client, alice, ago=16 * 60)
    path = f"/people/acme/{bob.memberships.get().pk}/"
    answer = client.post(path, {"do": "remove"}, headers={"Referer": f"http://testserver{path}?x=1"})
    assert answer.headers["Location"] == f"/account/reauthenticate/?next={path.replace('/', '%2F')}%3Fx%3D1"
    assert bob.memberships.exists()
    asked = client.get(answer.headers["Location"])
    assert "press the button again" in asked.content.decode()
    told = {"password": world.PASSPHRASE, "next": f"{path}?x=1"}
    assert client.post("/account/reauthenticate/", {**told, "password": WRONG}).status_code == 200
    assert client.post(path, {"do": "remove"}).headers["Location"].startswith("/account/reauthenticate/")
    assert client.post("/account/reauthenticate/", told).headers["Location"] == f"{path}?x=1"
    assert client.post(path, {"do": "remove"}).headers["Location"] == "/people/acme/"
    assert not bob.memberships.exists()


def test_adoption_asks_before_its_form_is_filled_in(alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    assert client.get("/adopt/").status_code == 200
    just_confirmed(client, alice, ago=16 * 60)
    assert client.get("/adopt/").headers["Location"] == "/account/reauthenticate/?next=%2Fadopt%2F"


def test_what_was_sent_is_not_kept_while_asking(alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    just_confirmed(client, alice, ago=16 * 60)
    client.post("/adopt/", {"step": "adopt", "passphrase": "hunter2 hunter2"})
    assert "hunter2" not in str(dict(client.session))


def test_fragment_is_sent_to_the_question_as_a_page(alice: User, log_in: LogIn) -> None:
    client = log_in(alice)
    just_confirmed(client, alice, ago=16 * 60)
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/account/tokens/"}
    answer = client.post("/account/tokens/", {"name": "x"}, headers=headers)
    assert answer.headers["HX-Redirect"] == "/account/reauthenticate/?next=%2Faccount%2Ftokens%2F"


def test_many_pages_at_once_note_the_use_of_a_session_once(
    alice: User, europe: ManagedCluster, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred tabs that wrote at the same hint would wait for one another, and fail."""
    client, noted = log_in(alice), []
    monkeypatch.setattr(
        "portal.login.activity.UserSession.objects.create_from_request", lambda request: noted.append(request)
    )
    session = client.session
    session["noted"] = 1.0
    session.save()
    for _tab in range(5):
        stale = client.session
        stale["noted"] = 1.0
        stale.save()
        client.get("/europe/")
    assert len(noted) == 1
