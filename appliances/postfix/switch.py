"""The switch from one generation to the next: flip the link, load it, see that it answers, or go back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from appliances.postfix import processes
from appliances.postfix.canary import Conversation, NoAnswer, converse
from appliances.postfix.instance import TICK, Instance, InstanceError
from appliances.postfix.log import Position
from appliances.postfix.parts import Listener
from appliances.postfix.shadow import Trouble, said_goodbye, troubles
from appliances.postfix.store import Generation, Pending, Store

DEFAULT_MAXPROC = 100


@dataclass(slots=True)
class Switch:
    """The move of the link from one generation to the next, and back."""

    instance: Instance
    store: Store
    generation: Generation
    previous: int | None
    timeout: float
    checkpoint: Callable[[str], None]
    since: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        self.since = self.instance.log_end()

    def flip(self) -> None:
        """Make the link name the new generation; remembered on disk, so that a kill leaves a way on."""
        self.store.begin(Pending(self.previous, self.generation.number))
        self.checkpoint("begun")
        self.since = self.instance.log_end()
        self.store.point(self.generation.number)

    def take_force(self) -> tuple[str, ...]:
        """Load what the link names and see that it answers. Raises InstanceError, Trouble."""
        self.load()
        return self.confirm()

    def load(self) -> None:
        """Reload Postfix, or start it. Raises InstanceError."""
        if self.instance.running:
            self.instance.reload()
        else:
            self.instance.start()

    def confirm(self) -> tuple[str, ...]:
        """Talk to each listener, and see in the log that this generation answered; names the busy ones.

        Raises Trouble, PortTaken.
        """
        listeners = self.generation.listeners
        self.instance.check_ports([(one.address, one.port) for one in listeners])
        busy = tuple(one.name for one in listeners if not self._answers(one))
        self._complain()
        if not self.instance.running:
            raise Trouble("Postfix has ended")
        return busy

    def go_back(self) -> bool:
        """Restore what ran before; whether it runs. The refused generation is put aside."""
        try:
            if self.store.current != self.previous:
                self.store.point(self.previous)
            self.store.refuse(self.generation.number)
            if self.previous is None:
                self.instance.stop()
            else:
                self._restore(self.previous)
            self.store.end()
        except (InstanceError, Trouble, OSError):
            return False
        return True

    def _restore(self, number: int) -> None:
        """Load the generation before, and see that it answers."""
        generation = replace(self.generation, number=number, listeners=self.store.load(number).listeners)
        Switch(self.instance, self.store, generation, None, self.timeout, self.checkpoint).take_force()

    def _answers(self, one: Listener) -> bool:
        """Whether this generation took a conversation; False if the listener is busy. Raises Trouble."""
        deadline = time.monotonic() + self.timeout
        while True:
            doubt = self._doubt(one, deadline)
            if doubt is None:
                return True
            self._complain()
            if time.monotonic() > deadline:
                if processes.connections(one.address, one.port) >= (one.maxproc or DEFAULT_MAXPROC):
                    return False
                raise Trouble(f"listener {one.name} {doubt}", self._faults())
            time.sleep(TICK)

    def _doubt(self, one: Listener, deadline: float) -> str | None:
        """One conversation: None if this generation took it, else what is not (yet) as it should be."""
        left = max(0.1, deadline - time.monotonic())
        try:
            talk = converse(
                one.address, one.port, wrapped=one.wrapped, timeout=left, meanwhile=self._complain
            )
        except NoAnswer as error:
            return f"gives no answer: {error}"
        line = self._goodbye(one, talk)
        number = re.search(r" gf(\d+)/", line)
        if number and int(number[1]) == self.generation.number:
            if talk.complaint:
                raise Trouble(f"listener {one.name} answers {talk.complaint}", self._words_of(line))
            return None
        return f"is answered by {f'generation {number[1]}' if number else 'nobody that the log names'}"

    def _goodbye(self, one: Listener, talk: Conversation) -> str:
        """The line by which the daemon that talked to us ended; empty if it wrote none."""
        wanted = partial(said_goodbye, f"/{one.name}/smtpd[", talk.local_port)
        return self.instance.await_line(self.since, wanted, 1.0) or ""

    def _words_of(self, line: str) -> list[str]:
        """All that the daemon of a log line complained of."""
        tag = line.split("]: ")[0]
        return [other for other in troubles(self.instance.log_since(self.since)) if tag[16:] in other]

    def _complain(self) -> None:
        faults = self._faults()
        if faults:
            raise Trouble("Postfix complains", faults)

    def _faults(self) -> list[str]:
        """Lines by which daemons of this generation say that they cannot work.

        Warnings about clients are everyday life here; about settings they were looked for in the trial.
        """
        tag = f" gf{self.generation.number}/"
        return [
            line
            for line in troubles(self.instance.log_since(self.since))
            if tag in line and ": warning: " not in line
        ]
