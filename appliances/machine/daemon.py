"""The program on a machine: one event loop that holds its replica, its links, its services and its mail.

What happens, in the order in which it starts: what a kill left half done is put in order; milter and policy
service open; SSH and CCS open; links are made; settings are brought into force; then it waits for commits,
from whatever side they come, and follows each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from django.db import DatabaseError

from appliances.links import names
from appliances.links.gate import Gate, Guesses
from appliances.links.identity import Keys
from appliances.links.peer import Wire
from appliances.links.server import Service
from appliances.links.ssh import ServiceKind
from appliances.links.states import ALERTS, Event, State
from appliances.links.table import Table
from appliances.links.timing import Pace
from appliances.machine import enrolling, members, peers, requests, view
from appliances.machine.alerts import Alerts
from appliances.machine.apply import Applying
from appliances.machine.engine import Engine
from appliances.machine.heard import Heard
from appliances.machine.holder import MachineHolder
from appliances.machine.home import Home, replace_json
from appliances.machine.own_entry import OwnEntry
from appliances.machine.people import People
from appliances.machine.reporting import GUESSING, guessed, report
from appliances.machine.returning import ALERT, WINDOW, SelfReturn
from appliances.machine.services import Door, Services, doors
from appliances.machine.sessions import Sessions
from appliances.machine.status import MachineStatus, Trouble, now
from appliances.machine.threads import in_thread
from appliances.machine.upgrading import Guide, Upgrading
from appliances.postfix.instance import InstanceError
from clusters import replicas, retention
from clusters.versions import CommitId, covers

if TYPE_CHECKING:
    import asyncssh

    from appliances.links.peer import Login

logger = logging.getLogger(__name__)


class CommandLine(Protocol):
    """What people and peers type; it stands above this package and is handed in."""

    async def serve(self, process: asyncssh.SSHServerProcess[Any], login: Login, daemon: Daemon) -> None:
        """A shell or one command line of a person."""
        ...

    def answer(self, daemon: Daemon, words: list[str], user: str, role: str, *, portal: bool) -> list[Wire]:
        """A command of a user on another member, or at a portal; blocks."""
        ...


WATCH = 2.0
"""Seconds between two looks whether Postfix lives."""
FRESH = 3000
"""Milliseconds for which a status need not be put together again."""
FAREWELL = 1.0
"""Seconds between the word that the program restarts, and the restart."""
FORGETTING = 3600.0
"""Seconds between two looks whether the log holds what is too old."""
ROUND = 60.0
"""Seconds between two rounds over what is due: held commits, old messages, the status."""


class Daemon:
    """One running machine. Made and used on the event loop; `view` is what the replica said last."""

    # Said here, and not only where they are made: modules that take a daemon are imported by this one.
    applying: Applying
    holder: MachineHolder
    joining: asyncio.Lock
    services: Services
    table: Table
    upgrading: Upgrading

    def __init__(
        self,
        home: Home,
        release: str,
        command_line: CommandLine,
        first: view.View,
        upgrading: Upgrading,
        pace: Pace | None = None,
        confirm: float = WINDOW,
    ) -> None:
        self.home = home
        self.release = release
        self.command_line = command_line
        self.view = first
        self.started = now()
        self.keys = Keys.of_home(home.keys)
        self.loop = asyncio.get_running_loop()
        self.engine = Engine(home)
        self.heard_statuses = Heard()
        self.sessions = Sessions()
        self.alerts = Alerts(home.path / "alerts.json")
        self.held: dict[CommitId, int] = {}
        self.postfix_error: Trouble | None = None
        self.people = People(lambda: self.view.effective.documents["userconfig"])
        self.holder = MachineHolder(
            self, enrolling.require_findable, enrolling.enrol, lambda r, c: requests.answer(self, r, c)
        )
        self.pace = pace or Pace()
        self.table = Table(self.holder, home.serial, self.keys.user, listener=self._happened, pace=self.pace)
        self.gate = Gate(Guesses(noticed=self._guessed), members=self._addresses)
        self.services = Services(self._service)
        self.own_entry = OwnEntry(self._begin, self._follow_soon, self.status_changed)
        self.self_return = SelfReturn(home.ground, confirm)
        self.applying = Applying(self.engine, home.applied, self._read, self.status_changed)
        self._tasks: set[asyncio.Task[None]] = set()
        self.upgrading = upgrading
        self.restarting = asyncio.Event()
        self.joining = asyncio.Lock()
        self.stopping = False
        self._following = asyncio.Lock()
        self._follow_planned = False
        self._reporting = asyncio.Lock()
        self._status: MachineStatus | None = None
        self._changes = 0

    async def start(self) -> None:
        """Everything up to where people and peers can call. Raises OSError when no door opens."""
        await asyncio.to_thread(self.applying.begin)
        await self.engine.start()
        replicas.advanced.connect(self._advanced)
        await self._open_doors()
        self._follow_soon()
        self._begin(self.applying.run())
        self._begin(self._every(WATCH, self._watch_postfix))
        self._begin(self._every(WATCH, self._watch_trial))
        self._begin(self._every(ROUND, self._go_round))
        self._begin(self._every(FORGETTING, self._forget))
        await asyncio.to_thread(self.upgrading.shelf.came_up)
        self._say_ready()
        self.guide()

    async def _open_doors(self) -> None:
        """Opens the doors; where none can be had, those of before, if the present ones are on trial still.

        Raises OSError when no door opens. Only a member of several lives without any, if that is wanted.
        """
        await asyncio.to_thread(self.self_return.look, self.view)
        await self.services.follow(doors(self.view.interfaces))
        if not self.services.open and self.self_return.trial is not None:
            await self.self_return.go_back(self)
            self.view = await in_thread(self._read)
            await asyncio.to_thread(self.self_return.look, self.view)
            await self.services.follow(doors(self.view.interfaces))
        secluded = not doors(self.view.interfaces) and len(self.view.state.machines) > 1
        if not self.services.open and not secluded:
            raise OSError("; ".join(self.services.notes) or "no interface has SSH or CCS on")

    def guide(self) -> None:
        """Goes on with a guided upgrade, from where it stands."""
        self._begin(Guide(self).work())

    def restart(self) -> None:
        """Ends soon, for the release that was switched to; who has asked for it still hears so."""
        self.loop.call_soon_threadsafe(self.loop.call_later, FAREWELL, self.restarting.set)

    async def stop(self, *, keep_postfix: bool) -> None:
        """Ends everything in good order; Postfix too, unless it is to stay."""
        self.stopping = True
        replicas.advanced.disconnect(self._advanced)
        self.home.ready.unlink(missing_ok=True)
        await self.table.close()
        await self.services.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.stop()
        if not keep_postfix:
            await asyncio.to_thread(self.engine.shut_down)

    # what changes

    def _advanced(self, **_: Any) -> None:
        """Signal of a transaction, in whatever thread."""
        self.loop.call_soon_threadsafe(self._follow_soon)

    def _follow_soon(self) -> None:
        """Many commits in a row are followed at once."""
        if not self._follow_planned:
            self._follow_planned = True
            self._begin(self.catch_up())

    async def catch_up(self) -> None:
        """Follows the replica; what fails is tried again."""
        try:
            await self.follow()
        except DatabaseError as error:
            logger.error("cannot follow what has changed: %s; tried again", error)
            self.loop.call_later(WATCH, self._follow_soon)

    def _read(self) -> view.View:
        return view.read(self.home.serial)

    async def follow(self) -> None:
        """Brings links, doors and mail to what the replica says now."""
        async with self._following:
            self._follow_planned = False
            found = await in_thread(self._read)
            if found.removed:
                # Until it has gone on alone, what it was holds on: else nobody could log in meanwhile.
                await self._go_alone()
                found = self.view
            self.view = found
            self.table.update(peers.members(self.view))
            self.alerts.follow(peers.wanted(self.view))
            self.table.advanced()
            self.applying.wake()
            # What is on trial stands on disk before a door moves.
            await asyncio.to_thread(self.self_return.look, self.view)
            await self.services.follow(doors(self.view.interfaces))
            await self.own_entry.tell(self.view, self.services.open)
            self._report_return()
            self.status_changed()
            self.sessions.followed()

    def status_changed(self) -> None:
        """Every peer gets the new status."""
        self._status = None
        self._changes += 1
        self.table.status_changed()

    def holds_back(self, ahead: Mapping[CommitId, int]) -> None:
        """Commits dated too far ahead wait for their date (clock guard); in milliseconds ahead."""
        if set(ahead) - set(self.held):
            for ident, milliseconds in ahead.items():
                logger.warning("commit %s is dated %d s ahead; it waits", ident, milliseconds // 1000)
        self.held = dict(ahead)

    def heard(self, serial: str, status: Wire) -> None:
        """A peer's own status has come."""
        self.heard_statuses.take(serial, status)
        self._hears_of_unwatched(serial)

    def _hears_of_unwatched(self, serial: str) -> None:
        """In a large cluster a machine that was down may have become somebody else's neighbour meanwhile."""
        said = self.heard_statuses.all().get(serial)
        lasting = {alert.serial for alert in self.alerts.open()}
        if said is None or not lasting:
            return
        reached = {link.serial for link in said.links if link.state == State.CONNECTED} & lasting
        unwatched = {peer.serial for peer in self.table.views() if peer.state is State.UNKNOWN}
        self.alerts.reached(reached & unwatched, said.name)

    async def status(self) -> MachineStatus:
        """This machine now, or a few seconds ago if nothing has changed since."""
        async with self._reporting:
            known, changes = self._status, self._changes
            if known is not None and now() - known.as_of <= FRESH:
                return known
            found = await in_thread(report, self, self.table.views())
            if changes == self._changes:
                self._status = found
            return found

    def _happened(self, event: Event) -> None:
        level = logging.WARNING if event.kind in ALERTS else logging.INFO
        logger.log(level, "%s %s: %s", event.kind, event.name or event.serial, event.text)
        self.alerts.happened(event)
        if event.commit and not self._hears_of(event.commit):
            self._begin(self._leave(event))
        self.loop.call_soon(self.status_changed)

    def _hears_of(self, commit: str) -> bool:
        """Whether a commit is known here: one that removed this machine before it joined again, say."""
        ident = CommitId.parse(commit)
        return covers(self.view.vector, {ident.origin: ident.number})

    async def _leave(self, event: Event) -> None:
        """Goes on alone: a member, whose host key is pinned, says that it was removed meanwhile (RM-06)."""
        async with self._following:
            if self.view.member is not None:
                logger.warning("%s says that %s removed this machine", event.name, event.commit)
                await self._go_alone()

    async def _go_alone(self) -> None:
        await members.leave(self)
        # In a moment each other member says the same: they shall find that it is done.
        self.view = await in_thread(self._read)

    # what goes on by itself

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Does some work again and again; what goes wrong once must not end it."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as error:
                logger.error("%s: %s", work.__name__.strip("_"), error)

    async def _watch_postfix(self) -> None:
        try:
            restarted = await asyncio.to_thread(self.engine.supervise)
            failed = None
        except InstanceError as error:
            restarted, failed = False, f"Postfix is dead and does not start: {error}"
        if restarted:
            logger.error("Postfix had died; it was started again")
        if failed != (self.postfix_error.text if self.postfix_error else None):
            self.postfix_error = Trouble(text=failed, since=now()) if failed else None
            logger.error("%s", failed or "Postfix runs again")
            restarted = True
        if restarted:
            self.status_changed()

    async def _watch_trial(self) -> None:
        await self.self_return.check(self)

    def _report_return(self) -> None:
        """An alert for as long as the machine stands where it went back to (TRL-15)."""
        if returned := self.self_return.returned:
            self.alerts.raise_own(ALERT, self.home.serial, self.view.name, returned.text)
        else:
            self.alerts.close_own(ALERT)

    async def _go_round(self) -> None:
        """What waits for its date may be due; messages may be past their time; a name may lead here now."""
        await self.holder.absorb([])
        await self.own_entry.tell(self.view, self.services.open)
        self._report_guessing()
        await asyncio.to_thread(self.engine.traffic.read)
        if late := await asyncio.to_thread(self.engine.sweep):
            logger.info("%d messages were past the time of their bounce profile: returned", len(late))
        self.status_changed()

    async def _forget(self) -> None:
        """The log does not grow for ever."""
        if gone := await in_thread(retention.expire, self.view.replica_id):
            logger.info("%d old commits of the log were forgotten", gone)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a part of this machine failed", exc_info=error)

    # who calls

    def _service(self, door: Door) -> Service:
        kind, address, port = door
        people = kind is ServiceKind.SSH
        return Service(
            kind,
            address,
            port,
            self.keys,
            self.holder,
            self.table,
            logins=self.people if people else None,
            process_factory=self._process if people else None,
            look_back=self._look_back,
            gate=self.gate,
            pace=self.pace,
        )

    def _addresses(self) -> Iterator[str]:
        """Where the members are, as far as their entries say it by address."""
        for member in self.view.state.machines.values():
            yield member.address

    def _guessed(self, kind: str, which: str) -> None:
        logger.warning("passphrases for the %s %r are refused for a while: too many wrong ones", kind, which)
        self._report_guessing()
        self.status_changed()

    def _report_guessing(self) -> None:
        """An alert for as long as guesses are refused (TRU-05)."""
        if text := guessed(self.gate.guesses):
            self.alerts.raise_own(GUESSING, self.home.serial, self.view.name, text, severity="warning")
        else:
            self.alerts.close_own(GUESSING)

    async def _look_back(self, address: str) -> None:
        """Who calls a cluster that uses addresses has one for which the name servers answer (COM-09)."""
        if self.view.state.by_address:
            await names.require_reverse(address)

    async def _process(self, process: asyncssh.SSHServerProcess[Any], login: Login) -> None:
        await self.command_line.serve(process, login, self)

    def _say_ready(self) -> None:
        opened = [{"kind": str(k), "address": a, "port": p} for k, a, p in self.services.open]
        replace_json(self.home.ready, {"serial": self.home.serial, "services": opened})
        where = ", ".join(f"{kind} {address}:{port}" for kind, address, port in self.services.open)
        logger.info("ready: machine %s (%s) answers at %s", self.home.serial, self.view.name, where)
