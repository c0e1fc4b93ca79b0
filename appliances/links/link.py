"""One live link: a peer that has said hello, and all that goes on with it until one end closes."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

from appliances.links.channel import Channel
from appliances.links.errors import FAULT, Fault, LinkError, LinkLost, ProtocolError
from appliances.links.hello import clip
from appliances.links.messages import (
    Ack,
    Ask,
    Bye,
    Cancel,
    Commits,
    Hello,
    Message,
    Opinion,
    Ping,
    Pong,
    Result,
    Run,
    SnapshotMessage,
    Status,
    Sync,
    Trace,
    Traced,
)
from appliances.links.outbox import Outbox
from appliances.links.peer import Holder, PeerIdentity, Wire
from appliances.links.requests import Requests
from appliances.links.sync import Exchange
from appliances.links.timing import Pace, RealTime, Timing, cancel, within
from clusters.replication import Absorbed

logger = logging.getLogger(__name__)

MAX_WORK = 16


class Hooks(Protocol):
    """Who keeps the links of a holder (see `table`)."""

    def took(self, link: Link, result: Absorbed, reach: dict[str, int]) -> None:
        """Commits of that peer have changed this replica."""
        ...

    def closed(self, link: Link) -> None:
        """The link has ended; `link.reason` says why."""
        ...

    def reaches(self, serial: str) -> float | None:
        """How many seconds ago that machine was heard over a link of ours; None without a link."""
        ...


class NoHooks:
    """For a link that stands alone."""

    def took(self, link: Link, result: Absorbed, reach: dict[str, int]) -> None:
        return

    def closed(self, link: Link) -> None:
        return

    def reaches(self, serial: str) -> float | None:
        return None


class Farewell(LinkLost):
    """The other end has said bye; `reason` is its word for why."""

    def __init__(self, bye: Bye) -> None:
        self.reason = bye.reason
        super().__init__(bye.text or f"closed by the other end: {bye.reason}")


class Link:
    """A live link with one member or portal. Made by `client.dial` and by `server.Service`.

    `round_trip` is in seconds, None before the first answer; `heard_at` in seconds since 1970 UTC.
    `dialled` tells whether this end made the call, else `public_key` is the caller's; `reason` is set when
    the link has ended, and `farewell` is the other end's word for it, if it said one. An `errand` carries
    requests and statuses; no commits travel over it.
    """

    def __init__(
        self,
        channel: Channel,
        holder: Holder,
        hellos: tuple[Hello, Hello],
        peer: PeerIdentity,
        *,
        dialled: bool,
        public_key: str = "",
        hooks: Hooks | None = None,
        pace: Pace | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.peer = peer
        self.public_key = public_key
        self.dialled = dialled
        self.address = channel.address
        self.round_trip: float | None = None
        self.reason = ""
        self.farewell = ""
        self._channel = channel
        self._holder = holder
        self._hooks = hooks or NoHooks()
        self._pace = pace or Pace()
        self._timing = timing or RealTime()
        self.since = self.heard_at = self._timing.now()
        self._own, self._theirs = hellos
        self.errand = "errand" in (self._own.purpose, self._theirs.purpose)
        self._outbox = Outbox(channel)
        self._exchange = Exchange(
            holder, self._own.serial, self._theirs.vector, self._outbox, self._took, self._pace, self._timing
        )
        self._requests = Requests(holder, peer, self._outbox)
        self._work: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue(MAX_WORK)
        self._report = asyncio.Event()
        self._pongs: dict[int, asyncio.Future[None]] = {}
        self._working = asyncio.Lock()
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    # for the holder

    def start(self) -> None:
        """Begins to sync, ping and answer."""
        self._life = asyncio.ensure_future(self._live())

    @property
    def alive(self) -> bool:
        """Whether the link has not ended."""
        return not self._ended.is_set()

    @property
    def dialler(self) -> str:
        """The serial number of the end that made the call."""
        return self._own.serial if self.dialled else self.peer.serial

    @property
    def peer_vector(self) -> dict[str, int]:
        """What the peer is known to hold."""
        return dict(self._exchange.theirs)

    @property
    def trouble(self) -> str:
        """Why the peer does not take what it lacks; empty when all is well."""
        return self._exchange.fork or self._exchange.trouble

    def advanced(self) -> None:
        """This replica has new commits: the peer gets what it lacks."""
        self._exchange.advanced()

    def announce(self, reach: dict[str, int]) -> None:
        """Tells the peer what has come here from others, so that it need not send it."""
        if self.alive:
            _unless_lost(lambda: self._exchange.announce(reach))

    def status_changed(self) -> None:
        """Sends this holder's status soon."""
        self._report.set()

    def run(self, request: Wire, user: str) -> AsyncIterator[Wire]:
        """Asks the peer to do something and yields its answer piece by piece.

        Raises RequestFailed with the peer's words, and LinkLost.
        """
        if not self.alive:
            raise LinkLost("the link has ended")
        return self._requests.run(request, user)

    async def opinion(self, serial: str) -> Opinion:
        """Whether the peer reaches that machine. Raises LinkLost, and TimeoutError for no answer in time."""
        return await within(self._timing, self._pace.answer, self._requests.opinion(serial))

    async def settled(self) -> None:
        """Returns when the peer has all it can take, or the link has ended."""
        settled = asyncio.ensure_future(self._exchange.settled())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({settled, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(settled, ended)

    async def wait_closed(self) -> None:
        """Returns when the link has ended."""
        await self._ended.wait()

    async def close(self, reason: str = "closed", text: str = "") -> None:
        """Says bye with a word and a text for why, and ends the link."""
        if self.alive and not self.reason:
            self.reason = text or reason
            _unless_lost(lambda: self._outbox.post(Bye(reason=clip(reason), text=clip(text))))
        if self._life is None:
            self._channel.hang_up()
            self._ended.set()
        self._closing.set()
        await self._ended.wait()

    # the life of a link

    async def _live(self) -> None:
        duties: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self._read,
            self._outbox.write_all,
            *([] if self.errand else [self._exchange.push]),
            self._ping,
            self._send_status,
            self._until_closed,
        ]
        worker = asyncio.ensure_future(self._do_work())
        tasks = [asyncio.ensure_future(duty()) for duty in duties]
        try:
            done, _ = await asyncio.wait({*tasks, worker}, return_when=asyncio.FIRST_COMPLETED)
            self._note(next(iter(done)).exception())
        finally:
            await self._finish(tasks, worker)

    async def _until_closed(self) -> None:
        await self._closing.wait()

    async def _finish(self, tasks: list[asyncio.Task[None]], worker: asyncio.Task[None]) -> None:
        """Ends everything; what is just being absorbed is absorbed to its end."""
        await cancel(*tasks)
        self._outbox.end()
        async with self._working:
            await cancel(worker)
        await self._requests.end()
        while not self._work.empty():
            self._work.get_nowait().close()
        try:
            await within(self._timing, 1.0, self._outbox.flush())
        except (LinkError, TimeoutError):
            logger.debug("no bye to %s", self.peer.serial)
        self._channel.hang_up()
        self._ended.set()
        self._hooks.closed(self)

    def _note(self, error: BaseException | None) -> None:
        if self.reason or error is None:
            return
        if isinstance(error, Farewell):
            self.farewell = error.reason
        elif isinstance(error, ProtocolError):
            _unless_lost(lambda: self._outbox.post(Bye(reason="protocol-error", text=clip(error.text))))
        elif not isinstance(error, LinkError):
            logger.error("the link with %s failed", self.peer.serial, exc_info=error)
        self.reason = error.text if isinstance(error, LinkError) else FAULT

    async def _read(self) -> None:
        while (message := await self._channel.receive()) is not None:
            self.heard_at = self._timing.now()
            await self._take(message)
        raise LinkLost("the other end closed the connection")

    async def _take(self, message: Message) -> None:
        """Reading must never wait for writing: two ends that both do so would wait for ever."""
        match message:
            case Ping():
                self._outbox.post(Pong(n=message.n, sent_at=message.sent_at))
                if not self.errand:
                    await self._work.put(self._exchange.compare(message.digest))
            case Pong() if message.n in self._pongs:
                _resolve(self._pongs[message.n])
            case Pong():
                return
            case Commits() | SnapshotMessage() | Sync() | Trace() | Traced() if self.errand:
                raise ProtocolError(Fault.UNEXPECTED, f"{type(message).__name__.lower()} on an errand")
            case Commits() | SnapshotMessage():
                await self._work.put(self._exchange.absorb(message))
            case Sync():
                await self._work.put(self._exchange.heard(message))
            case Trace():
                await self._work.put(self._exchange.traced(message))
            case Traced():
                await self._work.put(self._exchange.heard_of_own(message))
            case Status() if message.serial == self.peer.serial:
                await self._work.put(self._hear_status(message))
            case Ack():
                self._exchange.acknowledged(message)
            case Run():
                self._requests.asked(message)
            case Result():
                self._requests.answered(message)
            case Cancel():
                self._requests.cancelled(message.n)
            case Ask():
                self._opine(message)
            case Opinion():
                self._requests.opined(message)
            case Bye():
                raise Farewell(message)
            case _:
                raise ProtocolError(Fault.UNEXPECTED, type(message).__name__.lower())

    async def _do_work(self) -> None:
        while True:
            work = await self._work.get()
            async with self._working:
                await work

    async def _hear_status(self, message: Status) -> None:
        try:
            await self._holder.heard_status(message.serial, message.status)
        except Exception:  # a status that cannot be kept is no reason to lose the link
            logger.exception("could not keep the status of %s", message.serial)

    def _opine(self, ask: Ask) -> None:
        ago = self._hooks.reaches(ask.serial)
        heard = None if ago is None else max(0, int(ago * 1000))
        self._outbox.post(Opinion(n=ask.n, reached=heard is not None, heard_ago=heard))

    async def _ping(self) -> None:
        for number in itertools.count(1):
            if not self.errand:
                await self._exchange.trace()
            digest = await self._exchange.ping_digest()
            await self._ping_once(number, digest)
            self._report.set()
            await self._timing.sleep(self._pace.ping)

    async def _ping_once(self, number: int, digest: str) -> None:
        start = self._timing.elapsed()
        pong = self._pongs[number] = asyncio.get_running_loop().create_future()
        self._outbox.post(Ping(n=number, sent_at=int(self._timing.now() * 1000), digest=digest))
        try:
            await within(self._timing, self._pace.answer, pong)
        except TimeoutError:
            raise LinkLost(f"no answer to a ping within {self._pace.answer:g} seconds") from None
        finally:
            del self._pongs[number]
        self.round_trip = self._timing.elapsed() - start

    async def _send_status(self) -> None:
        while True:
            await self._report.wait()
            self._report.clear()
            status = await self._holder.status()
            await self._outbox.send(Status(serial=self._own.serial, status=status))

    def _took(self, result: Absorbed, reach: dict[str, int]) -> None:
        self._hooks.took(self, result, reach)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _unless_lost(post: Callable[[], None]) -> None:
    """A last word that nobody hears any more is no error."""
    try:
        post()
    except LinkLost:
        return
