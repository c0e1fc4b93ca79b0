"""Ends messages whose bounce profile allows less time than Postfix keeps them."""

from __future__ import annotations

from datetime import datetime

from appliances.features.sweeping import Lifetimes, expired
from appliances.postfix.log import Follower, Outcome
from appliances.postfix.queue import Queue


class Sweeper:
    """Remembers, from Postfix's log, by which listener the waiting messages came in."""

    def __init__(self, queue: Queue, log: Follower) -> None:
        self._queue = queue
        self._log = log
        self._listeners: dict[str, str] = {}

    def sweep(self, lives: Lifetimes, now: datetime) -> list[str]:
        """Return what is past its time at `now` to its senders; the queue ids. Raises QueueError."""
        waiting = self._queue.messages()
        self._remember({message.queue_id for message in waiting})
        late = expired(waiting, lives, now, self._listeners.get)
        if late:
            self._queue.expire(late)
        return late

    def _remember(self, waiting: set[str]) -> None:
        for event in self._log.events():
            if event.outcome is Outcome.ACCEPTED and event.queue_id and event.listener:
                self._listeners[event.queue_id] = event.listener
        self._listeners = {i: name for i, name in self._listeners.items() if i in waiting}
