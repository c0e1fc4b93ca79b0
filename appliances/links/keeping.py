"""Keeping one link: dial when there is none, judge how the peer stands, tell who wants to know."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from appliances.links.errors import (
    FAULT,
    HostKeyChanged,
    LinkError,
    Reason,
    Refused,
    Unreachable,
    VersionMismatch,
)
from appliances.links.link import Link
from appliances.links.states import ALERTS, Event, EventKind, Member, PeerView, State, Wanted
from appliances.links.timing import BackOff, Pace, Throttle, Timing, cancel, within

logger = logging.getLogger(__name__)

DUPLICATE = "duplicate"
STOPPED = "stopped"

FAREWELLS = {
    Reason.REMOVED: (State.REMOVED, "it says that this end was removed from the cluster"),
    Reason.DISCONNECTED: (State.DISCONNECTED, "it says that this end was disconnected on purpose"),
}
APART = "Above 20 members each keeps links with a fixed few; news of the others come through them."
CUT_OFF = "; no other peer can be asked, this end itself may be cut off"


class Surroundings(Protocol):
    """What a keeper needs of the table."""

    pace: Pace
    timing: Timing
    serial: str

    async def call(self, member: Member) -> Link:
        """Dials; raises LinkError."""
        ...

    async def second_opinion(self, serial: str) -> tuple[str, bool]:
        """The name of a peer that reaches that machine, if any; and whether anybody could be asked."""
        ...

    def report(self, event: Event) -> None: ...

    def in_background(self, work: Coroutine[Any, Any, None]) -> None: ...


class Keeper:
    """All about one peer."""

    def __init__(self, member: Member, around: Surroundings, *, stray: bool = False) -> None:
        self.member = member
        self.stray = stray
        self.link: Link | None = None
        self.state = State.UNKNOWN
        self.since = around.timing.now()
        self.reason = "not reached yet"
        self.remedy = ""
        self.attempts = 0
        self._removed_by = ""
        self._heard_at: float | None = None
        self._around = around
        self._pace, self._timing = around.pace, around.timing
        self._lost_at = self._timing.elapsed()
        self._back_off = BackOff(self._pace.first_retry, self._pace.last_retry)
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._reminding: asyncio.Task[None] | None = None
        self._throttles = {kind: Throttle(self._pace.alert, self._pace.alert_cap) for kind in ALERTS}
        self._repeated = dict.fromkeys(ALERTS, 0)
        self._raised: set[EventKind] = set()

    # what is wanted

    def want(self, member: Member, neighbour: bool) -> None:
        """The member's entry, and whether this end is to keep a link with it."""
        before, self.member, self.stray = self.member, member, False
        if member.wanted is Wanted.DISCONNECTED:
            if before.wanted is Wanted.CONNECTED:
                self._release(Reason.DISCONNECTED)
            if self.link is None:
                self._set_disconnected()
        elif not neighbour:
            self._release(None)
            if self.link is None:
                self._set(State.UNKNOWN, "this end keeps no link with it", APART, heard=False)
        else:
            self._want_link(before)

    def _set_disconnected(self) -> None:
        remedy = Refused(Reason.DISCONNECTED).remedy
        self._set(State.DISCONNECTED, "disconnected on purpose", remedy, heard=False)

    def _want_link(self, before: Member) -> None:
        moved = (before.address, before.port) != (self.member.address, self.member.port)
        rekeyed = before.host_key not in ("", self.member.host_key)
        link = self.link
        if link is not None and (rekeyed or (moved and link.dialled)):
            self._around.in_background(link.close("moved", "the address or host key was changed"))
        if self._keeping is None:
            if self.link is None:
                self._set(State.UNKNOWN, "not reached yet")
            self._lost_at = self._timing.elapsed()
            self._keeping = asyncio.ensure_future(self._keep())
        elif moved or rekeyed:
            self.redial()

    def redial(self) -> None:
        """Tries at once and often again (SYN-07)."""
        self._back_off.reset()
        self._wake.set()

    def remove(self) -> None:
        """The peer is no member any more."""
        self._release(Reason.REMOVED)
        self._set(State.REMOVED, "removed from the cluster", heard=False)

    def _release(self, reason: Reason | None) -> None:
        self._stop_tasks()
        link = self.link
        if link is None or (reason is None and not link.dialled):
            return
        self.link = None
        self._around.in_background(self._see_off(link, reason))

    async def _see_off(self, link: Link, reason: Reason | None) -> None:
        """Lets the peer have the last commits, so that it knows by itself why it is left."""
        if reason is not None:
            link.advanced()
            try:
                await within(self._timing, self._pace.farewell, link.settled())
            except TimeoutError:
                logger.info("%s did not take the last commits", self.member.serial)
        await link.close(reason or "not-needed")

    async def stop(self) -> None:
        """Ends all that goes on here."""
        link, self.link = self.link, None
        tasks = [task for task in (self._keeping, self._reminding) if task is not None]
        self._stop_tasks()
        await cancel(*tasks)
        if link is not None:
            await link.close(STOPPED, "the program at the other end was stopped")

    def _stop_tasks(self) -> None:
        for task in (self._keeping, self._reminding):
            if task is not None:
                task.cancel()
        self._keeping = self._reminding = None

    # links come and go

    def attach(self, link: Link) -> None:
        """Takes a new link, or the better one of two: that of the end with the lower serial number.

        A peer that is to stay disconnected is not called; but when the holder lets it in, it may stay:
        so a member reaches a machine that is disconnected itself, to reconnect it.
        """
        old = self.link
        if self.member.wanted is Wanted.DISCONNECTED and link.dialled:
            self._around.in_background(link.close(Reason.DISCONNECTED))
            return
        if old is not None and old.alive and not self._is_better(link, old):
            self._around.in_background(link.close(DUPLICATE))
            return
        self.link = link
        if old is not None:
            self._around.in_background(old.close(DUPLICATE))
        self.attempts = 0
        self._back_off.reset()
        self._wake.set()
        self._raised.clear()
        self._set(State.CONNECTED, "")

    def _is_better(self, new: Link, old: Link) -> bool:
        return new.dialler in (old.dialler, min(self.member.serial, self._around.serial))

    def closed(self, link: Link) -> None:
        """A link has ended."""
        if link is not self.link:
            return
        self._heard_at, self.link = link.heard_at, None
        self._lost_at = self._timing.elapsed()
        if link.farewell in FAREWELLS:
            state, text = FAREWELLS[Reason(link.farewell)]
            self._set(state, text, Refused(Reason(link.farewell)).remedy)
            self._alert(EventKind.REFUSED, text)
        elif self.member.wanted is Wanted.DISCONNECTED:
            self._set_disconnected()
        elif self._keeping is None:
            self._set(State.UNKNOWN, "this end keeps no link with it", APART)
        elif link.farewell != DUPLICATE:
            self._set(State.SUSPECT, link.reason, "It is dialled again by itself.")

    # keeping it

    async def _keep(self) -> None:
        await self._pause(self._head_start())
        while self._kept_here():
            if self.link is not None:
                await self.link.wait_closed()
                self._wake.clear()
                await self._pause(self._head_start())
            elif not await self._attempt():
                await self._pause(self._back_off.next())

    def _kept_here(self) -> bool:
        """Whether this task is still wanted: a library may swallow the cancellation of a call."""
        return self._keeping is asyncio.current_task()

    def _head_start(self) -> float:
        """The end with the lower serial number dials first, so that rarely both do."""
        first = self._around.serial < self.member.serial or not self.member.dialable
        return 0.0 if first else self._pace.grace

    async def _pause(self, seconds: float) -> None:
        try:
            await within(self._timing, seconds, self._wake.wait())
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    async def _attempt(self) -> bool:
        if self.link is not None:
            return True
        called = self.member
        try:
            link = await self._call()
        except LinkError as error:
            await self._failed(error)
            return self.link is not None
        if not self._kept_here() or self.member != called:
            await link.close("moved", "the entry of this machine was changed meanwhile")
            return False
        self.attach(link)
        link.start()
        return True

    async def _call(self) -> Link:
        if not self.member.dialable:
            raise Unreachable("it makes the call itself, and has not", "Look at the other end.")
        try:
            return await self._around.call(self.member)
        except (LinkError, asyncio.CancelledError):
            raise
        except Exception as error:
            logger.exception("could not call %s", self.member.serial)
            raise LinkError(FAULT) from error

    # judging

    async def _failed(self, error: LinkError) -> None:
        if self.link is not None:
            return
        self.attempts += 1
        if isinstance(error, (Refused, VersionMismatch)):
            self._refused(error)
            return
        if isinstance(error, HostKeyChanged):
            self._alert(EventKind.HOST_KEY, error.text)
        other, asked = await self._around.second_opinion(self.member.serial)
        if self.link is not None:
            return
        if other:
            self._set(State.SUSPECT, f"{error.text}; {other} reaches it", error.remedy)
        elif self.state is State.DOWN or self._out_of_patience():
            self._set(State.DOWN, error.text + ("" if asked else CUT_OFF), error.remedy)
        else:
            self._set(State.SUSPECT, error.text, error.remedy)

    def _out_of_patience(self) -> bool:
        patience = self._pace.patience if self.member.dialable else self._pace.awaited
        waited = self._timing.elapsed() - self._lost_at
        return self.attempts >= self._pace.attempts and waited >= patience

    def _refused(self, error: Refused | VersionMismatch) -> None:
        reason = error.reason if isinstance(error, Refused) else Reason.OTHER_RELEASE
        states = {
            Reason.REMOVED: State.REMOVED,
            Reason.DISCONNECTED: State.DISCONNECTED,
            Reason.OTHER_RELEASE: State.DISCONNECTED,
        }
        self._removed_by = error.commit if isinstance(error, Refused) else ""
        self._set(states.get(reason, State.SUSPECT), error.text, error.remedy)
        self._alert(EventKind.REFUSED, error.text)

    def _set(self, state: State, reason: str, remedy: str = "", *, heard: bool = True) -> None:
        """`heard` is False where the entries say so and the peer said nothing: it may be down still."""
        before = (self.state, self.reason)
        self.reason, self.remedy = reason, remedy
        if (state, reason) == before:
            return
        if state is not before[0]:
            self.state, self.since = state, self._timing.now()
            self._crossed(before[0], heard)
        self._around.report(self._event(EventKind.CHANGED, reason))

    def _crossed(self, before: State, heard: bool) -> None:
        if self.state is State.DOWN:
            logger.warning("%s (%s) is down: %s", self.member.name, self.member.serial, self.reason)
            self._reminding = asyncio.ensure_future(self._remind())
        elif before is State.DOWN:
            self._raised.discard(EventKind.DOWN)
            if heard:
                logger.info("%s (%s) is no longer down: %s", self.member.name, self.member.serial, self.state)
                self._around.report(self._event(EventKind.UP, f"it is {self.state}"))
            if self._reminding is not None:
                self._reminding.cancel()
                self._reminding = None

    async def _remind(self) -> None:
        while True:
            self._alert(EventKind.DOWN, self.reason)
            await self._timing.sleep(self._throttles[EventKind.DOWN].wait(self._timing.elapsed()))

    def _alert(self, kind: EventKind, text: str) -> None:
        """Each new outage is reported at once; the throttle holds back what repeats it (TRL-33)."""
        due = self._throttles[kind].allows(self._timing.elapsed())
        if due or kind not in self._raised:
            self._raised.add(kind)
            self._around.report(self._event(kind, text, self._repeated[kind]))
            self._repeated[kind] += 1

    def _event(self, kind: EventKind, text: str, repeated: int = 0) -> Event:
        who = self.member
        removed_by = self._removed_by if self.state is State.REMOVED else ""
        return Event(kind, who.serial, who.name, self.state, text, self._timing.now(), repeated, removed_by)

    def view(self) -> PeerView:
        """How the peer stands now."""
        link = self.link
        return PeerView(
            serial=self.member.serial,
            name=self.member.name,
            kind=self.member.kind,
            state=self.state,
            since=self.since,
            reason=self.reason,
            remedy=self.remedy,
            heard_at=link.heard_at if link else self._heard_at,
            round_trip=link.round_trip if link else None,
            attempts=self.attempts,
            address=self.member.address,
            port=self.member.port,
            dialled_by=link.dialler if link else "",
            trouble=link.trouble if link else "",
        )
