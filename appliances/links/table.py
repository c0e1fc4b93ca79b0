"""The table of links of one holder: who is linked, how each peer stands, and what all links share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import asyncssh

from appliances.links.calling import Target
from appliances.links.client import dial
from appliances.links.errors import NO_MEMBER, LinkError, Unreachable
from appliances.links.hello import Purpose
from appliances.links.keeping import Keeper
from appliances.links.link import Link
from appliances.links.neighbours import neighbours
from appliances.links.peer import Holder, Kind, Refusal
from appliances.links.states import Event, Member, PeerView, Wanted
from appliances.links.timing import Pace, RealTime, Timing
from clusters.ordering import natural
from clusters.replication import Absorbed
from clusters.versions import covers

logger = logging.getLogger(__name__)

VISIT = 0.05
"""Seconds between two looks whether a visit has brought everything."""

HANDSHAKES = 16
"""At a time: more would only make each take longer."""

Choice = Callable[[Iterable[str], str], frozenset[str]]


class Table:
    """Keeps the links of one holder. All calls are made on the event loop it was made on.

    `serial` is the holder's own; `key` its user key. `listener` hears every Event at once; it must be
    quick. `choose` says with which machines links are kept: the portal gives `neighbours.everybody`.
    `source` is the own address to call from, when it matters.
    """

    def __init__(
        self,
        holder: Holder,
        serial: str,
        key: asyncssh.SSHKey,
        *,
        listener: Callable[[Event], None] | None = None,
        choose: Choice = neighbours,
        source: str = "",
        pace: Pace | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.serial = serial
        self.pace = pace or Pace()
        self.timing: Timing = timing or RealTime()
        self._holder = holder
        self._key = key
        self._listener = listener
        self._choose = choose
        self._source = source
        self._keepers: dict[str, Keeper] = {}
        self._ring: list[str] = []
        self._background: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(HANDSHAKES)
        self._stopped = False

    # what the holder says

    def update(self, members: Iterable[Member]) -> None:
        """The members and portals as the cluster's entries have them now; this holder itself is left out."""
        wanted = {member.serial: member for member in members}
        self._ring = [
            m.serial for m in wanted.values() if m.kind is Kind.MACHINE and m.wanted is Wanted.CONNECTED
        ]
        wanted.pop(self.serial, None)
        chosen = self._choose(self._ring, self.serial)
        for serial in [s for s, keeper in self._keepers.items() if s not in wanted and not keeper.stray]:
            self._keepers.pop(serial).remove()
        for serial, member in wanted.items():
            if serial not in self._keepers:
                self._keepers[serial] = Keeper(member, self)
            self._keepers[serial].want(member, serial in chosen or member.kind is Kind.PORTAL)
        for keeper in self._keepers.values():
            if keeper.stray and keeper.link is not None:
                self.in_background(self._review(keeper.link))

    def advanced(self) -> None:
        """This replica has new commits; each peer gets what it lacks."""
        for link in self.links():
            link.advanced()

    def status_changed(self) -> None:
        """Every peer gets this holder's status."""
        for link in self.links():
            link.status_changed()

    def redial(self) -> None:
        """Tries every missing link at once (SYN-07)."""
        for keeper in self._keepers.values():
            keeper.redial()

    async def close(self) -> None:
        """Says bye to everybody and stops."""
        self._stopped = True
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers.values()))
        if self._background:
            await asyncio.wait(set(self._background))

    # what a person asks

    def views(self) -> list[PeerView]:
        """How every peer stands, by name."""
        return sorted((k.view() for k in self._keepers.values()), key=lambda v: (natural(v.name), v.serial))

    def links(self) -> list[Link]:
        """The live links."""
        return [k.link for k in self._keepers.values() if k.link is not None and k.link.alive]

    def link(self, serial: str) -> Link | None:
        """The live link with that peer."""
        keeper = self._keepers.get(serial)
        return keeper.link if keeper is not None and keeper.link is not None and keeper.link.alive else None

    async def reach(self, serial: str) -> Link:
        """A link with that peer, made for the occasion when none is kept. Raises LinkError."""
        link = self.link(serial)
        if link is not None:
            return link
        keeper = self._keepers.get(serial)
        if keeper is None:
            raise Unreachable(f"{serial} is no member of this cluster", NO_MEMBER)
        if not keeper.member.dialable or keeper.member.wanted is Wanted.DISCONNECTED:
            raise Unreachable(f"{keeper.member.name} is {keeper.state}: {keeper.reason}", keeper.remedy)
        link = await self.call(keeper.member)
        keeper.attach(link)
        link.start()
        return keeper.link or link

    # what the server and the links say

    def adopt(self, link: Link) -> None:
        """A peer has called. One whose entry has not come yet is kept until it comes."""
        peer = link.peer
        if self._stopped:
            self.in_background(link.close("stopped"))
            return
        if peer.serial not in self._keepers:
            self._keepers[peer.serial] = Keeper(
                Member(peer.serial, peer.host, kind=peer.kind), self, stray=True
            )
        self._keepers[peer.serial].attach(link)

    async def _review(self, link: Link) -> None:
        """Whether a peer without an entry here is to stay; the holder knows."""
        answer = await self._holder.peer_by_key(link.public_key)
        if isinstance(answer, Refusal):
            await link.close(answer.reason, answer.text)

    def took(self, link: Link, result: Absorbed, reach: dict[str, int]) -> None:
        """Commits of one peer have changed this replica: the others hear of it, and get what they lack."""
        for other in self.links():
            if other is not link:
                other.announce(reach)
                other.advanced()

    def closed(self, link: Link) -> None:
        """A link has ended."""
        keeper = self._keepers.get(link.peer.serial)
        if keeper is None:
            return
        keeper.closed(link)
        if keeper.stray and keeper.link is None:
            del self._keepers[link.peer.serial]

    def reaches(self, serial: str) -> float | None:
        """How many seconds ago that machine was heard over a link of ours; None without a link."""
        link = self.link(serial)
        return None if link is None else self.timing.now() - link.heard_at

    # what keepers need

    async def call(self, member: Member) -> Link:
        """Dials a member. Raises LinkError."""
        return await self._dial(member, "member")

    async def errand(self, serial: str) -> Link:
        """A link for requests alone, which the caller starts and closes; the table does not keep it.

        It reaches a machine that is disconnected or runs another release too. Raises LinkError.
        """
        keeper = self._keepers.get(serial)
        if keeper is None:
            raise Unreachable(f"{serial} is no member of this cluster", NO_MEMBER)
        return await self._dial(keeper.member, "errand")

    async def visit(self, serial: str) -> None:
        """Exchanges commits once with a machine that is not linked, however it stands here. Raises LinkError.

        So a holder that nobody can call hears that a disconnected machine was taken back elsewhere.
        """
        keeper = self._keepers.get(serial)
        if keeper is None:
            raise Unreachable(f"{serial} is no member of this cluster", NO_MEMBER)
        link = await self._dial(keeper.member, "member")
        link.start()
        try:
            while link.alive and not covers(await self._holder.vector(), link.peer_vector):
                await self.timing.sleep(VISIT)
        finally:
            await link.close("done")

    async def _dial(self, member: Member, purpose: Purpose) -> Link:
        return await dial(
            Target(member.address, member.port, self._source),
            self._holder,
            self._key,
            member.host_key,
            serial=member.serial,
            purpose=purpose,
            hooks=self if purpose == "member" else None,
            pace=self.pace,
            timing=self.timing,
            room=self._room,
        )

    async def second_opinion(self, serial: str) -> tuple[str, bool]:
        """The name of a peer that reaches that machine, if any; and whether anybody could be asked.

        Asked are portals, and those that keep a link with it: in a large cluster the others know nothing.
        """
        others = [link for link in self.links() if link.peer.serial != serial]
        near = neighbours(self._ring, serial)
        asked = [link for link in others if link.peer.kind is Kind.PORTAL or link.peer.serial in near]
        opinions = await asyncio.gather(*(self._opinion(link, serial) for link in asked))
        return next((name for name in opinions if name), ""), bool(others)

    async def _opinion(self, link: Link, serial: str) -> str:
        try:
            opinion = await link.opinion(serial)
        except (LinkError, TimeoutError):
            return ""
        fresh = (self.pace.ping + self.pace.answer) * 1000
        reached = opinion.reached and opinion.heard_ago is not None and opinion.heard_ago <= fresh
        return link.peer.host if reached else ""

    def report(self, event: Event) -> None:
        """Passes an event on; a listener that fails must not break a link."""
        if self._listener is None or self._stopped:
            return
        try:
            self._listener(event)
        except Exception:
            logger.exception("could not report %s of %s", event.kind, event.serial)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that nobody waits for, until the table is closed."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
