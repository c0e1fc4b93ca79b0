"""The socket of a page: joins the groups of what its person may see, and passes hints on."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from portal.live.hints import group_of, jobs_of
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
        for group in await _groups_of(user):
            await self.channel_layer.group_add(group, self.channel_name)
            self.groups_joined.append(group)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Browsers have nothing to say here; whatever comes is dropped unread."""

    async def hint(self, message: dict[str, Any]) -> None:
        """Pass a hint on to the page."""
        await self.send_json({"about": message["about"], "cluster": message["cluster"]})


@database_sync_to_async
def _groups_of(user: Any) -> list[str]:
    replicas = ManagedCluster.objects.seen_by(user).values_list("replica", flat=True)
    tenants = Member.objects.filter(user=user).values_list("tenant", flat=True)
    return [*map(group_of, replicas), *map(jobs_of, tenants)]
