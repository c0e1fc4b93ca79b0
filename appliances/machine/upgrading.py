"""New releases on this machine: fetched in the background, installed beside the old one, switched to.

A guided run goes through all steps and survives the restart in its middle and the end of the terminal: where
it stands is kept in the home. Single steps are commands of their own (UPG-02).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from appliances.links.errors import LinkError
from appliances.links.peer import Kind
from appliances.links.timing import cancel
from appliances.machine import killpoints
from appliances.machine.home import Home, read_json, replace_json
from appliances.machine.suspension import LISTENERS
from appliances.machine.threads import in_thread
from appliances.postfix.instance import InstanceError
from appliances.postfix.queue import QueueError
from appliances.releases.artifact import Offer, ReleaseError
from appliances.releases.shelf import Shelf
from appliances.releases.source import Source
from clusters import membership
from clusters.refusals import refusals_and
from clusters.system_words import cause

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon

logger = logging.getLogger(__name__)

DRAINING = 60.0
"""Seconds for deliveries under way, before mail has to wait for the restart."""
PARTING = 15.0
"""Seconds for the links of a machine that has disconnected itself."""


class Step(StrEnum):
    """The steps of a guided run, in their order (UPG-02)."""

    DOWNLOAD = "download"
    INSTALL = "install"
    DISCONNECT = "disconnect"
    DRAIN = "drain"
    RESTART = "restart"
    RESUME = "resume"
    RECONNECT = "reconnect"
    DONE = "done"


ORDER = list(Step)


@dataclass(frozen=True)
class Run:
    """A guided run: to which release, in whose name, where it stands, and what stopped it.

    `suspended`: the listeners that were suspended before; `restarted`: the switch was made; `note`: what a
    person should still do.
    """

    release: str
    user: str
    step: Step = Step.DOWNLOAD
    suspended: tuple[str, ...] = ()
    restarted: bool = False
    failed: str = ""
    note: str = ""

    @property
    def over(self) -> bool:
        return self.step is Step.DONE or bool(self.failed)


@dataclass(frozen=True)
class Download:
    """How far a release has come, in bytes; `failed` says why it will not."""

    release: str
    size: int
    received: int = 0
    failed: str = ""

    @property
    def complete(self) -> bool:
        return self.received >= self.size and not self.failed


class Upgrading:
    """The releases of one daemon. Blocking calls come from threads of people, the rest from the loop."""

    def __init__(self, home: Home, shelf: Shelf, source: Source) -> None:
        self.shelf = shelf
        self.source = source
        self.download: Download | None = None
        self._file = home.path / "upgrade.json"
        self.run = self._load()

    def _load(self) -> Run | None:
        told: dict[str, Any] | None = read_json(self._file)
        if told is None:
            return None
        return Run(**{**told, "step": Step(told["step"]), "suspended": tuple(told["suspended"])})

    def keep(self, run: Run) -> None:
        """Where a guided run stands; raises OSError."""
        replace_json(self._file, asdict(run))
        self.run = run

    def offer(self, release: str) -> Offer:
        """The release of that number; raises ReleaseError."""
        offers = self.source.offers()
        for offer in offers:
            if offer.release == release:
                return offer
        known = ", ".join(o.release for o in offers) or "none"
        raise ReleaseError(f"there is no release {release} at {self.source.place}; there is: {known}")

    def fetch(self, offer: Offer) -> None:
        """Downloads a release, if it is not here already; raises ReleaseError (UPG-07)."""
        self.download = Download(offer.release, offer.size)
        try:
            if not self.shelf.archive(offer).exists():
                self.source.fetch(offer, self.shelf.archive(offer), self._progress)
            self._progress(offer.size)
        except ReleaseError as error:
            self.download = replace(self.download, failed=str(error))
            raise

    def _progress(self, received: int) -> None:
        assert self.download is not None
        self.download = replace(self.download, received=received)


async def disconnect(daemon: Daemon, serials: list[str], user: str) -> None:
    """Takes members out of the cluster for a while, and lets their links hear of it."""
    links = [link for link in daemon.table.links() if link.peer.kind is Kind.MACHINE]
    await in_thread(_set_disconnected, daemon, serials, True, user)
    await daemon.follow()
    if links:
        waiting = [asyncio.ensure_future(link.wait_closed()) for link in links]
        await asyncio.wait(waiting, timeout=PARTING)
        await cancel(*waiting)


def _set_disconnected(daemon: Daemon, serials: list[str], disconnected: bool, user: str) -> None:
    view = daemon.view
    membership.set_disconnected(view.replica_id, serials, disconnected, user=user, host=view.name)


class Guide:
    """Works a guided run off, step by step, from wherever it stands."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._steps: dict[Step, Callable[[Run], Awaitable[Run]]] = {
            Step.DOWNLOAD: self._download,
            Step.INSTALL: self._install,
            Step.DISCONNECT: self._disconnect,
            Step.DRAIN: self._drain,
            Step.RESTART: self._restart,
            Step.RESUME: self._resume,
            Step.RECONNECT: self._reconnect,
        }

    async def work(self) -> None:
        """Up to the restart, or to the end."""
        upgrading = self._daemon.upgrading
        while (run := upgrading.run) is not None and not run.over:
            logger.info("upgrade to %s: %s", run.release, run.step)
            try:
                done = await self._steps[run.step](run)
            except Exception as error:
                known = isinstance(error, refusals_and(LinkError, ReleaseError))
                if not known:
                    logger.exception("upgrade to %s: what a person is not told", run.release)
                done = replace(run, failed=str(error) if known else cause(error))
            if done.failed:
                logger.error("upgrade to %s stopped at %s: %s", run.release, run.step, done.failed)
                await self._open_again(done)
                upgrading.keep(replace(done, note=self._apart()))
                return
            if done.step is Step.RESTART and self._daemon.release != run.release:
                return
            upgrading.keep(replace(done, step=ORDER[ORDER.index(done.step) + 1]))

    async def _download(self, run: Run) -> Run:
        upgrading = self._daemon.upgrading
        await in_thread(lambda: upgrading.fetch(upgrading.offer(run.release)))
        return run

    async def _install(self, run: Run) -> Run:
        upgrading = self._daemon.upgrading
        await in_thread(lambda: upgrading.shelf.install(upgrading.offer(run.release)))
        return run

    async def _disconnect(self, run: Run) -> Run:
        member = self._daemon.view.member
        if member is not None and not member.disconnected and len(self._daemon.view.state.machines) > 1:
            await disconnect(self._daemon, [member.serial], run.user)
        return run

    async def _drain(self, run: Run) -> Run:
        """No new mail; what is under way leaves. What waits for another try stays in the queue."""
        engine = self._daemon.engine
        before = engine.suspension
        documents = self._daemon.view.effective.documents
        names = {each["name"] for each in documents[LISTENERS]["listeners"]}
        run = replace(run, suspended=tuple(sorted(before.listeners)))
        self._daemon.upgrading.keep(run)
        await self._suspend(before.listeners | names)
        end = self._daemon.loop.time() + DRAINING
        while self._daemon.loop.time() < end:
            counts = await asyncio.to_thread(engine.mail_queue.counts)
            if not sum(count for name, count in counts.items() if name in ("active", "incoming", "maildrop")):
                break
            with suppress(QueueError, InstanceError):
                await asyncio.to_thread(engine.mail_queue.go_on)
            await asyncio.sleep(0.5)
        return run

    async def _suspend(self, listeners: frozenset[str]) -> None:
        engine = self._daemon.engine
        engine.suspend(lambda now: replace(now, listeners=listeners))
        self._daemon.applying.again()
        await self._daemon.applying.settled()

    async def _restart(self, run: Run) -> Run:
        """Comes here twice: before the restart, and after it with the new release, or with the old one."""
        shelf = self._daemon.upgrading.shelf
        if self._daemon.release == run.release:
            return run
        if run.restarted:
            why = shelf.state.failed or "it was left again"
            return replace(run, failed=f"{why}; this machine runs {self._daemon.release} as before")
        self._daemon.upgrading.keep(replace(run, restarted=True))
        shelf.switch(run.release)
        killpoints.passed("switched")
        self._daemon.restart()
        return run

    async def _resume(self, run: Run) -> Run:
        await self._suspend(frozenset(run.suspended))
        return run

    async def _open_again(self, run: Run) -> None:
        """Mail goes on, whatever has become of the run."""
        if ORDER.index(run.step) >= ORDER.index(Step.DRAIN):
            await self._suspend(frozenset(run.suspended))

    def _apart(self) -> str:
        """What is left to do after a run that has failed: only a connected member takes this one back."""
        member = self._daemon.view.member
        if member is None or not member.disconnected:
            return ""
        return f'It is disconnected still: "clusterconfig reconnect {member.name}" on a connected member.'

    async def _reconnect(self, run: Run) -> Run:
        """The last one takes all back; before that the others still run the old release (UPG-01)."""
        view = self._daemon.view
        away = [m.serial for m in view.state.machines.values() if m.disconnected]
        if not away:
            return run
        others = [m.name for m in view.state.machines.values() if not m.disconnected]
        if others:
            note = f"Not reconnected yet: upgrade {', '.join(others)} too; the last one reconnects all."
            return replace(run, note=note)
        await in_thread(_set_disconnected, self._daemon, away, False, run.user)
        return run
