"""A worker puts questions to machines, many at a time, and keeps what each says as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from django.db import close_old_connections
from django.dispatch import Signal
from django.utils import timezone

from appliances.following.calling import call
from appliances.following.questions import Question
from appliances.following.worker import Follower, Following, follower
from appliances.links.errors import LinkError
from appliances.machine.threads import in_thread

answered = Signal()
"""Sent when a machine has answered, with `replica_id`."""

AT_ONCE = 32
"""Machines that are asked at the same time."""
PATIENCE = 30.0
LONGEST = 4_000_000
"""Characters of an answer that are kept."""


def answer(numbers: Sequence[int]) -> None:
    """Put these questions to their machines. A second courier finds them taken and asks nobody."""
    now = timezone.now()
    mine = list(Question.objects.filter(pk__in=numbers, taken=None))
    taken = [q for q in mine if Question.objects.filter(pk=q.pk, taken=None).update(taken=now)]
    if taken:
        work = _answer_all(follower(), taken)
        follower().submit(work).result(PATIENCE * (2 + len(taken) // AT_ONCE))


async def _answer_all(links: Follower, questions: Sequence[Question]) -> None:
    room = asyncio.Semaphore(AT_ONCE)
    followed = {
        replica_id: await links.follow(replica_id) for replica_id in {q.replica_id for q in questions}
    }

    async def one(question: Question) -> None:
        async with room:
            await in_thread(_keep, question, await _told(followed[question.replica_id], question))

    await asyncio.gather(*map(one, questions))


async def _told(found: Following, question: Question) -> dict[str, Any]:
    try:
        said = await call(
            found, question.serial, question.words, user=question.user, role=question.role, patience=PATIENCE
        )
    except LinkError as error:
        return {"error": str(error)[:2000]}
    if len(said.text) > LONGEST:
        return {"code": said.code, "error": f"the answer is longer than {LONGEST} characters; ask for less"}
    return {"code": said.code, "said": said.text, "error": said.trouble[:2000]}


def _keep(question: Question, told: dict[str, Any]) -> None:
    close_old_connections()
    Question.objects.filter(pk=question.pk).update(answered=timezone.now(), **told)
    answered.send(sender=Question, replica_id=question.replica_id)
