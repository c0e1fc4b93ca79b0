"""The life of new settings: write, validate, try out, switch, reload, confirm, or go back.

Mail never stops: until the switch the old generation runs untouched, and any fault after it switches back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from appliances.postfix import processes
from appliances.postfix.configuration import Configuration
from appliances.postfix.instance import Instance, InstanceError
from appliances.postfix.parts import ConfigurationError, complaints
from appliances.postfix.shadow import Trouble, end_trial, try_out
from appliances.postfix.store import KEEP, Generation, Pending, Store
from appliances.postfix.switch import Switch
from clusters.system_words import cause

POSTCONF, POSTMAP = "/usr/sbin/postconf", "/usr/sbin/postmap"


class Step(StrEnum):
    """The steps of `Generations.apply`, in order; REVERT and RECOVER come only after a fault."""

    PORTS = "ports"
    WRITE = "write"
    VALIDATE = "validate"
    SHADOW = "shadow"
    FLIP = "flip"
    RELOAD = "reload"
    CONFIRM = "confirm"
    REVERT = "revert"


class ApplyRefused(RuntimeError):
    """New settings were not taken; what ran before runs on.

    `step` failed, `reason` says why in plain words, `lines` are Postfix's own. `reverted` is False when even
    the way back failed, and then mail may stand still.
    """

    def __init__(self, step: Step, reason: str, lines: Sequence[str] = (), *, reverted: bool = True) -> None:
        self.step = step
        self.reason = reason
        self.lines = tuple(lines)
        self.reverted = reverted
        super().__init__(f"{step}: {reason}" + "".join(f"\n  {line}" for line in lines))

    @property
    def detail(self) -> str:
        """Postfix's own words, one line each."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Applied:
    """Settings that mail sees. `digest` is Configuration.digest(); `seconds` the time of each step.

    `busy` names listeners that took the connection but had all their processes at work; `unchanged` says
    that these settings ran already and nothing was done.
    """

    generation: int
    digest: str
    seconds: dict[str, float] = field(default_factory=dict)
    busy: tuple[str, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` found. `generation` is what is in force (None: nothing yet)."""

    generation: int | None
    discarded: int | None = None
    completed: int | None = None
    note: str = ""


def nothing(step: str) -> None:
    """The checkpoint that does nothing."""


class Generations:
    """Changes the settings of one instance, one generation after the other.

    `checkpoint` is called with written, validated, shadowed, begun, flipped, reloaded, confirmed as each is
    reached. `timeout` (seconds) bounds each conversation with a listener.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        shadow: bool = True,
        keep: int = KEEP,
        timeout: float = 10.0,
        checkpoint: Callable[[str], None] = nothing,
    ) -> None:
        self.instance = instance
        self.store = Store(instance.place, keep=keep)
        self.shadow = shadow
        self.timeout = timeout
        self.checkpoint = checkpoint

    @property
    def current(self) -> Generation | None:
        """The generation in force, None before the first."""
        number = self.store.current
        if number is None or not self.store.directory(number).is_dir():
            return None
        try:
            return self.store.load(number)
        except (OSError, ValueError, KeyError, TypeError):
            # It runs, but does not say what it is: the next settings replace it.
            return Generation(number, "", 0.0, ())

    def apply(self, configuration: Configuration, *, shadow: bool | None = None) -> Applied:
        """Put settings in force; starts Postfix if it does not run. `shadow` overrides the default.

        Raises ApplyRefused: then what ran before runs on.
        """
        with self.store.locked():
            self._settle()
            return _Application(self, configuration, self.shadow if shadow is None else shadow).run()

    def recover(self) -> Recovered:
        """Bring order after a kill: finish or undo a switch, remove what is half-written.

        Starts Postfix only where a switch was under way. Call it once before the first `apply`.
        """
        with self.store.locked():
            recovered = self._settle()
            end_trial(self.instance.place)
            return recovered

    def _settle(self) -> Recovered:
        pending = self.store.pending
        recovered = Recovered(self.store.current)
        if pending is not None:
            recovered = self._finish(pending)
        self.store.tidy()
        return recovered

    def _finish(self, pending: Pending) -> Recovered:
        """End a switch that a kill interrupted."""
        if self.store.current != pending.number:
            self.store.refuse(pending.number)
            self.store.end()
            return Recovered(self.store.current, discarded=pending.number, note="the switch had not begun")
        switch = self.switch_to(self.store.load(pending.number), pending.previous)
        try:
            switch.take_force()
        except (Trouble, InstanceError) as error:
            switch.go_back()
            return Recovered(pending.previous, discarded=pending.number, note=str(error))
        self.store.end()
        return Recovered(pending.number, completed=pending.number)

    def switch_to(self, generation: Generation, previous: int | None) -> Switch:
        """A switch that has not begun yet."""
        return Switch(self.instance, self.store, generation, previous, self.timeout, self.checkpoint)


class _Application:
    """One run of `Generations.apply`."""

    def __init__(self, generations: Generations, configuration: Configuration, shadow: bool) -> None:
        self.generations = generations
        self.instance = generations.instance
        self.store = generations.store
        self.configuration = configuration
        self.shadow = shadow
        self.seconds: dict[str, float] = {}

    def run(self) -> Applied:
        current = self.generations.current
        if current and current.digest == self.configuration.digest() and self.instance.running:
            return Applied(current.number, current.digest, unchanged=True)
        with self._step(Step.PORTS):
            self._check_ports()
        with self._step(Step.WRITE):
            self.instance.prepare()
            generation = self.store.write(self.configuration)
        self.generations.checkpoint("written")
        try:
            self._prove(generation)
        except BaseException:
            self.store.refuse(generation.number)
            raise
        busy = self._switch(generation, current)
        self.store.end()
        self.store.tidy()
        self.generations.checkpoint("confirmed")
        return Applied(generation.number, generation.digest, self.seconds, busy)

    def _check_ports(self) -> None:
        for one in self.configuration.listeners:
            if not processes.is_local(one.address):
                raise Trouble(f"listener {one.name}: this machine has no address {one.address}")
        self.instance.check_ports([(one.address, one.port) for one in self.configuration.listeners])

    def _prove(self, generation: Generation) -> None:
        with self._step(Step.VALIDATE):
            self._validate(generation.number)
        self.generations.checkpoint("validated")
        if self.shadow:
            with self._step(Step.SHADOW):
                try_out(self.configuration, self.instance.place, generation.number, self.generations.timeout)
        self.generations.checkpoint("shadowed")

    def _validate(self, number: int) -> None:
        """What Postfix's own readers say of main.cf, master.cf and the tables with patterns."""
        directory = str(self.store.directory(number))
        for arguments in (("-n",), ("-M",)):
            self._silent(POSTCONF, "-c", directory, *arguments)
        for table in self.configuration.tables:
            if table.kind in ("pcre", "cidr"):
                probe = "192.0.2.1" if table.kind == "cidr" else "probe"
                self._silent(
                    POSTMAP, "-c", directory, "-q", probe, f"{table.kind}:{directory}/maps/{table.name}"
                )

    def _silent(self, *arguments: str) -> None:
        done = self.instance.run(*arguments)
        if lines := complaints(done.stderr):
            raise Trouble("Postfix cannot read the settings", lines)

    def _switch(self, generation: Generation, current: Generation | None) -> tuple[str, ...]:
        switch = self.generations.switch_to(generation, current.number if current else None)
        try:
            with self._step(Step.FLIP):
                switch.flip()
            self.generations.checkpoint("flipped")
            with self._step(Step.RELOAD):
                switch.load()
            self.generations.checkpoint("reloaded")
            with self._step(Step.CONFIRM):
                return switch.confirm()
        except ApplyRefused as refusal:
            with self._step(Step.REVERT):
                refusal.reverted = switch.go_back()
            raise

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        """Takes the time of a step and turns its faults into refusals."""
        began = time.monotonic()
        try:
            yield
        except (Trouble, InstanceError) as error:
            raise ApplyRefused(step, str(error), error.lines) from error
        except ConfigurationError as error:
            raise ApplyRefused(step, str(error)) from error
        except OSError as error:
            raise ApplyRefused(step, cause(error)) from error
        finally:
            self.seconds[step] = time.monotonic() - began
