"""Self-return: a machine that a change of its interfaces or name has cut off goes back by itself (design, 7).

Settings through which nobody has come yet are on trial. A login through a door that they have, or a link that
answers once the old doors are shut, proves them; without either for the confirm window the machine commits
what it had, says so, and leaves it at that until a person changes these settings again. What is proven and
what is on trial stands in `ground.json` before the doors move, so that a kill at any moment loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.utils.translation import gettext

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import Door
from appliances.features.sethostname import FEATURE as SETHOSTNAME
from appliances.links.errors import LinkError
from appliances.machine.home import HomeTrouble, read_json, replace_json
from appliances.machine.services import PARTING
from appliances.machine.status import Trouble, now
from appliances.machine.threads import in_thread
from clusters import commits, replicas
from clusters.catalogue import Document, InvalidDocument
from clusters.modes import machine
from clusters.refusals import refusals_and
from clusters.replication import StaleDraft
from clusters.versions import Address, Authorship, Change, settings_at

if TYPE_CHECKING:
    from appliances.links.link import Link
    from appliances.machine.daemon import Daemon
    from appliances.machine.view import View

logger = logging.getLogger(__name__)

WINDOW = 600.0
"""Seconds in which somebody has to come through; a person who walks to another desk needs some minutes."""
LEAST = 0.1
"""The part of the window that is left at least after a restart: links need a moment to come."""
SETTLE = PARTING + 0.5
"""Seconds until links over a closed door have ended; before that no link proves anything."""
ALERT = "returned"
EVERYWHERE = ("0.0.0.0", "::")
"""Interfaces that answer at every address."""
FEATURES = (INTERFACECONFIG.name, SETHOSTNAME.name)


@dataclass(frozen=True)
class Ground:
    """What the machine itself defines of how it is reached: its interfaces and its name, None for nothing."""

    interfaceconfig: Document | None = None
    sethostname: Document | None = None

    @classmethod
    def of(cls, view: View) -> Ground:
        """As it holds now."""
        mode = machine(view.serial)
        found = {name: view.state.defined(mode, name) for name in FEATURES}
        return cls(**{name: defined.value if defined else None for name, defined in found.items()})

    @property
    def doors(self) -> set[Door]:
        """Where people and members come in."""
        document = self.interfaceconfig
        try:
            settings = INTERFACECONFIG.read(INTERFACECONFIG.factory_default if document is None else document)
        except InvalidDocument:
            # Another release has written it, and nobody can go back to it.
            return set()
        return settings.doors


@dataclass(frozen=True)
class Trial:
    """Settings that nobody has proven yet, in milliseconds since 1970 UTC."""

    ground: Ground
    since: int
    until: int


@dataclass(frozen=True)
class Kept:
    """What stands on disk. `returned` says that and why the machine went back; None once that is settled."""

    proven: Ground
    trial: Trial | None = None
    returned: Trouble | None = None

    def to_json(self) -> dict[str, Any]:
        returned = self.returned and self.returned.model_dump()
        return {
            "proven": asdict(self.proven),
            "trial": self.trial and asdict(self.trial),
            "returned": returned,
        }

    @classmethod
    def of_json(cls, raw: dict[str, Any]) -> Kept:
        """Raises KeyError, TypeError and ValueError for what is none."""
        trial, returned = raw["trial"], raw["returned"]
        return cls(
            Ground(**raw["proven"]),
            trial and Trial(**{**trial, "ground": Ground(**trial["ground"])}),
            returned and Trouble(**returned),
        )


class SelfReturn:
    """The trial of this machine, kept in `path`; `window` in seconds. Used on the event loop."""

    def __init__(self, path: Path, window: float) -> None:
        self.window = window
        self._path = path
        self.kept = _again(_loaded(path), window)

    @property
    def trial(self) -> Trial | None:
        """What is on trial now."""
        return self.kept.trial if self.kept else None

    @property
    def returned(self) -> Trouble | None:
        """Why the machine went back, until a person changes these settings."""
        return self.kept.returned if self.kept else None

    def notes(self) -> Iterator[str]:
        """For the status."""
        if self.trial is not None:
            by = _time(self.trial.until)
            yield (
                f"New interfaces or a new name are on trial: without a login or a link by {by} the machine"
                " goes back to what it had."
            )
        if self.returned is not None:
            yield self.returned.text

    def look(self, view: View) -> None:
        """Begins, keeps or ends a trial as the settings are now. Blocks."""
        held = self.kept or Kept(Ground.of(view))
        found = self._judged(held, Ground.of(view), view)
        if found != self.kept:
            self._keep(found)

    def _judged(self, held: Kept, ground: Ground, view: View) -> Kept:
        if ground == held.proven:
            return replace(held, trial=None)
        if held.trial is not None and held.trial.ground == ground:
            return held
        if not at_stake(held.proven, ground, view):
            return Kept(ground)
        begun = now()
        return Kept(held.proven, Trial(ground, begun, begun + int(self.window * 1000)))

    def _keep(self, kept: Kept) -> None:
        self.kept = kept
        try:
            replace_json(self._path, kept.to_json())
        except OSError as error:
            # It goes on without; only a kill before the next change would forget it.
            logger.error("cannot keep which interfaces and name are proven: %s", error)

    async def check(self, daemon: Daemon) -> None:
        """Ends a trial that is proven, or over."""
        trial = self.trial
        if self.kept is None or trial is None:
            return
        if has_logged_in(daemon, trial) or await is_linked(daemon, trial):
            self._prove(trial, all_open=not daemon.services.notes)
            daemon.status_changed()
        elif now() >= trial.until:
            await self.go_back(daemon)

    def _prove(self, trial: Trial, *, all_open: bool) -> None:
        if all_open:
            logger.info("somebody came through: the new interfaces and name stay")
            self._keep(Kept(trial.ground))
        else:
            # Old doors stand open while a new one cannot be had; a restart would leave the new ones alone.
            self._put_off(trial)

    def _put_off(self, trial: Trial) -> None:
        assert self.kept is not None
        until = now() + int(self.window * 1000)
        self._keep(replace(self.kept, trial=replace(trial, until=until)))

    async def go_back(self, daemon: Daemon) -> None:
        """Commits what was proven last. What cannot be committed is tried again after another window."""
        kept, trial = self.kept, self.trial
        assert kept is not None
        assert trial is not None
        text = await in_thread(_why, daemon.view, trial, self.window)
        # Before the commit: a kill between the two returns once more, and says it.
        self._keep(replace(kept, returned=Trouble(text=text, since=now())))
        logger.warning("%s", text)
        try:
            await in_thread(_commit, daemon.view, kept.proven)
        except refusals_and(StaleDraft, DatabaseError) as error:
            logger.error("cannot go back to the former interfaces and name: %s", error)
            self._put_off(trial)


def at_stake(proven: Ground, ground: Ground, view: View) -> bool:
    """Whether somebody may find the machine no more: a door is closed, or its name leads others to it."""
    if proven.doors - ground.doors:
        return True
    member = view.member
    if member is None or member.disconnected or view.state.by_address:
        return False
    return proven.sethostname != ground.sethostname and len(view.state.machines) > 1


def has_logged_in(daemon: Daemon, trial: Trial) -> bool:
    """Whether a person has come since, through a door that stays."""
    logins = [login for login in daemon.sessions.all() if login.since >= trial.since]
    doors = trial.ground.doors
    return any(_is_among(doors, login.door) for login in logins)


async def is_linked(daemon: Daemon, trial: Trial) -> bool:
    """Whether a peer answers over a link that has outlived the old doors."""
    if now() < trial.since + int(SETTLE * 1000):
        return False
    # Links are quiet between two pings, and may be dead for as long: each is asked.
    return any(await asyncio.gather(*(_answers(link, daemon.home.serial) for link in daemon.table.links())))


async def _answers(link: Link, serial: str) -> bool:
    try:
        await link.opinion(serial)
    except (LinkError, TimeoutError):
        return False
    return True


def _is_among(doors: set[Door], door: tuple[str, int]) -> bool:
    """Whether a login came through one of these, and not through one that is about to be shut."""
    address, port = door
    return any(port == known and ip in (address, *EVERYWHERE) for _service, ip, known in doors)


def _loaded(path: Path) -> Kept | None:
    try:
        raw = read_json(path)
        return None if raw is None else Kept.of_json(raw)
    except (HomeTrouble, KeyError, TypeError, ValueError) as error:
        # The settings of now are taken as proven: a damaged file must not change any.
        logger.error("%s cannot be read, and is written anew: %s", path, error)
        return None


def _again(kept: Kept | None, window: float) -> Kept | None:
    """After a restart: the time that was left goes on, and a little of it is there in any case."""
    if kept is None or kept.trial is None:
        return kept
    at, whole = now(), int(window * 1000)
    until = min(max(kept.trial.until, at + int(whole * LEAST)), at + whole)
    return replace(kept, trial=replace(kept.trial, until=until))


def _why(view: View, trial: Trial, window: float) -> str:
    by = _latest(view)
    whose = f" by {by.user} on {by.host} (commit {by.id})" if by else ""
    return (
        f"This machine went back to its former interfaces and name at {_time(now())}: within {window:g} s"
        f" after the change of {_time(trial.since)}{whose} nobody had logged in and no link was there. It"
        " tries nothing again by itself: commit interfaces or a name that can be reached."
    )


def _latest(view: View) -> Authorship | None:
    """Who made the latest change of what is on trial."""
    found = [view.state.entries.get(address) for address in _addresses(view)]
    made = [defined.by for defined in found if defined is not None and defined.by is not None]
    return max(made, key=lambda by: by.time, default=None)


def _commit(view: View, proven: Ground) -> None:
    heads = replicas.heads(view.replica_id, _addresses(view))
    changes = [
        Change(address, value, heads[address][0].id if address in heads else None)
        for address, value in zip(_addresses(view), (proven.interfaceconfig, proven.sethostname), strict=True)
        if value != (heads[address][0].value if address in heads else None)
    ]
    comment = gettext("Back to the interfaces and the name of before: nobody had come through")
    commits.commit_changes(view.replica_id, changes, user=view.name, host=view.name, comment=comment)


def _addresses(view: View) -> list[Address]:
    return [settings_at(machine(view.serial), name) for name in FEATURES]


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
