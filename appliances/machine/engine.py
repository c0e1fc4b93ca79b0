"""The mail engine of a machine: Postfix with its generations, and our two services beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from appliances.features.limiting import PolicyRule
from appliances.features.listening import MILTER_SOCKET, POLICY_SOCKET
from appliances.features.rendering import Rendered, render
from appliances.machine import killpoints
from appliances.machine.certificate import kept_certificate
from appliances.machine.home import Home
from appliances.machine.lifetimes import Sweeper
from appliances.machine.status import PostfixStatus, Queue
from appliances.machine.suspension import Suspension
from appliances.machine.traffic import Traffic
from appliances.postfix.generations import Applied, Generations, Recovered
from appliances.postfix.instance import Instance
from appliances.postfix.log import Follower
from appliances.postfix.milter import Milter
from appliances.postfix.parts import Place
from appliances.postfix.policy import PolicyService
from appliances.postfix.queue import Queue as MailQueue


@dataclass(frozen=True)
class InForce:
    """Settings that mail sees now, and what a person should know of them."""

    applied: Applied
    flags: tuple[str, ...]


class Engine:
    """Blocking calls come from threads and exclude one another; `start` and `stop` from the loop."""

    def __init__(self, home: Home) -> None:
        self.place = Place(home.postfix)
        self.instance = Instance(self.place)
        self.generations = Generations(self.instance, checkpoint=self._passed)
        self.rule = PolicyRule()
        self.milter = Milter(self.place.spool / MILTER_SOCKET)
        self.policy = PolicyService(self.place.spool / POLICY_SOCKET, self.rule)
        self.mail_queue = MailQueue(self.instance)
        self.sweeper = Sweeper(self.mail_queue, Follower(self.place.maillog))
        self.traffic = Traffic(Follower(self.place.maillog))
        self.rendered: Rendered | None = None
        self._certificate = home.keys / "listener.pem"
        self._suspended = home.path / "suspended.json"
        self.suspension = Suspension.load(self._suspended)
        self.restarts = 0
        self._lock = threading.Lock()
        # Not `_lock`, which is held while Postfix takes new settings: a person would wait for that twice.
        self._suspending = threading.Lock()
        self._coming: Rendered | None = None

    async def start(self) -> None:
        """Opens the sockets of milter and policy service; raises OSError."""
        await self.milter.start()
        await self.policy.start()

    async def stop(self) -> None:
        """Closes them."""
        await self.milter.stop()
        await self.policy.stop()

    def recover(self) -> Recovered:
        """Puts in order what a kill left half done; needs to be called first."""
        with self._lock:
            self.instance.prepare()
            return self.generations.recover()

    def put_in_force(self, documents: Mapping[str, Any]) -> InForce:
        """Makes mail follow these settings, or changes nothing.

        Raises ApplyRefused, InvalidDocument for what a feature refuses, and OSError for a certificate that
        cannot be kept.
        """
        hostname = str(documents["sethostname"]["hostname"])
        certificate = kept_certificate(self._certificate, hostname)
        rendered = render(self.suspension.open_documents(documents), certificate)
        self.suspension.hold_back(rendered.configuration)
        with self._lock:
            before, self._coming = self.rendered, rendered
            try:
                applied = self.generations.apply(rendered.configuration)
            except BaseException:
                self._take_rules(before)
                raise
            self._take_rules(rendered)
        return InForce(applied, tuple(f"{f.feature}: {f.message}" for f in rendered.red_flags))

    def suspend(self, change: Callable[[Suspension], Suspension]) -> None:
        """Changes what is suspended; the next settings brought into force follow it. Raises OSError.

        `change` is made to what others have left, also in the same moment (TRL-09).
        """
        with self._suspending:
            wanted = change(self.suspension)
            wanted.save(self._suspended)
            self.suspension = wanted

    def supervise(self) -> bool:
        """Starts Postfix again if it has died; whether that was needed. Raises InstanceError."""
        with self._lock:
            if self.generations.current is None or not self.instance.supervise():
                return False
            self.restarts += 1
            return True

    def sweep(self) -> list[str]:
        """Ends messages past the time of their bounce profile; their queue ids. Raises QueueError."""
        with self._lock:
            if self.rendered is None or not self.rendered.lifetimes.needs_sweeping:
                return []
            return self.sweeper.sweep(self.rendered.lifetimes, datetime.now(UTC))

    def shut_down(self) -> None:
        """Stops Postfix. Raises InstanceError."""
        with self._lock:
            self.instance.stop()

    def postfix_status(self) -> PostfixStatus:
        """From the process table."""
        found = self.instance.status()
        since = None if found.since is None else int(found.since * 1000)
        return PostfixStatus(running=found.running, since=since, restarts=self.restarts)

    def queue(self) -> Queue:
        """Messages in the queue's directories."""
        return Queue.model_validate(self.mail_queue.counts())

    def _take_rules(self, rendered: Rendered | None) -> None:
        """Milter and policy service change together with the generation."""
        if rendered is not None:
            self.milter.hook, self.rule.rules = rendered.milter_rules, rendered.policy_rules
        self.rendered = rendered

    def _passed(self, step: str) -> None:
        killpoints.passed(step)
        if step == "flipped":
            self._take_rules(self._coming)
