"""The running daemon as commands see it (`login_host.LoginHost`): blocking calls from their threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils import translation
from django.utils.translation import gettext as _

from appliances.cli.errors import CommandError
from appliances.links.calling import Target
from appliances.links.client import Passphrase, Probe, probe
from appliances.links.errors import Fault, LinkLost, ProtocolError
from appliances.links.identity import fingerprint
from appliances.links.ssh import ServiceKind
from appliances.machine import members, peers, reaching, routes, upgrading
from appliances.machine.alerts import Alerts
from appliances.machine.engine import Engine
from appliances.machine.saved import SavedFiles
from appliances.machine.sessions import Sessions
from appliances.machine.status import LinkStatus, MachineStatus
from appliances.machine.suspension import Suspension
from appliances.machine.upgrading import Upgrading
from appliances.releases.artifact import Offer, ReleaseError
from clusters import drafts, replicas
from clusters.membership import JoinPreview
from clusters.replication import Snapshot
from clusters.versions import MalformedCommit

if TYPE_CHECKING:
    from appliances.cli.login_host import Consent, JoinRequest
    from appliances.machine.daemon import Daemon

T = TypeVar("T")

SETTLING = 60.0
"""Seconds to wait until mail sees a change."""
PATIENCE = 30.0
"""Seconds to wait for what another member holds."""


class Desk:
    """Satisfies LoginHost for one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        if self._daemon.stopping:
            work.close()
            raise CommandError(_("This machine is ending."))
        return asyncio.run_coroutine_threadsafe(work, self._daemon.loop).result()

    @property
    def replica_id(self) -> int:
        return self._daemon.view.replica_id

    @property
    def serial(self) -> str:
        return self._daemon.home.serial

    @property
    def name(self) -> str:
        return self._daemon.view.name

    @property
    def release(self) -> str:
        return self._daemon.release

    def status(self) -> MachineStatus:
        return self._on_loop(self._daemon.status())

    def heard(self) -> Mapping[str, MachineStatus]:
        return self._daemon.heard_statuses.all()

    def statuses_through(self, serials: Collection[str], seconds: float) -> Mapping[str, MachineStatus]:
        return self._on_loop(routes.statuses(self._daemon, serials, seconds))

    def links(self) -> Sequence[LinkStatus]:
        return self.status().links

    def own_keys(self) -> tuple[str, str]:
        return self._daemon.keys.host_public, self._daemon.keys.user_public

    def as_machine(self, *, by_address: bool) -> Any:
        return members.as_machine(self._daemon, members.reached_at(self._daemon, by_address=by_address))

    def join(self, request: JoinRequest, accept_key: Callable[[str], bool], consent: Consent) -> str:
        language = translation.get_language()

        def asked(question: Callable[[Any], T], told: Any) -> T:
            # The question comes from the machine's own thread, which speaks nobody's language.
            with translation.override(language):
                return question(told)

        async def accept(public_key: str) -> bool:
            return await asyncio.to_thread(asked, accept_key, fingerprint(public_key))

        async def agree(preview: JoinPreview) -> Collection[str] | None:
            return await asyncio.to_thread(asked, consent, preview)

        way = members.Way(
            Target(request.address, request.port),
            self._daemon.keys.user if request.prepared else Passphrase(request.user, request.passphrase),
            ServiceKind.CCS if request.ccs else ServiceKind.SSH,
            request.group,
        )
        try:
            return self._on_loop(members.join(self._daemon, way, accept, agree))
        except members.JoinDeclined:
            raise CommandError(_("Not joined; nothing was changed.")) from None

    def probe(self, address: str, port: int) -> Probe:
        return self._on_loop(probe(Target(address, port)))

    @property
    def engine(self) -> Engine:
        return self._daemon.engine

    @property
    def alerts(self) -> Alerts:
        return self._daemon.alerts

    @property
    def sessions(self) -> Sessions:
        return self._daemon.sessions

    @property
    def saved(self) -> SavedFiles:
        return SavedFiles(self._daemon.home.path / "saved")

    @property
    def upgrading(self) -> Upgrading:
        return self._daemon.upgrading

    def fetch(self, release: str, *, wait: bool) -> None:
        upgrading = self.upgrading
        if (download := upgrading.download) and not (download.complete or download.failed):
            raise CommandError(_("Release {release} is being downloaded.").format(release=download.release))
        offer = upgrading.offer(release)
        if wait:
            upgrading.fetch(offer)
        else:
            threading.Thread(target=self._fetch_quietly, args=(offer,), daemon=True).start()

    def _fetch_quietly(self, offer: Offer) -> None:
        # What goes wrong is kept with the download, where `upgrade status` finds it.
        with suppress(ReleaseError):
            self.upgrading.fetch(offer)

    def restart_with(self, release: str, disconnecting: Sequence[str], user: str) -> None:
        if disconnecting:
            self._on_loop(upgrading.disconnect(self._daemon, list(disconnecting), user))
        self.upgrading.shelf.switch(release)
        self._daemon.restart()

    def guide(self, release: str, user: str) -> None:
        under_way = self.upgrading.run
        if under_way is not None and not under_way.over:
            raise CommandError(_("An upgrade to {release} is under way.").format(release=under_way.release))
        self.upgrading.keep(upgrading.Run(self.upgrading.offer(release).release, user))
        self._daemon.loop.call_soon_threadsafe(self._daemon.guide)

    def release_of(self, serial: str) -> str:
        return self._on_loop(peers.release_of(self._daemon.view, self._daemon.table, serial, self.release))

    def unreached(self, serials: Sequence[str], seconds: float) -> Mapping[str, str]:
        return self._on_loop(reaching.unreached(self._daemon, serials, seconds))

    def suspend(self, change: Callable[[Suspension], Suspension]) -> None:
        self.engine.suspend(change)
        self._daemon.loop.call_soon_threadsafe(self._daemon.applying.again)
        if not self.settled(SETTLING):
            raise CommandError(_("The change is under way; see `status`."))
        if error := self._daemon.applying.error:
            raise CommandError(error.text)

    def digest_of(self, serial: str) -> str:
        if serial == self.serial:
            return replicas.entries_digest(self.replica_id)
        return str(self._checked(serial, "digest").get("digest", ""))

    def entries_of(self, serial: str) -> Snapshot:
        if serial == self.serial:
            return replicas.snapshot(self.replica_id)
        try:
            return Snapshot.from_wire(self._checked(serial, "entries").get("snapshot"))
        except (ValueError, MalformedCommit) as error:
            raise ProtocolError(Fault.INVALID_MESSAGE, str(error)) from None

    def drafting(self, serial: str) -> Sequence[str]:
        if serial == self.serial:
            return drafts.people(self.replica_id)
        found = self._checked(serial, "drafts").get("people")
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise ProtocolError(Fault.INVALID_MESSAGE, "the names of people were expected")
        return found

    def follow(self) -> None:
        self._on_loop(self._daemon.follow())

    def _checked(self, serial: str, what: str) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            async with asyncio.timeout(PATIENCE):
                pieces = await routes.ask(self._daemon, serial, {"check": what}, "")
            return {key: value for piece in pieces for key, value in piece.items()}

        try:
            return self._on_loop(ask())
        except TimeoutError:
            raise LinkLost(_("no answer within {seconds:g} s").format(seconds=PATIENCE)) from None

    def settled(self, seconds: float) -> bool:
        async def wait() -> bool:
            # What was just committed is followed first.
            await self._daemon.follow()
            try:
                await asyncio.wait_for(self._daemon.applying.settled(), seconds)
            except TimeoutError:
                return False
            return True

        return self._on_loop(wait())

    def try_again(self) -> None:
        self._daemon.loop.call_soon_threadsafe(self._daemon.applying.try_again)

    def role_of(self, user: str) -> str | None:
        found = self._daemon.people.named(user)
        return found.role if found else None

    def run_on(self, serial: str, words: Sequence[str], user: str, role: str) -> list[Any]:
        request = {"command": list(words), "role": role}
        return self._on_loop(routes.ask(self._daemon, serial, request, user))
