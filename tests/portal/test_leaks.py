"""The leak matrix: who hears what of which cluster, from the tables of pages, sockets and admin themselves.

Erik has a role in Europe alone. Asia is of the same tenant, Blacksite of another: neither is there for him.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern

from clusters import replicas
from portal.hints import group_of, hint, jobs_of
from portal.live.routing import websocket_urlpatterns
from portal.live.terminal import NOT_FOUND
from portal.tenants import ManagedCluster, Role, Tenant
from tests.portal import world
from tests.portal.conftest import LogIn
from tests.portal.test_rights import LOOKS, PUBLIC, SEES, filled, of_clusters, patterns

FOREIGN = (
    "Asia",
    "/asia/",
    "tokyo",
    "192.0.2.33",
    "Blacksite",
    "blacksite",
    "hush",
    "whisper",
    "hidden.example",
)
WORDS = ("tokyo", "asia", "192.0.2.33", "osaka", "hush", "whisper", "192.0.2.66", "blacksite", "a.example")
ROLES = list(Role)
OF_TENANT = {"people_of", "member", "audit_of", "channel"}
"""Pages for administrators of the whole tenant, which a role in one cluster does not open."""


# pages


def named(text: str, asked: str) -> list[str]:
    """What is foreign in an answer, which may repeat what was asked; each find also names its cluster."""
    told = text.replace("Asia/", "")  # of time zones
    return [word for word in FOREIGN if word in told and word.casefold() not in asked.casefold()]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("tenants")
def test_other_cluster_of_the_tenant_is_not_found_on_any_page(
    role: Role, europe: ManagedCluster, asia: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(world.in_one(europe, role))
    before = replicas.vector(asia.replica_id)
    for pattern in of_clusters():
        refused = (403, 405) if pattern.name in OF_TENANT else (404, 405)
        for path in filled(pattern, asia):
            assert client.get(path).status_code in refused, path
            assert client.post(path, {"do": "commit"}).status_code in refused, path
    assert replicas.vector(asia.replica_id) == before


def addresses_of_pages(europe: ManagedCluster) -> Iterator[str]:
    for pattern in patterns():
        if pattern.name not in PUBLIC:
            yield from filled(pattern, europe)
    for word in WORDS:
        yield f"/search/?q={word}"
    for query in (
        "cluster=asia",
        "cluster=blacksite",
        "state=all",
        "state=all&machine=tokyo",
        "before=99999",
    ):
        yield f"/alerts/?{query}"
        yield f"/jobs/?{query}"
        yield f"/audit/?{query}"
        yield f"/audit/acme/?{query}&q=asia"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("tenants")
def test_no_page_names_the_other_cluster(role: Role, europe: ManagedCluster, log_in: LogIn) -> None:
    client = log_in(world.in_one(europe, role))
    for path in addresses_of_pages(europe):
        for headers in ({}, {"HX-Request": "true"}):
            answer = client.get(path, headers=headers)
            assert answer.status_code < 500, path
            assert not named(answer.content.decode(), path), path


@pytest.mark.parametrize("role", ROLES)
def test_role_in_one_cluster_opens_there_what_it_opens_in_a_tenant(
    role: Role, europe: ManagedCluster, log_in: LogIn
) -> None:
    client = log_in(world.in_one(europe, role))
    seen = set()
    for pattern in of_clusters():
        codes = {client.get(path).status_code for path in filled(pattern, europe)}
        if codes == {200}:
            seen.add(pattern.name)
    assert seen == SEES[role] - OF_TENANT


def test_lesser_role_in_a_cluster_holds_in_the_search_too(europe: ManagedCluster, log_in: LogIn) -> None:
    client = log_in(world.in_one(europe, Role.GUEST, everywhere="administrator"))
    assert "Routes for <mark>everybody" not in client.get("/search/?q=everybody").content.decode()
    assert "<mark>berlin</mark>.example" in client.get("/search/?q=berlin").content.decode()
    greater = log_in(world.in_one(europe, Role.READONLY, everywhere="guest", name="eva"))
    assert "Routes for <mark>everybody" in greater.get("/search/?q=everybody").content.decode()


# sockets


def of_socket(pattern: URLPattern, cluster: ManagedCluster) -> str:
    serial = next(iter(replicas.state(cluster.replica_id).machines))
    return "/" + str(pattern.pattern).replace("<slug:slug>", cluster.slug).replace("<str:serial>", serial)


async def opened(path: str, user: User) -> WebsocketCommunicator:
    found = WebsocketCommunicator(
        URLRouter(websocket_urlpatterns),
        path,
        headers=[(b"host", b"portal.example"), (b"origin", b"https://portal.example")],
    )
    found.scope["user"] = user
    assert (await found.connect())[0]
    return found


async def code_of(socket: WebsocketCommunicator) -> int:
    """With which code a socket is closed at once; 0 for one that stays."""
    if await socket.receive_nothing(timeout=0.5):
        return 0
    told = await socket.receive_output()
    return int(told["code"]) if told["type"] == "websocket.close" else 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ROLES)
async def test_socket_of_a_cluster_opens_for_whom_its_page_does(
    role: Role, europe: ManagedCluster, asia: ManagedCluster, secret: ManagedCluster
) -> None:
    erik = await sync_to_async(world.in_one)(europe, role, Role.OPERATOR if role is Role.GUEST else "")
    for pattern in websocket_urlpatterns:
        if "slug" not in pattern.pattern.converters:
            continue
        for cluster in (europe, asia, secret):
            mine = cluster == europe or (cluster == asia and role is Role.GUEST)
            allowed = mine and (cluster == asia or "terminal" in SEES[role])
            path = await sync_to_async(of_socket)(pattern, cluster)
            socket = await opened(path, erik)
            assert await code_of(socket) == (0 if allowed else NOT_FOUND), path
            await socket.disconnect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ROLES)
async def test_hints_are_of_the_persons_clusters_alone(
    role: Role, europe: ManagedCluster, asia: ManagedCluster, secret: ManagedCluster
) -> None:
    his = await opened("/live/", await sync_to_async(world.in_one)(europe, role))
    for cluster in (asia, secret, europe):
        await sync_to_async(hint)(group_of(cluster.replica_id), "status", cluster.slug)
        await sync_to_async(hint)(jobs_of(cluster.tenant_id), "jobs")
    told = [await his.receive_json_from(timeout=10)]
    while told[-1]["cluster"] != "europe":
        told.append(await his.receive_json_from(timeout=10))
    # That some job of the tenant changed names nothing; the page fetches only what is seen.
    assert {each["cluster"] for each in told} <= {"europe", ""}
    await his.disconnect()


# the admin site


def of_admin(model: type) -> Iterator[str]:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"  # type: ignore[attr-defined]  # a model
    row = model._base_manager.first()  # type: ignore[attr-defined]  # a model
    yield from (base, f"{base}add/")
    if row is not None:
        yield from (f"{base}{row.pk}/{page}/" for page in ("change", "delete", "history"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.usefixtures("tenants")
def test_admin_site_opens_for_no_role(role: Role, acme: Tenant, log_in: LogIn) -> None:
    user = world.person("somebody", "Some Body", **{role.value: acme})
    user.is_staff = True
    user.save()
    client, nobody = log_in(user), Client()
    others = ("/admin/", "/admin/autocomplete/", "/admin/jsi18n/", "/admin/password_change/", "/admin/r/1/1/")
    for path in (*others, *(path for model in admin.site._registry for path in of_admin(model))):
        for one in (client, nobody):
            for answer in (one.get(path), one.post(path, {"post": "yes"})):
                assert answer.status_code in (302, 403, 404), path
                assert b"Blacksite" not in answer.content
                assert b"Europe" not in answer.content


def test_guest_looks_and_a_guest_alone() -> None:
    assert SEES[Role.GUEST] == LOOKS
    assert all(seen >= LOOKS for seen in SEES.values())
