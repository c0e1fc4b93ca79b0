"""Requests over a link, many at a time: run something at the other end, or ask for a second opinion."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

from appliances.links.errors import LinkError, LinkLost, RequestFailed
from appliances.links.hello import clip
from appliances.links.messages import Ask, Cancel, Opinion, Result, Run
from appliances.links.outbox import Outbox
from appliances.links.peer import Caller, Holder, PeerIdentity, Wire
from appliances.links.timing import cancel

logger = logging.getLogger(__name__)

MAX_RUNNING = 32
"""Requests of one peer that are worked on at once."""
MAX_UNREAD = 10_000
"""Pieces of an answer that wait for a slow reader here, before the rest is cancelled."""

Piece = Result | LinkError


class Requests:
    """The requests in both directions on one link."""

    def __init__(self, holder: Holder, peer: PeerIdentity, outbox: Outbox) -> None:
        self._holder = holder
        self._peer = peer
        self._outbox = outbox
        self._numbers = itertools.count(1)
        self._mine: dict[int, asyncio.Queue[Piece]] = {}
        self._opinions: dict[int, asyncio.Future[Opinion]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    # asking

    async def run(self, request: Wire, user: str) -> AsyncIterator[Wire]:
        """The pieces of the other end's answer. Raises RequestFailed and LinkLost.

        Leaving the iteration early cancels the request there.
        """
        number = next(self._numbers)
        answers = self._mine[number] = asyncio.Queue[Piece]()
        finished = False
        try:
            await self._outbox.send(Run(n=number, user=clip(user), request=request))
            while not finished:
                piece = await answers.get()
                if isinstance(piece, LinkError):
                    finished = True
                    raise piece
                finished = piece.last
                if piece.error:
                    raise RequestFailed(piece.error)
                if not piece.last:
                    yield piece.data
        finally:
            self._mine.pop(number, None)
            if not finished:
                self._post_cancel(number)

    def answered(self, result: Result) -> None:
        """A piece of an answer has come; one to a forgotten request is ignored."""
        answers = self._mine.get(result.n)
        if answers is None:
            return
        answers.put_nowait(result)
        if answers.qsize() > MAX_UNREAD:
            answers.put_nowait(RequestFailed("the answer came faster than it was read"))
            del self._mine[result.n]
            self._post_cancel(result.n)

    def _post_cancel(self, number: int) -> None:
        try:
            self._outbox.post(Cancel(n=number))
        except LinkLost:
            return

    async def opinion(self, serial: str) -> Opinion:
        """Whether the other end reaches that machine; the caller limits the wait. Raises LinkLost."""
        number = next(self._numbers)
        answer: asyncio.Future[Opinion] = asyncio.get_running_loop().create_future()
        self._opinions[number] = answer
        try:
            self._outbox.post(Ask(n=number, serial=serial))
            return await answer
        finally:
            del self._opinions[number]

    def opined(self, opinion: Opinion) -> None:
        """A second opinion has come."""
        answer = self._opinions.get(opinion.n)
        if answer is not None and not answer.done():
            answer.set_result(opinion)

    # answering

    def asked(self, run: Run) -> None:
        """Starts what the other end asks for."""
        if run.n in self._running or len(self._running) >= MAX_RUNNING:
            self._outbox.post(Result(n=run.n, last=True, error="too many requests at once"))
            return
        task = asyncio.ensure_future(self._answer(run))
        self._running[run.n] = task
        task.add_done_callback(lambda _: self._running.pop(run.n, None))

    def cancelled(self, number: int) -> None:
        """The other end does not want the rest."""
        if number in self._running:
            self._running[number].cancel()

    async def _answer(self, run: Run) -> None:
        error = ""
        try:
            async for piece in self._holder.run(run.request, Caller(self._peer, run.user)):
                await self._outbox.send(Result(n=run.n, last=False, data=piece))
        except LinkLost:
            return
        except LinkError as refusal:
            error = str(refusal)
        except Exception as trouble:
            logger.exception("a request of %s failed", self._peer.serial)
            error = f"{type(trouble).__name__}: {trouble}"
        try:
            await self._outbox.send(Result(n=run.n, last=True, error=clip(error)))
        except LinkLost:
            return

    async def end(self) -> None:
        """The link has ended: nobody waits any longer, nothing runs on."""
        lost = LinkLost("the link was lost before the answer was complete")
        for answers in self._mine.values():
            answers.put_nowait(lost)
        for waiting in self._opinions.values():
            if not waiting.done():
                waiting.set_exception(lost)
        await cancel(*self._running.values())
