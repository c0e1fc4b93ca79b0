"""Three people and two tenants: Alice runs Acme, Bob helps her, Charlie is a stranger who runs Umbra."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from rest_framework.test import APIClient

from clusters.config_files import sealing
from clusters.modes import CLUSTER
from portal.alerts.incidents import Fact, happened
from portal.alerts.kinds import Kind
from portal.audit import log
from portal.jobs.rows import Job
from portal.tenants import ManagedCluster, Tenant
from tests.appliances.machine.machines import Machines
from tests.portal import world
from tests.portal.reading import LANGUAGES, Read


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Real ones; they end with the module."""
    found = Machines()
    yield found
    found.close()


@pytest.fixture(scope="session", autouse=True)
def pages_have_files(collected: None) -> None:
    """Pages name the files that production would give them."""


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration files are sealed at once here; `tests/clusters/config_files` seals them as all do."""
    monkeypatch.setattr(sealing, "COST", 2)


@pytest.fixture
def acme(db: None) -> Tenant:
    cache.clear()
    return Tenant.objects.create(name="Acme", slug="acme")


@pytest.fixture
def umbra(db: None) -> Tenant:
    return Tenant.objects.create(name="Umbra", slug="umbra")


@pytest.fixture
def alice(acme: Tenant) -> User:
    return world.person("alice", "Alice Adams", administrator=acme)


@pytest.fixture
def bob(acme: Tenant) -> User:
    return world.person("bob", "Bob Brown", operator=acme)


@pytest.fixture
def charlie(umbra: Tenant) -> User:
    return world.person("charlie", "Charlie Cook", administrator=umbra)


@pytest.fixture
def europe(acme: Tenant) -> ManagedCluster:
    """Three machines: berlin and rome in Main_Group, paris in the group Paris; routes on all three levels."""
    made = world.cluster(
        acme, "Europe", ["berlin.example", "rome.example", "paris.example"], {"Paris": ["paris.example"]}
    )
    world.define(
        made, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.1"), comment="Routes for everybody"
    )
    world.define(made, world.mode_of(made, "Paris"), "smtproutes", world.routes(a_example="192.0.2.2"))
    return made


@pytest.fixture
def secret(umbra: Tenant) -> ManagedCluster:
    """A cluster of the other tenant, whose names nobody of Acme may ever read."""
    made = world.cluster(umbra, "Blacksite", ["hush.umbra.example"])
    world.define(made, CLUSTER, "smtproutes", world.routes(hidden_example="192.0.2.66"), comment="whisper")
    return made


@pytest.fixture
def asia(acme: Tenant) -> ManagedCluster:
    """The other cluster of the first tenant, for those with a role in Europe alone."""
    made = world.cluster(acme, "Asia", ["tokyo.example"], {"Osaka": []})
    world.define(made, CLUSTER, "smtproutes", world.routes(c_example="192.0.2.33"), comment="whisper")
    world.report(made)
    Job.everything.create(tenant=acme, cluster=made, kind="synchronise").say("tokyo")
    happened(acme, made, Fact(Kind.DOWN, "tokyo", name="tokyo.example"), timezone.now())
    return made


@pytest.fixture
def tenants(europe: ManagedCluster, asia: ManagedCluster, secret: ManagedCluster, umbra: Tenant) -> None:
    """Both tenants with clusters, jobs, alerts and rows in the audit log."""
    Job.everything.create(tenant=umbra, cluster=secret, kind="synchronise").say("hush")
    happened(umbra, secret, Fact(Kind.DOWN, "hush", name="hush.umbra.example"), timezone.now())
    for tenant, cluster in ((europe.tenant, asia), (umbra, secret)):
        log.record(None, log.Action.SECRET, cluster, tenant)


@pytest.fixture
def closed() -> list[dict[str, Any]]:
    """A window that was open yesterday and will be again in six days."""
    day = (timezone.now() - timedelta(days=1)).weekday()
    return [{"day": day, "start": "10:00", "end": "10:30"}]


LogIn = Callable[[User], Client]


def just_confirmed(client: Client, user: User, ago: float = 0, method: str = "password") -> None:
    """The session of one who gave the passphrase, or a second factor, so many seconds ago."""
    session = client.session
    at = time.time() - ago
    session["account_authentication_methods"] = [{"method": method, "at": at, "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(user.pk)
    session["noted"] = time.time()
    session.save()


@pytest.fixture
def log_in() -> LogIn:
    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        just_confirmed(client, user)
        return client

    return browser


Call = Callable[[User], APIClient]


@pytest.fixture
def calls() -> Call:
    """A client of a person's browser session."""

    def client(user: User) -> APIClient:
        made = APIClient()
        made.force_login(user)
        just_confirmed(made, user)
        return made

    return client


@pytest.fixture(params=LANGUAGES)
def written_in(request: pytest.FixtureRequest) -> Iterator[str]:
    """What the test does is done in this language; who reads it says in which."""
    with override(request.param):
        yield request.param


@pytest.fixture
def page_in(log_in: LogIn, alice: User) -> Read:
    """What Alice reads on a page."""
    client = log_in(alice)

    def read(path: str, language: str, *, live: bool = False) -> str:
        headers = {"Accept-Language": language, **({"HX-Request": "true"} if live else {})}
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200
        return answer.content.decode()

    return read


@pytest.fixture
def api_in(calls: Call, alice: User) -> Read:
    """What a program of Alice reads."""
    client = calls(alice)

    def read(path: str, language: str) -> str:
        answer = client.get(f"/api/v1{path}", headers={"Accept-Language": language})
        assert answer.status_code == 200
        return str(answer.json())

    return read
