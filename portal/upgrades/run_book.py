"""Upgrades of a cluster as a run-book: what can be had, who is ready, in which order; UPG-01 to UPG-10."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from django.utils.translation import gettext as _

from appliances.following.freshness import Enforcement
from appliances.machine.release import release as own_release
from appliances.models import Connection, MachineStatus
from appliances.releases.artifact import Offer, ReleaseError, number
from clusters.refusals import Refused
from clusters.system_words import reason
from portal.jobs.rows import Job, JobPart, start
from portal.machines import asking
from portal.machines.asking import Heard
from portal.machines.seen import machines_seen
from portal.place import Place
from portal.tenants import Right
from portal.upgrades import releases

WORDS = ("upgrade", "check", "--json")
KINDS = ("upgrade", "revert", "reconnect")
RUN_BOOKS = ("upgrade", "revert")
MANY_WAIT = 100
"""Messages in a queue above which draining takes long."""


class NotNow(Refused):
    """The run-book cannot begin as it was asked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the pre-flight list; `blocks`: the machine cannot be upgraded like that."""

    text: str
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Which machines go in which order; those that it does not name come behind, and take part."""

    order: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()

    def leaving(self, serials: Iterable[str]) -> Plan:
        """Without these machines."""
        return replace(self, left_out=self.left_out.union(serials))

    def taking(self, serials: Iterable[str]) -> Plan:
        """With these machines again."""
        return replace(self, left_out=self.left_out.difference(serials))


EVERYBODY = Plan()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One machine before an upgrade: what it runs, what it can get, and what stands in the way.

    `turn` is when it goes, from 1; None for one that is left out.
    """

    heard: Heard
    findings: list[Finding]
    turn: int | None

    @property
    def release(self) -> str:
        """What it runs, as it said last: in its answer, or in a status since."""
        status, answered = self.heard.machine.status, self.heard.as_of
        if answered and not (status.heard and status.release and status.heard > answered):
            return str(self.heard.value.get("release") or status.release)
        return status.release

    @property
    def previous(self) -> str | None:
        """The release to which it can go back; empty for the one of its set-up."""
        return self.heard.value.get("previous")

    @property
    def may_revert(self) -> bool:
        return self.previous is not None and bool(self.heard.value)

    @property
    def apart(self) -> bool:
        """Whether it is disconnected; a portal of another release has it from the machine alone."""
        return _apart(self.heard)

    @property
    def ready(self) -> bool:
        return not any(finding.blocks for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Book:
    """The run-book as it would be: machines in their order, releases to choose from, jobs that go on."""

    candidates: list[Candidate]
    offers: list[Offer]
    trouble: str
    wanted: str
    active: Job | None
    last: Job | None

    @property
    def running(self) -> list[str]:
        """The releases that machines of the cluster run; more than one is drift (UPG-01)."""
        return sorted({c.release for c in self.candidates if c.release}, key=_by_number, reverse=True)

    @property
    def drifts(self) -> bool:
        return len(self.running) > 1

    @property
    def may_reconnect(self) -> list[str]:
        """The machines that were left disconnected though they run what all connected ones run (UPG-08)."""
        releases = {c.release for c in self.candidates if not c.apart}
        left = [c.heard.serial for c in self.candidates if c.apart and {c.release} == releases]
        return left if not self.active else []

    @property
    def waits(self) -> bool:
        return any(candidate.heard.waits for candidate in self.candidates)

    @property
    def chosen(self) -> list[Candidate]:
        """The machines that take part, on all pages, in their order."""
        return [candidate for candidate in self.candidates if candidate.turn]

    @property
    def left_out(self) -> int:
        """How many machines do not take part."""
        return len(self.candidates) - len(self.chosen)

    @property
    def blocked(self) -> list[str]:
        """The names of those that take part and are not ready."""
        return [candidate.heard.name for candidate in self.chosen if not candidate.ready]

    @property
    def ready(self) -> bool:
        """Whether the run may begin."""
        return bool(self.wanted and self.chosen) and not (self.active or self.blocked or self.upgraded)

    @property
    def upgraded(self) -> bool:
        """Whether all that take part run the release already."""
        return bool(self.chosen) and all(candidate.release == self.wanted for candidate in self.chosen)

    def moved(self, serial: str, step: int) -> tuple[str, ...]:
        """All machines in their order, once that one has gone so many turns later, or earlier."""
        order = [candidate.heard.serial for candidate in self.candidates]
        turns = [candidate.heard.serial for candidate in self.chosen]
        if serial in turns:
            to = min(max(turns.index(serial) + step, 0), len(turns) - 1)
            at, other = order.index(serial), order.index(turns[to])
            order[at], order[other] = order[other], order[at]
        return tuple(order)


def _by_number(release: str) -> Any:
    try:
        return number(release)
    except ReleaseError:
        return number("0")


def ask(place: Place) -> None:
    """Ask every machine how ready it is; guests ask nobody."""
    if place.may(Right.SEE_SETTINGS):
        asking.ask(place, machines_seen(place), WORDS)


def book(place: Place, wanted: str = "", plan: Plan = EVERYBODY) -> Book:
    """The run-book to that release (the newest, if it is not said) as planned."""
    offers, trouble = _offers()
    wanted = (
        wanted if wanted in {offer.release for offer in offers} else (offers[0].release if offers else "")
    )
    place_in = {serial: place_ for place_, serial in enumerate(plan.order)}
    heard = asking.heard(place, machines_seen(place), WORDS)
    heard.sort(key=lambda h: place_in.get(h.serial, len(place_in)))
    turns = count(1)
    candidates = [
        Candidate(each, list(_findings(each, wanted)), None if each.serial in plan.left_out else next(turns))
        for each in heard
    ]
    jobs = Job.objects.of(place.cluster.tenant).filter(cluster=place.cluster, kind__in=KINDS)
    last = jobs.filter(kind__in=RUN_BOOKS).order_by("-pk").first()
    return Book(candidates, offers, trouble, wanted, _active(jobs), last)


def _active(jobs: Any) -> Job | None:
    found: Job | None = jobs.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).first()
    return found


def _offers() -> tuple[list[Offer], str]:
    try:
        return releases.offers(), ""
    except ReleaseError as error:
        return [], str(error)
    except OSError as error:
        return [], _(reason(error))


def _findings(heard: Heard, wanted: str) -> Iterable[Finding]:
    """The pre-flight list of one machine (UPG-10), what blocks first."""
    machine, told = heard.machine, heard.value
    if machine.connection is Connection.DOWN or heard.trouble:
        yield Finding(
            _("It cannot be asked: %(why)s") % {"why": heard.trouble or machine.reason}, blocks=True
        )
    elif machine.connection is Connection.UNKNOWN and (heard.waits or not told):
        yield Finding(_("The portal has no fresh news of it."), blocks=True)
    elif _apart(heard):
        yield Finding(_("It is disconnected, and hears of no changes until it is reconnected."))
    elif _foreign(heard):
        text = _(
            "It runs another release than this portal (%(release)s), which follows it again "
            "once both run the same."
        )
        yield Finding(text % {"release": own_release()})
    elif machine.connection is not Connection.CONNECTED:
        yield Finding(
            _("It is not connected with the portal: %(state)s.") % {"state": machine.connection.label}
        )
    offers = told.get("offers")
    if wanted and isinstance(offers, list) and wanted not in offers and told.get("release") != wanted:
        text = _("It finds no release %(release)s where it looks: start it with --releases of this portal.")
        yield Finding(text % {"release": wanted}, blocks=True)
    problems = told.get("problems")
    yield from (Finding(str(text)) for text in (problems if isinstance(problems, list) else ()))
    if machine.enforcement is not Enforcement.ENFORCED and machine.connection is Connection.CONNECTED:
        yield Finding(_("It does not run the wanted settings."))
    if (machine.status.queue or 0) > MANY_WAIT:
        yield Finding(_("%(n)d messages wait in its queue.") % {"n": machine.status.queue})


def _apart(heard: Heard) -> bool:
    connection = heard.machine.connection
    told = connection is not Connection.CONNECTED and bool(heard.value.get("disconnected"))
    return told if _foreign(heard) else told or connection is Connection.DISCONNECTED


def _foreign(heard: Heard) -> bool:
    """Whether it runs another release: then this portal hears of it only what it answers (UPG-08)."""
    return heard.value.get("release", own_release()) != own_release()


def left_apart(job: Job) -> set[str]:
    """The machines on which a job has failed and that the cluster has as disconnected."""
    if job.cluster is None or job.kind not in KINDS or not job.over:
        return set()
    failed = job.parts.filter(state=JobPart.State.FAILED).values("serial")
    rows = MachineStatus.objects.filter(replica=job.cluster.replica_id, serial__in=failed)
    return set(rows.filter(connection=Connection.DISCONNECTED).values_list("serial", flat=True))


def begin(place: Place, person: Any, release: str, serials: Sequence[str]) -> Job:
    """Start the run-book over these machines in this order; raises NotNow."""
    found = book(place, release)
    if found.active:
        raise NotNow(_("Job #%(number)d works on this cluster already.") % {"number": found.active.pk})
    if release != found.wanted:
        raise NotNow(_("This portal offers no release %(release)s.") % {"release": release})
    known = {candidate.heard.serial: candidate for candidate in found.candidates}
    if not serials or len(set(serials)) != len(serials) or any(serial not in known for serial in serials):
        raise NotNow(_("Choose machines of this cluster."))
    if all(known[serial].release == release for serial in serials):
        raise NotNow(_("All of them run %(release)s already.") % {"release": release})
    if blocked := [known[serial].heard.name for serial in serials if not known[serial].ready]:
        raise NotNow(_("Not ready: %(names)s.") % {"names": ", ".join(blocked)})
    machines = [(serial, known[serial].heard.name) for serial in serials]
    return start("upgrade", place.cluster, person, {"release": release}, machines)


def revert(place: Place, person: Any, serial: str) -> Job:
    """Start the job that takes one machine back to the release before; raises NotNow."""
    found = book(place)
    if found.active:
        raise NotNow(_("Job #%(number)d works on this cluster already.") % {"number": found.active.pk})
    for candidate in found.candidates:
        if candidate.heard.serial == serial:
            return start("revert", place.cluster, person, {}, [(serial, candidate.heard.name)])
    raise NotNow(_("Choose machines of this cluster."))


def reconnect(place: Place, person: Any, serial: str) -> Job:
    """Start the job that takes a machine back that was left disconnected; raises NotNow."""
    found = book(place)
    if found.active:
        raise NotNow(_("Job #%(number)d works on this cluster already.") % {"number": found.active.pk})
    for candidate in found.candidates:
        if candidate.heard.serial == serial:
            return start("reconnect", place.cluster, person, {}, [(serial, candidate.heard.name)])
    raise NotNow(_("Choose machines of this cluster."))
