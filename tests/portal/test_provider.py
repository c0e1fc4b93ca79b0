"""Login by a provider (OpenID Connect): a real conversation with a small one that runs here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client

from portal.settings import login as login_settings
from portal.settings.environment import BadEnvironment, number
from portal.tenants import ManagedCluster
from tests.portal.conftest import LogIn

NOBODY_SIGNS = "the portal fetches the token itself and need not trust a signature"


class Provider(ThreadingHTTPServer):
    """Says who somebody is; remembers what it was asked."""

    subject, name = "4711", "greta"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[dict[str, list[str]]] = []

    @property
    def claims(self) -> dict[str, Any]:
        address = {"email": "alice@acme.example", "email_verified": True}
        return {"sub": self.subject, "preferred_username": self.name, "name": "Greta Green", **address}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = self.server.url
        if self.path == "/userinfo":
            self._send(self.server.claims)
            return
        if self.path.startswith("/authorize"):
            self._send_back()
            return
        self._send(
            {
                "issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token",
                "userinfo_endpoint": f"{url}/userinfo", "jwks_uri": f"{url}/keys",
            }
        )  # fmt: skip

    def do_POST(self) -> None:
        self.server.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        claims = {**self.server.claims, "iss": self.server.url, "aud": "gatefold", "exp": 9999999999}
        self._send(
            {"access_token": "x", "token_type": "Bearer", "id_token": jwt.encode(claims, NOBODY_SIGNS)}
        )

    def _send_back(self) -> None:
        """The person needs no login here: back at once, with a code."""
        asked = parse_qs(urlsplit(self.path).query)
        told = urlencode({"code": "abc", "state": asked["state"][0]})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri'][0]}?{told}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quietly."""


@contextmanager
def running() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with running() as server:
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app_of(server)]}}
        settings.GATEFOLD_FORM_TARGETS = [server.url]
        yield server


def app_of(server: Provider) -> dict[str, Any]:
    """How the environment would tell it."""
    return {
        "provider_id": "corp", "name": "Corp", "client_id": "gatefold", "secret": "canary-secret",
        "settings": {"server_url": server.url, "oauth_pkce_enabled": True},
    }  # fmt: skip


def come_back(client: Client, **changes: str) -> Any:
    """Press the button of the provider, and come back from it with a code."""
    answer = client.post("/account/oidc/corp/login/?process=login")
    assert answer.status_code == 302
    sent = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    assert sent["redirect_uri"] == "http://testserver/account/oidc/corp/login/callback/"
    assert sent["code_challenge"]
    return client.get(
        "/account/oidc/corp/login/callback/", {"code": "abc", "state": sent["state"], **changes}
    )


def test_new_person_of_a_provider_has_an_account_and_no_tenant(
    provider: Provider, europe: ManagedCluster, alice: User
) -> None:
    client = Client()
    page = client.get("/login/")
    assert "Log in with Corp" in page.content.decode()
    assert f"form-action 'self' {provider.url}" in page.headers["Content-Security-Policy"]
    assert come_back(client).headers["Location"] == "/"
    greta = User.objects.get(username="greta")
    assert greta.get_full_name() == "Greta Green"
    assert not greta.has_usable_password()
    assert not greta.memberships.exists()
    assert client.get("/europe/").status_code == 404
    assert "Nothing to see yet" in client.get("/").content.decode()
    assert provider.asked[0]["code_verifier"]
    assert "canary-secret" not in page.content.decode()


def test_same_person_comes_again_to_the_same_account(provider: Provider, alice: User) -> None:
    come_back(Client())
    provider.name = "renamed"
    client = Client()
    come_back(client)
    assert User.objects.filter(username__in=("greta", "renamed")).count() == 1
    assert client.get("/account/").status_code == 200


def test_provider_takes_over_no_account_by_its_address_or_name(provider: Provider, alice: User) -> None:
    alice.email = "alice@acme.example"
    alice.save()
    provider.name = "alice"
    client = Client()
    come_back(client)
    assert client.get("/people/acme/").status_code in (302, 404)
    made = User.objects.exclude(pk=alice.pk).get()
    assert made.username != "alice"
    assert not made.memberships.exists()


def test_answer_that_was_not_asked_for_logs_nobody_in(provider: Provider, db: None) -> None:
    client = Client()
    come_back(client, state="forged")
    assert client.get("/").status_code == 302
    assert not User.objects.exists()


def test_person_connects_a_provider_and_logs_in_by_it(provider: Provider, alice: User, log_in: LogIn) -> None:
    mine = log_in(alice)
    answer = mine.post("/account/oidc/corp/login/?process=connect")
    state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
    mine.get("/account/oidc/corp/login/callback/", {"code": "abc", "state": state})
    assert "Corp" in mine.get("/account/providers/").content.decode()
    client = Client()
    come_back(client)
    assert client.get("/people/acme/").status_code == 200
    assert User.objects.count() == 1


def test_unknown_provider_is_not_found(db: None) -> None:
    assert Client().post("/account/oidc/corp/login/").status_code == 404


@pytest.mark.parametrize("text", ["", "two", "-1", "1e3", "9" * 30])
def test_number_of_the_environment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadEnvironment, match="GATEFOLD_PROXIES"):
        number("GATEFOLD_PROXIES", text)
    assert number("GATEFOLD_PROXIES", "2") == 2


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({}, "GATEFOLD_OIDC_CORP_URL, GATEFOLD_OIDC_CORP_CLIENT, GATEFOLD_OIDC_CORP_SECRET"),
        ({"URL": "https://id.corp.example", "CLIENT": "x"}, "GATEFOLD_OIDC_CORP_SECRET"),
        ({"URL": "http://id.corp.example", "CLIENT": "x", "SECRET": "y"}, "https://"),
    ],
)
def test_provider_that_is_not_told_whole_is_refused_at_the_start(
    told: dict[str, str], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, value in told.items():
        monkeypatch.setenv(f"GATEFOLD_OIDC_CORP_{part}", value)
    with pytest.raises(BadEnvironment, match=wrong):
        login_settings._provider("corp")
