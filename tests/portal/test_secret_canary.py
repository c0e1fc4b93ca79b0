"""A marker planted in every secret field comes to light nowhere (design, section 9)."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from clusters import drafts, replicas
from clusters.modes import CLUSTER
from portal.checks.rows import Check, Finding
from portal.proposals.deciding import Wish, submit
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal.api import test_rights as api
from tests.portal.conftest import Call, LogIn, just_confirmed
from tests.portal.secrets_planted import FORMATS, HASH, SALT, Ears, database, features
from tests.portal.test_admin_site import TABLES
from tests.portal.test_rights import filled, patterns

pytestmark = pytest.mark.django_db(transaction=True)
TOTP_SECRET = "CANARYTOTPSECRETCANARYTOTPSECRET"
TYPED = "canary typed as a passphrase"
FILE = "canary of the passphrase of a file"
HOOK, KEY, SERVICE = "canaryhookcanary", "canarysigningkeycanary", "canaryservicecanary"
MAIL = "/europe/cluster/system_administration"


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Ears]:
    caplog.set_level(logging.DEBUG)
    found = Ears(monkeypatch)
    yield found
    found.forget()


class Planted:
    """What was planted: each marker under the name of its field."""

    def __init__(self) -> None:
        self.markers: dict[str, str] = {
            "hash": HASH, "salt": SALT, "typed": TYPED, "file": FILE, "hook": HOOK, "key": KEY,
            "service": SERVICE, "totp": TOTP_SECRET,
        }  # fmt: skip
        self.once: dict[str, str] = {}
        """Shown once to who made it, or to administrators as a link: nowhere but in the named pages."""

    def in_text(self, text: str) -> list[str]:
        """The fields whose marker stands in a text, also as JSON, base64 or bytes would write it."""
        found = []
        for name, marker in {**self.markers, **self.once}.items():
            coded = base64.b64encode(marker.encode()).decode()[:-4]
            if marker in text or coded in text or json.dumps(marker)[1:-1] in text:
                found.append(name)
        return found


@pytest.fixture
def planted(
    europe: ManagedCluster, acme: Tenant, alice: User, bob: User, ears: Ears, log_in: LogIn, calls: Call
) -> Planted:
    """By the doors that a person uses."""
    found, browser, script = Planted(), log_in(alice), calls(alice)
    _features(browser, script, europe)
    _channels(browser, script)
    _files(browser, script)
    _waiting(europe, bob)
    # Doors to machines that are not there: what was typed at them was in vain, and must be gone.
    where = {"address": "127.0.0.1", "port": "1", "tenant": acme.pk, "user": "admin", "passphrase": TYPED}
    for path in ("/adopt/", "/create/", "/europe/membership/join/"):
        for step in ("look", "adopt", "check", "run"):
            browser.post(path, {**where, "step": step, "name": "X", "style": "address", "fingerprint": "x"})
    # At the end: from a second factor on, the doors above want it first.
    _people(found, browser, alice)
    Client().post("/login/", {"login": "alice", "username": "alice", "password": TYPED})
    return found


def _features(browser: Client, script: Any, europe: ManagedCluster) -> None:
    for feature, document in features():
        page = f"/europe/cluster/{feature.page}"
        for door in ("page", "api"):
            if door == "page":
                html = browser.get(f"{page}?as=json&start=default").content.decode()
                base = html.split('name="base" value="')[1].split('"')[0]
                told = {"do": "save", "json": json.dumps(document), "base": base, "start": "default"}
                assert browser.post(page, told).status_code == 302, feature.name
            else:
                address = f"/api/v1/clusters/europe/cluster/settings/{feature.name}/"
                answer = script.put(address, {"value": document}, format="json")
                assert answer.status_code == 200, answer.content
            browser.get("/europe/pending/")
            browser.post("/europe/pending/", {"do": "commit", "comment": "planted"})
        held = replicas.state(europe.replica_id).settings[CLUSTER][feature.name].value
        assert HASH in json.dumps(held), feature.name
        # What does not pass the check is shown beside its error, without its secrets.
        broken = json.dumps({**document, "no such field": 1})
        browser.post(page, {"do": "save", "json": broken, "base": base, "start": ""})


def _channels(browser: Client, script: Any) -> None:
    tenant = Tenant.objects.get(slug="acme").pk
    told = {"tenant": tenant, "name": "x", "language": "en", "enabled": "on"}
    hook = {**told, "url": f"https://hooks.example/{HOOK}", "signing_key": KEY}
    assert browser.post("/notifications/new/webhook/", hook).status_code == 302
    service = {**told, "name": "y", "url": f"slack://{SERVICE[:9].upper()}/{SERVICE[:9].upper()}/{SERVICE}"}
    browser.post("/notifications/new/service/", service)
    body = {"tenant": "acme", "name": "z", "way": "webhook", "url": f"https://hooks.example/{HOOK}"}
    answer = script.post("/api/v1/notifications/channels/", {**body, "signing_key": KEY}, format="json")
    assert answer.status_code == 201, answer.content
    script.post("/api/v1/notifications/channels/", {**body, "url": f"nonsense {HOOK}"}, format="json")


def _people(found: Planted, browser: Client, alice: User) -> None:
    html = browser.post("/account/tokens/", {"name": "nightly", "days": "90"}).content.decode()
    found.markers["token"] = "gatefold_" + html.split("gatefold_")[1][:40]
    browser.post("/people/acme/", {"email": "new@example.com", "role": "guest"})
    html = browser.get("/people/acme/").content.decode()
    found.once["invitation"] = html.split("/invitation/")[1].split("/")[0]
    TOTP.activate(alice, TOTP_SECRET)
    codes = RecoveryCodes.activate(alice).get_unused_codes()
    found.once |= {f"recovery code {number}": code for number, code in enumerate(codes)}
    change = {"oldpassword": TYPED, "password1": TYPED + "1", "password2": TYPED + "2"}
    browser.post("/account/passphrase/change/", change)


def _files(browser: Client, script: Any) -> None:
    saved = browser.post(
        f"{MAIL}/configuration_file", {"do": "save", "secrets": "encrypted", "passphrase": FILE}
    )
    text = saved.content.decode()
    assert text.startswith("<?xml")
    for passphrase in (FILE, f"{FILE} but wrong"):
        told = {"do": "load", "choice": "cluster", "file_passphrase": passphrase}
        sent = {**told, "file": SimpleUploadedFile("all.xml", text.encode())}
        browser.post(f"{MAIL}/configuration_file", sent)
        load = {"text": text, "passphrase": passphrase, "dry_run": True}
        script.post("/api/v1/clusters/europe/configuration-file/load/", load, format="json")
    browser.post(f"{MAIL}/configuration_file", {"do": "back_up"})
    masked = browser.post(f"{MAIL}/configuration_file", {"do": "save", "secrets": "masked"}).content.decode()
    assert HASH not in masked


def _waiting(europe: ManagedCluster, bob: User) -> None:
    """A proposal, a finding and a pending change, each of which holds a secret."""
    for feature, document in features():
        other = json.loads(json.dumps(document).replace(SALT, SALT[::-1]))
        drafts.edit(europe.replica_id, "bob", CLUSTER, feature.name, other)
        submit(europe, bob, Role.OPERATOR, Wish(comment="planted", approval=True), "portal")
        drafts.edit(europe.replica_id, "alice", CLUSTER, feature.name, other)
        check = Check.objects.create(cluster=europe, holders=[])
        address = f"settings/cluster/{feature.name}"
        held = {"id": "A:1", "replaces": [], "value": document}
        Finding.objects.create(of=check, address=address, versions=json.dumps([]) + json.dumps(held)[:0])


def addresses(europe: ManagedCluster) -> Iterator[str]:
    """Every page, what pages export, and every address of the API."""
    for pattern in patterns():
        if pattern.name not in ("account_logout", "invitation"):
            yield from filled(pattern, europe)
    yield from ("/account/2fa/", "/account/2fa/recovery-codes/", "/audit/acme/?format=csv")
    yield from ("/audit/acme/?format=json", "/europe/history/?q=canary", "/search/?q=canary")
    for feature, _document in features():
        yield from (f"/europe/cluster/{feature.page}", f"/europe/cluster/{feature.page}?as=json")
        yield from (f"/search/?q={marker[:20]}" for marker in (HASH, SALT, HOOK, TYPED))
    for pattern in api.urlpatterns:
        yield from api.addresses(pattern, europe)
    for feature, _document in features():
        yield f"/api/v1/clusters/europe/cluster/settings/{feature.name}/"
    yield "/api/v1/search/?q=canary"


SHOWS = {
    "invitation": ("/people/acme/", "/api/v1/tenants/acme/invitations/"),
    "recovery": ("/account/2fa/recovery-codes/",),
}
"""Where an administrator finds the link to send, and a person their own codes, after a fresh login."""


def leaks(found: Planted, path: str, text: str) -> list[str]:
    repeated = path.partition("q=")[2]
    told = text.replace(repeated, "") if repeated else text
    return [n for n in found.in_text(told) if path.split("?")[0] not in SHOWS.get(n.split()[0], ())]


@pytest.mark.slow
def test_marker_in_no_page_answer_export_log_task_socket_report_or_row(
    planted: Planted,
    europe: ManagedCluster,
    alice: User,
    ears: Ears,
    log_in: LogIn,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = log_in(alice)
    just_confirmed(browser, alice, method="mfa")
    for path in addresses(europe):
        answer = browser.get(path)
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert leaks(planted, path, text.decode()) == [], path
        assert leaks(planted, path, str(answer.headers)) == [], path
    alice.is_superuser = alice.is_staff = True
    alice.save()
    for path in of_admin():
        assert leaks(planted, path, browser.get(path, follow=True).content.decode()) == [], path
    _failing(browser, monkeypatch)
    assert [kind for kind, text in ears.heard if planted.in_text(text)] == []
    assert {"task", "socket", "report"} <= {kind for kind, _text in ears.heard}
    assert planted.in_text(caplog.text) == []
    told = [str(value) for record in caplog.records for value in (record.msg, record.args)]
    assert [text[:200] for text in told if planted.in_text(text)] == []
    assert planted.in_text(database().decode("latin-1")) == []


def of_admin() -> Iterator[str]:
    yield from ("/admin/", "/admin/?q=canary")
    for model in TABLES:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield base
        for row in model._base_manager.all()[:25]:
            yield from (f"{base}{row.pk}/change/", f"{base}{row.pk}/history/", f"{base}{row.pk}/delete/")


def _failing(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break what takes secrets, at the moment when it has them in its hands."""
    browser.raise_request_exception = False

    def fail(*_arguments: Any, **_more: Any) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(drafts, "edit", fail)
    monkeypatch.setattr("portal.alerts.routing.Channel.enter", fail)
    monkeypatch.setattr("portal.pages.config_files.uploads.receive", fail)
    monkeypatch.setattr("portal.config_files.saving.save_cluster", fail)
    for feature, document in features():
        page, body = f"/europe/cluster/{feature.page}", json.dumps(document)
        base = browser.get(page).content.decode().split('name="base" value="')[1].split('"')[0]
        answers = [browser.post(page, {"do": "save", "json": body, "base": base})]
        address = f"/api/v1/clusters/europe/cluster/settings/{feature.name}/"
        answers.append(browser.put(address, {"value": document}, content_type="application/json"))
        assert [answer.status_code for answer in answers] == [500, 500]
    tenant = Tenant.objects.get(slug="acme").pk
    hook = {
        "tenant": tenant,
        "name": "x",
        "language": "en",
        "url": f"https://a.example/{HOOK}",
        "signing_key": KEY,
    }
    assert browser.post("/notifications/new/webhook/", hook).status_code == 500
    saved = {"do": "save", "secrets": "encrypted", "passphrase": FILE}
    assert browser.post(f"{MAIL}/configuration_file", saved).status_code == 500


def test_every_secret_field_of_the_catalogue_has_a_marker() -> None:
    for feature, document in features():
        assert HASH in json.dumps(document), feature.name
    assert {name for feature, _document in features() for name in [feature.name]} >= {"userconfig"}
    assert FORMATS["argon2"].startswith("$argon2id$")


def test_second_factors_are_in_no_row_as_they_are(planted: Planted, alice: User) -> None:
    rows = Authenticator.objects.filter(user=alice)
    assert rows.count() == 2
    assert planted.in_text(str([row.data for row in rows])) == []
    assert admin.site.is_registered(Authenticator)
