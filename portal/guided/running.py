"""Running command lines on a machine with a person's passphrase: once, in memory, never kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from django.utils import translation

from appliances.links import console
from appliances.links.calling import Target
from appliances.links.client import Passphrase
from appliances.links.console import Answer
from appliances.links.errors import LinkError
from clusters.phrases import phrase as _
from clusters.refusals import Refused
from portal.audit.log import Action, Outcome, record
from portal.guided.commands import Typed
from portal.hints import hint, jobs_of
from portal.jobs.rows import Job
from portal.phrases import words_of
from portal.tenants import ManagedCluster, Person, Tenant, account_of

MOST_LINES, LONGEST = 400, 500


Heard = Callable[[Typed, Answer], Awaitable[None]]


class CommandFailed(Refused):
    """The machine refused a command; the text is its own."""


@dataclass(frozen=True)
class Door:
    """A machine's SSH service, its host key as a person accepted it, and who logs in there."""

    address: str
    port: int
    host_key: str
    who: Passphrase

    def __str__(self) -> str:
        return f"{self.who.user}@{self.address}:{self.port}"


def ask(door: Door, commands: Iterable[Typed]) -> list[Answer]:
    """What the machine answers to each, whatever its exit code; raises LinkError."""
    return async_to_sync(_typed)(door, list(commands), _listen)


def run(job: Job, door: Door, commands: Sequence[Typed]) -> None:
    """Types one after the other, each with its answer in the job's log; the first that fails ends it.

    Raises LinkError, CommandFailed; the job has ended in any case.
    """

    def heard(command: Typed, answer: Answer) -> None:
        _say(job, command, answer)
        if answer.code:
            raise CommandFailed(answer.err.strip()[-1000:] or answer.out.strip()[-1000:] or command.text)

    job.say(_("Logged in as %(door)s") % {"door": door})
    try:
        async_to_sync(_typed)(door, list(commands), sync_to_async(heard))
    except (LinkError, CommandFailed) as error:
        job.end(Job.State.FAILED, words_of(error))
        raise
    finally:
        hint(jobs_of(job.tenant_id), "jobs")


async def _typed(door: Door, commands: Sequence[Typed], heard: Heard) -> list[Answer]:
    language = translation.get_language() or ""
    conn = await console.login(Target(door.address, door.port), door.who, door.host_key)
    answers = []
    try:
        for each in commands:
            answers.append(await console.run(conn, each.text, stdin=each.secret, language=language))
            await heard(each, answers[-1])
    finally:
        conn.close()
    return answers


async def _listen(command: Typed, answer: Answer) -> None:
    """Who asks reads all answers together."""


def _say(job: Job, command: Typed, answer: Answer) -> None:
    lines = [f"> {command.text}", *answer.out.splitlines(), *answer.err.splitlines()]
    for text in lines[:MOST_LINES]:
        job.say(text[:LONGEST])


@transaction.atomic
def job_of(
    tenant: Tenant,
    cluster: ManagedCluster | None,
    person: Person,
    command: str,
    outcome: Outcome = Outcome.DONE,
) -> Job:
    """A job for a guided run of one command line, taken already, with its row in the audit log."""
    by = account_of(person)
    job = Job.everything.create(tenant=tenant, cluster=cluster, kind="guided", started_by=by, total=1)
    job.claim()
    record(person, Action.MEMBERSHIP, cluster or tenant, tenant, outcome=outcome, command=command)
    return job
