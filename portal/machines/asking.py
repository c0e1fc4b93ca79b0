"""Pages ask machines: in whose name, and what is known of each answer (GUI-03)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from appliances.following import questions
from appliances.following.freshness import Seen, why_late, worker_lives
from appliances.following.questions import Question
from appliances.models import Connection
from portal.place import Place
from portal.tenants import Role

MACHINE_ROLES = {
    Role.ADMINISTRATOR: "administrator",
    Role.OPERATOR: "operator",
    Role.APPROVER: "readonly",
    Role.READONLY: "readonly",
    Role.GUEST: "guest",
}
"""What a member of a tenant is to a machine of it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one machine answered last to a question; `trouble` says why there is no fresh answer."""

    machine: Seen
    answer: Question | None
    waits: bool
    trouble: str

    @property
    def serial(self) -> str:
        return self.machine.status.serial

    @property
    def name(self) -> str:
        return self.machine.status.name or self.serial

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object that it answered; empty where there is none."""
        found = self.answer.value if self.answer else None
        return found if isinstance(found, dict) else {}

    @property
    def as_of(self) -> datetime | None:
        """When it answered."""
        return self.answer.answered if self.answer and self.value else None


def reachable(machine: Seen) -> bool:
    """Whether asking makes sense; a disconnected machine is asked by an errand."""
    return machine.connection is not Connection.DOWN


def ask(place: Place, machines: Iterable[Seen], words: Sequence[str]) -> None:
    """Ask these machines in the name of the person; who was asked just now is not asked again."""
    serials = [machine.status.serial for machine in machines if reachable(machine)]
    role = MACHINE_ROLES[place.role]
    questions.ask(place.replica_id, serials, words, user=place.user, role=role)


def heard(place: Place, machines: Iterable[Seen], words: Sequence[str]) -> list[Heard]:
    """What each machine answered last to these words; two queries."""
    now = timezone.now()
    alive = worker_lives(now)
    known = questions.latest(place.replica_id, words, MACHINE_ROLES[place.role])
    return [_heard(machine, known.get(machine.status.serial, []), now, alive) for machine in machines]


def _heard(machine: Seen, asked: list[Question], now: datetime, alive: bool) -> Heard:
    if not reachable(machine):
        return Heard(machine, asked[-1] if asked else None, False, machine.reason)
    if not asked:
        return Heard(machine, None, False, "")
    last, answered = asked[0], asked[-1]
    trouble = why_late(last, now, alive=alive) or answered.error
    return Heard(machine, None if answered.waits else answered, last.waits and not trouble, trouble)
