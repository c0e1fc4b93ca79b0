"""What is suspended on a machine by several people at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from appliances.cli.session import Session
from appliances.machine.suspension import Suspension
from tests.appliances.cli.hosts import Interrupted, Person, QuietHost


@dataclass
class Suspending(QuietHost):
    """A host on which listeners can be suspended, of which there are two."""

    engine: Any = field(default_factory=lambda: SimpleNamespace(suspension=Suspension()))

    def suspend(self, change: Callable[[Suspension], Suspension]) -> None:
        self.engine.suspension = change(self.engine.suspension)


def test_what_another_person_suspends_during_a_question_stays_suspended(standalone: QuietHost) -> None:
    """TRL-09."""
    host = Suspending(standalone.replica_id, roles={"admin": "administrator"})
    other = Person.at(host, interactive=False)
    for name, port in (("In", 2525), ("Out", 2526)):
        added = f"listenerconfig add {name} interface=Management port={port}"
        assert other.types(added) == 0, other.warned
    assert other.types("commit -m listeners") == 0
    dialogue = Interrupted(interactive=True, happens=lambda: other.types("suspendlistener Out"))
    person = Person(Session.begun("admin", "administrator", host, dialogue), dialogue)

    assert person.types("suspendlistener", "1") == 0, person.warned

    assert host.engine.suspension.listeners == {"In", "Out"}
