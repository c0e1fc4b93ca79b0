"""What two replicas tell one another over a link: what they hold, and what the other lacks."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from appliances.links.errors import LinkLost
from appliances.links.hello import clip
from appliances.links.messages import (
    MAX_COMMITS,
    Ack,
    Commits,
    SnapshotMessage,
    Sync,
    Trace,
    Traced,
)
from appliances.links.outbox import Outbox
from appliances.links.peer import Holder, Wire
from appliances.links.timing import Pace, Timing, within
from clusters.replication import Absorbed, SnapshotNeeded, Trail
from clusters.system_words import cause
from clusters.versions import CommitId, MalformedCommit, covers, joined, vector_from_wire

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

BATCH = 200
"""Commits in one message."""
BATCH_BYTES = 1024 * 1024
"""A message stops growing beyond this; one commit alone may be longer."""

Taken = Callable[[Absorbed, dict[str, int]], None]
"""Called with what a peer's commits changed here, and up to where they reach."""


class Exchange:
    """The exchange of commits with one peer: `theirs` is what that peer is known to hold."""

    def __init__(
        self,
        holder: Holder,
        own_serial: str,
        theirs: Mapping[str, int],
        outbox: Outbox,
        taken: Taken,
        pace: Pace,
        timing: Timing,
    ) -> None:
        self.theirs = dict(theirs)
        self.trouble = ""
        self.fork = ""
        self._holder = holder
        self._own = own_serial
        self._outbox = outbox
        self._taken = taken
        self._pace = pace
        self._timing = timing
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[Ack]] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._reported_gap = False
        self._asked: Trail | None = None
        self._confirmed: Trail | None = None

    # sending

    def advanced(self) -> None:
        """This replica, or what is known of the peer's, may have changed: look what it lacks."""
        self._idle.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Returns when the peer has been sent everything that it can take now."""
        await self._idle.wait()

    async def push(self) -> None:
        """Sends what the peer lacks for as long as the link lives; raises LinkLost."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while await self._push_once():
                pass
            if not self._wake.is_set():
                self._idle.set()

    async def _push_once(self) -> bool:
        """Sends one batch; whether there may be more to send."""
        vector = await self._holder.vector()
        if covers(self.theirs, vector):
            self.trouble = ""
            return False
        if vector.get(self._own, 0) <= self.theirs.get(self._own, 0):
            await self._timing.sleep(self._pace.relay)
            if covers(self.theirs, vector):
                return True
        before = dict(self.theirs)
        ack = await self._deliver_next(before)
        if ack is None:
            return False
        self.theirs = joined(self.theirs, ack.vector)
        self.trouble = ack.error or (f"{ack.held} commits wait there for their date" if ack.held else "")
        return not ack.error and not covers(before, ack.vector)

    async def _deliver_next(self, vector: dict[str, int]) -> Ack | None:
        number = next(self._numbers)
        try:
            commits = await self._holder.commits_after(vector, BATCH)
        except SnapshotNeeded:
            return await self._deliver(SnapshotMessage(n=number, snapshot=await self._holder.snapshot()))
        if not commits:
            return None
        return await self._deliver(Commits(n=number, commits=await asyncio.to_thread(batch, commits)))

    async def _deliver(self, message: Commits | SnapshotMessage) -> Ack:
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._awaited[message.n] = answer
        try:
            await self._outbox.send(message)
            return await within(self._timing, self._pace.store, answer)
        except TimeoutError:
            raise LinkLost("the other end does not acknowledge what it was sent") from None
        finally:
            del self._awaited[message.n]

    def acknowledged(self, ack: Ack) -> None:
        """The peer has stored a batch, or says why not; a late answer to nothing is ignored."""
        answer = self._awaited.get(ack.n)
        if answer is not None and not answer.done():
            answer.set_result(ack)

    # what both hold

    async def ping_digest(self) -> str:
        """The digest of this replica's vector; also the moment to try again what the peer refused."""
        self._reported_gap = False
        self.advanced()
        return vector_digest(await self._holder.vector())

    async def compare(self, digest: str) -> None:
        """The peer's vector has this digest: tells ours and asks for theirs when it is not what we think."""
        if digest != vector_digest(self.theirs):
            await self.tell(ask=True)

    async def tell(self, *, ask: bool = False) -> None:
        """Tells the peer all that this replica holds."""
        self._outbox.post(Sync(vector=await self._holder.vector(), full=True, ask=ask))

    def announce(self, reach: dict[str, int]) -> None:
        """Tells the peer what is new here, so that it need not send that."""
        self._outbox.post(Sync(vector=reach, full=False))

    async def heard(self, sync: Sync) -> None:
        """The peer tells what it holds."""
        self.theirs = dict(sync.vector) if sync.full else joined(self.theirs, sync.vector)
        self.advanced()
        if sync.ask:
            await self.tell()

    # whether the peer knows us as we are

    async def trace(self) -> None:
        """Asks whether the peer knows our own last commit as the one that it is, unless it has said so.

        Numbers alone do not tell: who came back from a backup has given some of them twice.
        """
        mine = await self._holder.own_end()
        if mine.last and mine != self._confirmed:
            self._asked = mine
            self._outbox.post(Trace(origin=mine.origin, number=mine.last, link=mine.links[0]))

    async def traced(self, trace: Trace) -> None:
        """Answers the same question of the peer."""
        here = await self._holder.trail(Trail(trace.origin, trace.number, (trace.link,)))
        other = here is not None and here.numbered().get(trace.number, trace.link) != trace.link
        self.fork = f"its history is forked: its commit {trace.number} is another one here" if other else ""
        known = here or Trail(trace.origin, 0, ())
        self._outbox.post(Traced(origin=trace.origin, first=known.first, links=list(known.links)))

    async def heard_of_own(self, traced: Traced) -> None:
        """The peer has answered; a late answer to nothing is ignored."""
        asked, self._asked = self._asked, None
        if asked is None or asked.origin != traced.origin:
            return
        theirs = Trail(traced.origin, traced.first, tuple(traced.links))
        if traced.links and await self._holder.compare(theirs):
            await self.tell()
            self.advanced()
        else:
            self._confirmed = asked

    # receiving

    async def absorb(self, message: Commits | SnapshotMessage) -> None:
        """Takes what the peer sent, or nothing of it, and acknowledges either way."""
        try:
            if isinstance(message, Commits):
                result, reach = await self._absorb_commits(message.commits)
            else:
                result, reach = await self._absorb_snapshot(message.snapshot)
        except MalformedCommit as error:
            self._outbox.post(Ack(n=message.n, vector={}, error=clip(f"not accepted: {error}")))
            return
        except Exception as error:  # a full disk, a locked database: the peer sends it again later
            logger.exception("could not store what a peer sent")
            self._outbox.post(Ack(n=message.n, vector={}, error=clip(f"could not be stored: {cause(error)}")))
            return
        await self._acknowledge(message.n, result, reach)

    async def _acknowledge(self, number: int, result: Absorbed, reach: dict[str, int]) -> None:
        self.theirs = joined(self.theirs, reach)
        if result.taken or result.changed:
            self._taken(result, reach)
        vector = await self._holder.vector()
        stored = {origin: vector[origin] for origin in reach if origin in vector}
        self._outbox.post(Ack(n=number, vector=stored, held=len(result.held), error=_forked(result)))
        if result.forked:
            await self.trace()
        if result.gap and not self._reported_gap:
            self._reported_gap = True
            await self.tell()
        self.advanced()

    async def _absorb_commits(self, commits: list[Wire]) -> tuple[Absorbed, dict[str, int]]:
        return await self._holder.absorb(commits), reach_of(commits)

    async def _absorb_snapshot(self, snapshot: Wire) -> tuple[Absorbed, dict[str, int]]:
        return await self._holder.absorb_snapshot(snapshot), vector_from_wire(snapshot.get("vector"))


def _forked(result: Absorbed) -> str:
    """What a peer is told whose commits do not follow on those that are here under the same numbers."""
    if not result.forked:
        return ""
    logger.error("refused, the history is forked there: %s", ", ".join(map(str, result.forked[:5])))
    return clip(f"its history is forked: another commit belongs before {result.forked[0]}")


def reach_of(commits: Iterable[Wire]) -> dict[str, int]:
    """The last number of each origin among commits."""
    reach: dict[str, int] = {}
    for commit in commits:
        ident = CommitId.parse(str(commit.get("id")))
        reach[ident.origin] = max(ident.number, reach.get(ident.origin, 0))
    return reach


def batch(commits: list[Wire]) -> list[Wire]:
    """The first of the commits that go into one message: at least one, about BATCH_BYTES at most."""
    size = 0
    for count, commit in enumerate(commits[:MAX_COMMITS]):
        size += len(json.dumps(commit, separators=(",", ":"), ensure_ascii=False))
        if size > BATCH_BYTES:
            return commits[: max(1, count)]
    return commits[:MAX_COMMITS]


def vector_digest(vector: Mapping[str, int]) -> str:
    """A short digest of a vector; entries of zero say nothing and do not count."""
    text = json.dumps(sorted(item for item in vector.items() if item[1]), separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
