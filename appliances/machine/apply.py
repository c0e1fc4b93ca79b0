"""The life of new settings on this machine: effective, rendered, proven, in force, reported (design, 7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliances.machine.engine import Engine, InForce
from appliances.machine.fence import KeptFence
from appliances.machine.status import Trouble, now
from appliances.machine.view import View
from appliances.postfix.generations import ApplyRefused, Step
from clusters.catalogue import InvalidDocument
from clusters.system_words import reason

logger = logging.getLogger(__name__)

RETRY = 60.0
"""Seconds until a fault of this machine (a full disk, a taken port) is tried again."""
LONGEST = 3600.0
"""Seconds at most between two tries of settings that Postfix refuses: the cause may lie around it."""
OF_THIS_MACHINE = frozenset({Step.PORTS, Step.WRITE})


class Applying:
    """Keeps mail at what holds here.

    `read` gives the view now and is called in a thread; `changed` is called when there is news.
    """

    def __init__(
        self, engine: Engine, kept: Path, read: Callable[[], View], changed: Callable[[], None]
    ) -> None:
        self.fence = self._saved = KeptFence.load(kept)
        self.wanted = ""
        self.error: Trouble | None = None
        self.notes: tuple[str, ...] = ()
        self._engine = engine
        self._kept = kept
        self._read = read
        self._changed = changed
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._refused: tuple[str, dict[str, int]] | None = None
        self._tries = 0
        self._loop = asyncio.get_running_loop()

    @property
    def enforced(self) -> str:
        """The fingerprint that mail sees; empty before the first."""
        return self.fence.fingerprint

    def wake(self) -> None:
        """Something may have changed."""
        self._settled.clear()
        self._wake.set()

    def try_again(self) -> None:
        """Also what was refused before gets another try."""
        self._refused = None
        self.wake()

    def again(self) -> None:
        """The same settings once more: what is suspended on this machine has changed."""
        self.fence = replace(self.fence, fingerprint="")
        self.try_again()

    async def settled(self) -> None:
        """Returns when there is nothing left to try."""
        await self._settled.wait()

    async def run(self) -> None:
        """Works until it is cancelled; a step under way is finished first."""
        self.wake()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await _finished(asyncio.to_thread(self._try))
            self._changed()
            if not self._wake.is_set():
                self._settled.set()

    def begin(self) -> None:
        """Puts in order what a kill left half done. Blocks; comes before `run`."""
        recovered = self._engine.recover()
        if recovered.discarded is not None or recovered.completed is not None:
            logger.warning("a switch of settings was interrupted: %s", recovered)
        if recovered.generation != self.fence.generation or not self._engine.instance.running:
            # What runs is not what was confirmed last; until the next try nothing is known to be enforced.
            self.fence = KeptFence(self.fence.cluster, self.fence.vector)

    def _try(self) -> None:
        try:
            self._bring()
        except Exception:  # whatever it is, the next settings must get their chance
            logger.exception("settings could not be brought into force")
            text = (
                "The settings could not be brought into force, by a fault of this program. It is tried "
                "again; the log of this machine has what a report needs."
            )
            self.error = Trouble(text=text, since=now())
            self._later()

    def _bring(self) -> None:
        view = self._read()
        if view.removed:
            return
        self.wanted = view.fingerprint
        if self._refused == (self.wanted, view.vector):
            return
        if self.fence.forbids(view.cluster_id, view.vector):
            self._fail("These settings are older than those that run here; they are not applied.", "", view)
            return
        if self.wanted == self.enforced:
            self._move(view)
            return
        try:
            in_force = self._engine.put_in_force(view.effective.documents)
        except ApplyRefused as refusal:
            self._report_refusal(refusal, view)
        except InvalidDocument as error:
            self._fail(f"The settings cannot be applied: {error}", "", view)
        except OSError as error:
            logger.warning("settings cannot be written: %s", error)
            self._fail(f"The settings cannot be written: {reason(error)}. They are tried again.", "", view)
            self._later()
        else:
            self._keep(in_force, view)

    def _keep(self, in_force: InForce, view: View) -> None:
        applied = in_force.applied
        self.notes = in_force.flags
        self.fence = KeptFence("", {}, self.wanted, applied.digest, applied.generation, now())
        self._move(view)
        took = ", ".join(f"{step} {seconds:.2f}" for step, seconds in applied.seconds.items())
        logger.info(
            "settings %s are in force (generation %s; seconds: %s)", self.wanted, applied.generation, took
        )

    def _move(self, view: View) -> None:
        """What is in force is what holds at this view; nothing older counts any more."""
        self.error = self._refused = None
        self._tries = 0
        moved = replace(self.fence, cluster=view.cluster_id, vector=view.vector)
        if moved == self._saved:
            return
        self.fence = moved
        try:
            moved.save(self._kept)
            self._saved = moved
        except OSError as error:
            # Mail sees these settings; only a restart would not know of it and try them once more.
            logger.error("cannot keep which settings are in force: %s", error)

    def _report_refusal(self, refusal: ApplyRefused, view: View) -> None:
        still = "The settings that ran before run on." if self.enforced else "No settings are in force yet."
        if not refusal.reverted:
            still = "Going back failed too: mail may stand still."
            self.fence = KeptFence(self.fence.cluster, self.fence.vector)
        text = f"New settings were refused ({refusal.step}): {refusal.reason}. {still}"
        self._fail(text, refusal.detail, view)
        if refusal.step in OF_THIS_MACHINE or not refusal.reverted:
            self._later()
        else:
            self._later(min(RETRY * 2**self._tries, LONGEST))
            self._tries += 1

    def _fail(self, text: str, detail: str, view: View) -> None:
        logger.error("%s %s", text, detail.replace("\n", " | "))
        since = self.error.since if self.error and self.error.text == text else now()
        self.error = Trouble(text=text, detail=detail, since=since)
        self._refused = (self.wanted, view.vector)

    def _later(self, seconds: float = RETRY) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self.try_again)


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Waits for work in a thread to its end even when cancelled: half a switch must not be left behind."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
