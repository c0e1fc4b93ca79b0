"""The SSH and CCS services of a machine, open where its interfaces say (COM-11, COM-14)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from appliances.features.interfaceconfig import InterfaceSettings
from appliances.links.server import Service
from appliances.links.ssh import ServiceKind
from clusters.system_words import reason

logger = logging.getLogger(__name__)

Door = tuple[ServiceKind, str, int]
"""A service, its address and its port."""

PARTING = 2.0
"""Seconds in which the session that closed its own door can still end in peace."""


def doors(interfaces: InterfaceSettings) -> set[Door]:
    """The services that the interfaces ask for."""
    found: set[Door] = set()
    for interface in interfaces.interfaces:
        if interface.ssh.enabled:
            found.add((ServiceKind.SSH, interface.ip, interface.ssh.port))
        if interface.ccs.enabled:
            found.add((ServiceKind.CCS, interface.ip, interface.ccs.port))
    return found


class Services:
    """The open doors. `make` gives a service that is not open yet."""

    def __init__(self, make: Callable[[Door], Service]) -> None:
        self.notes: tuple[str, ...] = ()
        self._make = make
        self._open: dict[Door, Service] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def open(self) -> list[Door]:
        return sorted(self._open)

    async def follow(self, wanted: Iterable[Door]) -> None:
        """Opens what is missing, then closes what is no longer wanted.

        A door that cannot be opened is noted; then the old ones stay, so that nobody is locked out.
        """
        async with self._one_at_a_time:
            target = set(wanted)
            notes = [await self._open_door(door) for door in sorted(target - set(self._open))]
            self.notes = tuple(note for note in notes if note)
            if self.notes and not target & set(self._open):
                return
            for door in set(self._open) - target:
                self._close_later(self._open.pop(door), door)

    async def _open_door(self, door: Door) -> str:
        kind, address, port = door
        service = self._make(door)
        try:
            await service.start()
        except OSError as error:
            note = f"{kind} cannot listen on {address} port {port}: {reason(error)}"
            logger.error("%s (%s)", note, error)
            return note
        logger.info("%s listens on %s port %s", kind, address, port)
        self._open[door] = service
        return ""

    def _close_later(self, service: Service, door: Door) -> None:
        async def close() -> None:
            await asyncio.sleep(PARTING)
            await service.close()
            logger.info("%s no longer listens on %s port %s", *door)

        task = asyncio.ensure_future(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes every door now."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*(service.close() for service in self._open.values()))
        self._open.clear()
