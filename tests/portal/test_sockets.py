"""The live socket: hints reach those who may see the cluster, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.db.backends.utils import CursorWrapper

from appliances.models import MachineStatus
from portal.alerts.watching import look_at_cluster
from portal.hints import group_of, hint, jobs_of
from portal.live.consumers import NOT_LOGGED_IN, Live
from portal.live.routing import websocket_urlpatterns
from portal.tenants import ManagedCluster, Member, Tenant
from tests.portal import world

pytestmark = pytest.mark.django_db(transaction=True)


def socket(user: Any) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(Live.as_asgi(), "/live/")
    communicator.scope["user"] = user
    return communicator


async def opened(user: Any) -> WebsocketCommunicator:
    found = socket(user)
    assert (await found.connect())[0]
    return found


async def test_hint_reaches_the_members_of_the_tenant_alone(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User
) -> None:
    hers, his = await opened(alice), await opened(charlie)
    await sync_to_async(hint)(group_of(europe.replica_id), "status", europe.slug)
    assert await hers.receive_json_from(timeout=10) == {"about": "status", "cluster": "europe"}
    assert await his.receive_nothing()
    await sync_to_async(hint)(jobs_of(secret.tenant_id), "jobs")
    assert await his.receive_json_from(timeout=10) == {"about": "jobs", "cluster": ""}
    assert await hers.receive_nothing()
    await hers.disconnect()
    await his.disconnect()


async def test_socket_of_nobody_is_closed() -> None:
    communicator = socket(AnonymousUser())
    assert (await communicator.connect())[0]
    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)
    await communicator.wait()


async def test_garbage_from_a_browser_changes_nothing(europe: ManagedCluster, alice: User) -> None:
    hers = await opened(alice)
    for text in ("{", "[" * 5000, '{"type": "hint", "about": "status"}', "null"):
        await hers.send_to(text_data=text)
    await hers.send_to(bytes_data=b"\xff\x00")
    await sync_to_async(hint)(group_of(europe.replica_id), "settings", europe.slug)
    assert await hers.receive_json_from(timeout=10) == {"about": "settings", "cluster": "europe"}
    await hers.disconnect()


async def test_member_who_is_removed_hears_nothing_more(
    europe: ManagedCluster, alice: User, bob: User
) -> None:
    hers, his = await opened(alice), await opened(bob)
    await Member.objects.filter(user=bob).adelete()
    # A queryset that deletes sends the signal of each row, too.
    assert await his.receive_json_from(timeout=10) == {"about": "access", "cluster": ""}
    await sync_to_async(hint)(group_of(europe.replica_id), "status", europe.slug)
    await sync_to_async(hint)(jobs_of(europe.tenant_id), "alerts")
    assert await hers.receive_json_from(timeout=10) == {"about": "status", "cluster": "europe"}
    assert await hers.receive_json_from(timeout=10) == {"about": "alerts", "cluster": ""}
    assert await his.receive_nothing()
    await hers.disconnect()
    await his.disconnect()


async def test_new_member_and_new_cluster_are_heard_on_an_open_page(
    europe: ManagedCluster, acme: Tenant, charlie: User
) -> None:
    his = await opened(charlie)
    await Member.objects.acreate(tenant=acme, user=charlie, role="guest")
    assert (await his.receive_json_from(timeout=10))["about"] == "access"
    fresh = await sync_to_async(world.cluster)(acme, "Asia", ["tokyo.example"])
    while (await his.receive_json_from(timeout=10))["about"] != "access":
        pass
    await sync_to_async(hint)(group_of(fresh.replica_id), "status", fresh.slug)
    assert await his.receive_json_from(timeout=10) == {"about": "status", "cluster": "asia"}
    await his.disconnect()


async def test_cluster_that_is_left_is_told_to_open_pages(europe: ManagedCluster, alice: User) -> None:
    hers = await opened(alice)
    await ManagedCluster.everything.filter(pk=europe.pk).adelete()
    assert (await hers.receive_json_from(timeout=10))["about"] == "access"
    await sync_to_async(hint)(group_of(europe.replica_id), "status", "europe")
    assert await hers.receive_nothing()
    await hers.disconnect()


async def test_socket_of_a_closed_account_is_closed(alice: User) -> None:
    hers = await opened(alice)
    alice.is_active = False
    await alice.asave()
    closed = await hers.receive_output(timeout=10)
    assert (closed["type"], closed["code"]) == ("websocket.close", NOT_LOGGED_IN)
    await hers.wait()


async def test_hint_costs_no_query_per_browser(
    europe: ManagedCluster, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [await opened(alice) for _page in range(5)]
    asked: list[str] = []
    monkeypatch.setattr(CursorWrapper, "execute", lambda _self, sql, *_rest: asked.append(sql))
    await sync_to_async(hint)(group_of(europe.replica_id), "status", europe.slug)
    for one in many:
        assert await one.receive_json_from(timeout=10) == {"about": "status", "cluster": "europe"}
    monkeypatch.undo()
    assert asked == []
    for one in many:
        await one.disconnect()


async def test_incident_hints_the_people_of_its_tenant_alone(
    europe: ManagedCluster, secret: ManagedCluster, alice: User, charlie: User
) -> None:
    hers, his = await opened(alice), await opened(charlie)
    await MachineStatus.objects.filter(name="rome.example").aupdate(error="refused")
    await sync_to_async(look_at_cluster)(europe.replica_id)
    assert await hers.receive_json_from(timeout=10) == {"about": "alerts", "cluster": ""}
    assert await his.receive_nothing()
    await hers.disconnect()
    await his.disconnect()


def test_every_socket_is_in_these_tests() -> None:
    assert [str(pattern.pattern) for pattern in websocket_urlpatterns] == [
        "live/",
        "live/terminal/<slug:slug>/<str:serial>/",  # test_terminal.py
    ]
