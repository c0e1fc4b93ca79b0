"""The live socket: hints reach those who may see the cluster, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User

from portal.live.consumers import NOT_LOGGED_IN, Live
from portal.live.hints import group_of, hint, jobs_of
from portal.live.routing import websocket_urlpatterns
from portal.tenants import ManagedCluster

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


def test_every_socket_is_in_these_tests() -> None:
    assert [str(pattern.pattern) for pattern in websocket_urlpatterns] == [
        "live/",
        "live/terminal/<slug:slug>/<str:serial>/",  # test_terminal.py
    ]
