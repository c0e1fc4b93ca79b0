"""A guided join: what the joiner finds, what it would lose and gain, and the join itself (JN-01..JN-16)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliances.links.console import Answer
from appliances.links.identity import fingerprint
from appliances.machine.release import release
from clusters import membership
from clusters.enrolment import ADVISED_MACHINES
from clusters.membership import PendingJoin
from clusters.refusals import Refused
from clusters.state import ClusterState, Machine
from portal.audit.log import Action, record
from portal.guided import commands
from portal.guided.checklist import Check, Verdict, blocked, holds
from portal.guided.commands import Typed
from portal.guided.running import Door, ask
from portal.tenants import ManagedCluster, Person

CLOCK_LIMIT = 300.0
"""Seconds that a clock may be off: later commits would be held (design, section 3)."""
HEARS_WITHIN = 20.0
"""Seconds until a member knows of a key that was prepared here."""


class NotKnown(Refused):
    """What answers there says nothing that a machine of ours would say."""


@dataclass(frozen=True)
class Plan:
    """Who lets the machine in, how, and into which group; `user` of the cluster for a join by passphrase.

    `keep` are features whose present settings the machine takes along as overrides of its own.
    """

    member: Machine
    group: str = ""
    prepared: bool = False
    user: str = "admin"
    keep: tuple[str, ...] = ()

    @property
    def member_fingerprint(self) -> str:
        """Of the host key that the cluster's entries pin."""
        return fingerprint(self.member.host_key)

    @property
    def command(self) -> str:
        """The command line of the join."""
        return commands.join(
            self.member,
            self.member_fingerprint,
            user=self.user,
            group=self.group,
            prepared=self.prepared,
            keep=self.keep,
        )

    def typed(self, passphrase: str, *, looking: bool = False) -> Typed:
        """The same to be run; `passphrase` is that of the cluster's user."""
        more = " --dry-run --json" if looking else ""
        return Typed(self.command + more, "" if self.prepared else f"{passphrase}\n")


@dataclass(frozen=True)
class Who:
    """What a machine says of itself."""

    host: str = ""
    serial: str = ""
    user_key: str = ""
    release: str = ""
    cluster: str = ""
    as_of: float = 0.0


@dataclass(frozen=True)
class Look:
    """All that a person should see before a join; `changes` is by feature, each with its lines."""

    who: Who
    checks: list[Check] = field(default_factory=list)
    group: str = ""
    changes: dict[str, list[str]] = field(default_factory=dict)


def who_is(door: Door) -> Who:
    """What the machine says of itself; raises LinkError, NotKnown."""
    printed, told, status = ask(
        door,
        [
            Typed("clusterconfig prepjoin print --json"),
            Typed("version --json"),
            Typed("status --json"),
        ],
    )
    identity, version, state = _json(printed), _json(told), _json(status)
    return Who(
        str(identity.get("host", "")),
        str(identity.get("serial", "")),
        str(identity.get("user_key", "")),
        str(version.get("release", "")),
        str(state.get("cluster_name", "")),
        float(state.get("as_of", 0)) / 1000,
    )


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.out)
    except ValueError:
        found = None
    if answer.code or not isinstance(found, dict):
        raise NotKnown(_("The machine does not say who it is: %(text)s") % {"text": answer.err.strip()[:300]})
    return found


def of_machine(who: Who) -> Iterator[Check]:
    """What has to be true of any machine that begins or joins a cluster."""
    yield holds(
        _("Standalone"),
        not who.cluster,
        _("It is in the cluster %(name)s.") % {"name": who.cluster} if who.cluster else who.host,
        _("Remove it there first; a machine is in one cluster at most."),
    )
    yield holds(
        _("Release"),
        who.release == release(),
        _("It runs %(theirs)s, here is %(ours)s.") % {"theirs": who.release, "ours": release()},
        _("Bring both to the same release first."),
    )
    off = who.as_of - timezone.now().timestamp()
    yield holds(
        _("Clock"),
        abs(off) < CLOCK_LIMIT,
        _("%(seconds).0f s from the clock of this portal") % {"seconds": abs(off)},
        _("Set its clock; what it commits would be held back."),
    )


def look(cluster: ManagedCluster, state: ClusterState, door: Door, plan: Plan, passphrase: str) -> Look:
    """Log in at the joiner and look; nothing changes. Raises LinkError, NotKnown."""
    who = who_is(door)
    checks = [*of_machine(who), *of_cluster(state, who)]
    if who.cluster:
        return Look(who, checks)
    seen, shown = ask(
        door,
        [
            Typed(commands.preflight(plan.member, plan.member_fingerprint) + " --json"),
            plan.typed(passphrase, looking=True),
        ],
    )
    checks += _of_network(seen, by_name=not state.by_address)
    if shown.code:
        text = shown.err.strip().splitlines()[-1:] or [""]
        return Look(who, [*checks, Check(_("Trial"), Verdict.BAD, text[0])])
    told = json.loads(shown.out)
    checks.append(Check(_("Trial"), Verdict.OK, _("The member would let it in.")))
    return Look(who, checks, str(told.get("group", "")), dict(told.get("changes", {})))


def of_cluster(state: ClusterState, who: Who) -> Iterator[Check]:
    """Whether the cluster has room for that machine: name, serial number, size."""
    names = {m.name.casefold(): m for m in state.machines.values() if m.serial != who.serial}
    yield holds(
        _("Free name"),
        who.host.casefold() not in names,
        who.host,
        _('Give it another name with "sethostname"; a member has this one.'),
    )
    yield holds(
        _("Free serial number"),
        who.serial not in state.machines,
        who.serial,
        _("Remove the old member of that serial number first."),
    )
    if len(state.machines) >= ADVISED_MACHINES:
        text = _("With it the cluster has %(count)d machines.") % {"count": len(state.machines) + 1}
        yield Check(
            _("Size"), Verdict.WARN, text, _("Above 20 expect more communication errors between members.")
        )


def _titles() -> dict[str, str]:
    return {
        "name": _("Name"),
        "reverse": _("Reverse name"),
        "port": _("Port of the member"),
        "service": _("Service behind the port"),
        "host-key": _("Host key of the member"),
    }


def _of_network(seen: Answer, *, by_name: bool) -> Iterator[Check]:
    try:
        rows = json.loads(seen.out)
    except ValueError:
        yield Check(_("Network"), Verdict.UNKNOWN, seen.err.strip()[:300])
        return
    titles = _titles()
    for row in rows:
        verdict = Verdict(row["verdict"])
        if row["check"] == "name" and by_name and verdict is Verdict.WARN:
            verdict = Verdict.BAD
        yield Check(titles.get(row["check"], row["check"]), verdict, row["text"], row["remedy"])


def admit(cluster: ManagedCluster, state: ClusterState, person: Person, who: Who) -> bool:
    """Let the machine join with its key: one commit of that person (JN-12). Raises the refusals of it.

    False, and nothing is committed, where something stands in its way anyhow.
    """
    if blocked([*of_machine(who), *of_cluster(state, who)]):
        return False
    with transaction.atomic():
        membership.admit(
            cluster.replica_id,
            joiner=PendingJoin(who.serial, who.host, who.user_key),
            user=person.get_username(),
            host=settings.GATEFOLD_PORTAL_NAME,
        )
        command = commands.prepare(who.host, who.serial, who.user_key)
        record(person, Action.MEMBERSHIP, cluster, cluster.tenant, command=command)
    return True


def wait_until_heard(door: Door, plan: Plan) -> bool:
    """Wait until the member knows of the prepared key; False when it does not in time. Raises LinkError."""
    end = time.monotonic() + HEARS_WITHIN
    while time.monotonic() < end:
        (shown,) = ask(door, [plan.typed("", looking=True)])
        if shown.code == 0 or "prepjoin" not in shown.err:
            return shown.code == 0
        time.sleep(1)
    return False
