"""The socket of a page: joins the groups of what its person may see, and passes hints on."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.utils.crypto import constant_time_compare

from portal.hints import group_of, jobs_of, person_of
from portal.login.policy import MISSING
from portal.tenants import ManagedCluster, Member

NOT_LOGGED_IN = 4401


class Live(AsyncJsonWebsocketConsumer):
    """One browser page. It says nothing that counts; hints carry no data of any tenant but a name."""

    groups_joined: set[str]

    async def connect(self) -> None:
        self.groups_joined = set()
        # An open socket misses nothing: it belongs to its groups before the browser hears that it is open.
        if await self._join():
            await self.accept()
            return
        await self.accept()
        await self.close(NOT_LOGGED_IN)

    async def _join(self) -> bool:
        """Belong to the groups of what the person may see now, and to no others; False for nobody."""
        groups = await _groups_of(self.scope.get("user"), self.scope.get("session"))
        for group in self.groups_joined - groups:
            await self.channel_layer.group_discard(group, self.channel_name)
        for group in groups - self.groups_joined:
            await self.channel_layer.group_add(group, self.channel_name)
        self.groups_joined = groups
        return bool(groups)

    async def disconnect(self, code: int) -> None:
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any) -> None:
        """Browsers have nothing to say here; whatever comes is dropped unread."""

    async def hint(self, message: dict[str, Any]) -> None:
        """Pass a hint on to the page."""
        await self.send_json({"about": message["about"], "cluster": message["cluster"]})

    async def access_changed(self, message: dict[str, Any]) -> None:
        """The rights of the person changed, or the session ended: look again, and let the page do so."""
        if not await self._join():
            await self.close(NOT_LOGGED_IN)
            return
        await self.send_json({"about": "access", "cluster": ""})


@database_sync_to_async
def _groups_of(user: Any, session: Any) -> set[str]:
    """Empty for one who is not logged in (any more)."""
    if user is None or not user.is_authenticated:
        return set()
    person = get_user_model().objects.filter(pk=user.pk, is_active=True).first()
    if person is None or not _lasts(person, session):
        return set()
    replicas = ManagedCluster.objects.seen_by(person).values_list("replica", flat=True)
    tenants = Member.objects.filter(user=person).values_list("tenant", flat=True)
    return {person_of(person.pk), *map(group_of, replicas), *map(jobs_of, tenants)}


def _lasts(person: Any, session: Any) -> bool:
    """Whether the session still exists as this person's, with the passphrase as it is now."""
    key = getattr(session, "session_key", None)
    if key is None:
        return True
    kept = import_module(settings.SESSION_ENGINE).SessionStore(key).load()
    mine = kept.get(SESSION_KEY) == str(person.pk) and not kept.get(MISSING)
    return mine and constant_time_compare(kept.get(HASH_SESSION_KEY, ""), person.get_session_auth_hash())
