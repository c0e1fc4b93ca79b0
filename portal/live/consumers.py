"""The socket of a page: joins the groups of what its person may see, and passes hints on."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth import get_user_model

from portal.live.hints import group_of, jobs_of, windows_of
from portal.tenants import ManagedCluster, Member

NOT_LOGGED_IN = 4401


class Live(AsyncJsonWebsocketConsumer):
    """One browser page. It says nothing that counts; hints carry no data of any tenant but a name."""

    groups_joined: list[str]

    async def connect(self) -> None:
        self.groups_joined = []
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.accept()
            await self.close(NOT_LOGGED_IN)
            return
        # An open socket misses nothing: it belongs to its groups before the browser hears that it is open.
        await self._join(user)
        await self.accept()

    async def _join(self, user: Any) -> None:
        """Be in the groups of what the person may see now, and in no other."""
        allowed = await _groups_of(user)
        for group in [*allowed]:
            if group not in self.groups_joined:
                await self.channel_layer.group_add(group, self.channel_name)
        for group in self.groups_joined:
            if group not in allowed:
                await self.channel_layer.group_discard(group, self.channel_name)
        self.groups_joined = allowed

    async def disconnect(self, code: int) -> None:
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Browsers have nothing to say here; whatever comes is dropped unread."""

    async def hint(self, message: dict[str, Any]) -> None:
        """Pass a hint on to the page."""
        await self.send_json({"about": message["about"], "cluster": message["cluster"]})

    async def access_changed(self, message: dict[str, Any]) -> None:
        """What the person may see is another now; the page looks at once whether it may still be there."""
        user = self.scope["user"]
        if not await _may_log_in(user):
            await self.close(NOT_LOGGED_IN)
            return
        await self._join(user)
        await self.send_json({"about": "access", "cluster": ""})


@database_sync_to_async
def _groups_of(user: Any) -> list[str]:
    replicas = ManagedCluster.objects.seen_by(user).values_list("replica", flat=True)
    tenants = Member.objects.filter(user=user).values_list("tenant", flat=True)
    return [windows_of(user.pk), *map(group_of, replicas), *map(jobs_of, tenants)]


@database_sync_to_async
def _may_log_in(user: Any) -> bool:
    return bool(get_user_model().objects.filter(pk=user.pk, is_active=True).exists())
