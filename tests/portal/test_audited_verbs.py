"""Whatever changes something is in the audit log, in the transaction of the change: every page, every call.

The tables of addresses say what there is; a new one must be entered here, as a verb or with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone
from rest_framework.test import APIClient

from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER
from clusters.versions import settings_at
from portal.alerts.incidents import Alert, Fact, happened
from portal.alerts.kinds import Kind, Severity
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.audit.log import Action, AuditRow
from portal.checks.rows import Check, Finding
from portal.config_files.uploads import Upload
from portal.guided import operations, running
from portal.jobs.rows import Job, JobPart, start
from portal.lint.advice import given
from portal.pages import config_files, conflicts, loading, pending
from portal.people import invitations
from portal.people.tokens import issue
from portal.proposals import acting
from portal.proposals.deciding import Wish, submit
from portal.proposals.proposal import Proposal
from portal.proposals.stop_rule import Canary
from portal.tenants import ManagedCluster, Member, Role
from tests.portal import world
from tests.portal.api.test_rights import urlpatterns as api_patterns
from tests.portal.conftest import Call, LogIn
from tests.portal.proposals.conftest import TRY, obey
from tests.portal.test_check_page import Members, check, damage
from tests.portal.test_rights import patterns

Answer = HttpResponse
ROUTES = settings_at(CLUSTER, "smtproutes")
MARKED = {"confirmed": "yes", "agreed": True}


@dataclass
class World:
    """Europe, in which something of everything is there to be changed by Alice, who administers it."""

    cluster: ManagedCluster
    alice: User
    bob: User
    client: Client
    api: APIClient
    made: dict[str, Any] = field(default_factory=dict)

    def page(self, path: str, **told: Any) -> Answer:
        return self.client.post(f"/{path}", told)

    def of_cluster(self, path: str, **told: Any) -> Answer:
        return self.page(f"europe/{path}", **told)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        answer: Answer = getattr(self.api, method)(f"/api/v1/{path}", body or {}, format="json")
        return answer

    def clusters(self, method: str, path: str, body: Any = None) -> Answer:
        return self.call(method, f"clusters/europe/{path}", body)

    @property
    def serial(self) -> str:
        return next(iter(replicas.state(self.cluster.replica_id).machines))

    def route(self, host: str = "192.0.2.50", who: str = "alice") -> None:
        edited = world.routes(a_example=host)
        drafts.edit(self.cluster.replica_id, who, CLUSTER, "smtproutes", edited)

    def proposal(self, author: str = "bob", **wish: Any) -> Proposal:
        self.route(who=author)
        person = self.bob if author == "bob" else self.alice
        found = submit(self.cluster, person, Role.OPERATOR, Wish(**wish), "portal")
        assert isinstance(found, Proposal)
        return found

    def tried(self, *, paused: bool = False) -> Proposal:
        found = self.proposal(canary=Canary(minutes=5))
        if paused:
            acting.act(found, self.bob, Role.OPERATOR, "pause")
        return found

    def alert(self) -> Alert:
        return happened(self.cluster.tenant, self.cluster, Fact(Kind.DOWN, self.serial), timezone.now())

    def channel(self) -> Channel:
        one = Channel(tenant=self.cluster.tenant, name="Ops", way="mail")
        one.enter({"recipients": "ops@example.com"})
        one.save()
        return one

    def subscription(self) -> Subscription:
        return Subscription.everything.create(tenant=self.cluster.tenant, channel=self.channel())

    def digest(self) -> Digest:
        return Digest.everything.create(tenant=self.cluster.tenant, channel=self.channel())

    def window(self) -> MaintenanceWindow:
        now = timezone.now()
        times = {"begins": now, "ends": now + timedelta(hours=1), "reason": "disk"}
        return MaintenanceWindow.everything.create(tenant=self.cluster.tenant, cluster=self.cluster, **times)

    def advice(self) -> str:
        state = replicas.state(self.cluster.replica_id)
        return given(self.cluster, state, state)[0].advice.key

    def dismissed(self) -> str:
        key = self.advice()
        self.clusters("put", f"advice/{key}/dismissal/", {"reason": "later"})
        return key

    def finding(self) -> tuple[Check, Finding]:
        members_ = Members(self.cluster)
        damage(self.cluster)
        found = check(self.cluster, members_)
        return found, found.findings.get()

    def conflict(self) -> commits.Conflict:
        world.conflict(self.cluster)
        return commits.conflict_at(self.cluster.replica_id, ROUTES)

    def job(self, state: str, kind: str = "synchronise") -> Job:
        machines = [(self.serial, "berlin.example")]
        job = start(kind, self.cluster, self.alice, {"release": "2.0.0"}, machines)
        Job.everything.filter(pk=job.pk).update(state=state)
        job.refresh_from_db()
        return job

    def skippable(self) -> Job:
        job = self.job(Job.State.RUNNING, "upgrade")
        job.parts.get().now(JobPart.State.FAILED, "no room")
        return job

    def member(self) -> int:
        return int(Member.objects.get(user=self.bob).pk)

    def invitation(self) -> invitations.Invitation:
        self.page("people/acme/", do="invite", email="x@example.com", role="guest")
        return invitations.open_ones(self.cluster.tenant).get()

    def token(self) -> int:
        return int(issue(self.alice, "nightly")[0].pk)

    def session(self, name: str) -> int:
        from allauth.usersessions.models import UserSession

        world.logged_in(name)
        return int(UserSession.objects.filter(user__username=name).latest("pk").pk)

    def upload(self) -> Upload:
        text = self.clusters("post", "cluster/configuration-file/", {"passphrase": "open sesame now"}).json()
        raw = text["text"].replace("192.0.2.1<", "192.0.2.77<").encode()
        from portal.config_files import uploads

        return uploads.receive(self.cluster, self.alice, "a.xml", raw, "open sesame now", "cluster")


Verb = Callable[[World], Callable[[], Answer]]


def _settle(field_: str) -> Verb:
    def ready(w: World) -> Callable[[], Answer]:
        found = w.conflict()
        told = {"entry": str(ROUTES), "version": str(found.others[0].id), "newest": str(found.newest.id)}
        told |= {"seen": [str(version.id) for version in found.versions]}
        return lambda: w.of_cluster("conflicts/", do=field_, **told)

    return ready


def _decide(do: str, make: Callable[[World], Proposal]) -> tuple[Verb, Verb]:
    def on_page(w: World) -> Callable[[], Answer]:
        path = f"proposals/{make(w).pk}/"
        return lambda: w.of_cluster(path, do=do, comment="because")

    def on_api(w: World) -> Callable[[], Answer]:
        path = f"proposals/{make(w).pk}/"
        return lambda: w.clusters("post", path, {"do": do, "comment": "because"})

    return on_page, on_api


def _overtaken(w: World) -> Proposal:
    found = w.proposal(author="alice", approval=True)
    w.route("192.0.2.60", "bob")
    commits.commit_pending(w.cluster.replica_id, user="bob", host="portal")
    acting.act(found, w.bob, Role.APPROVER, "approve")
    found.refresh_from_db()
    return found


def _closed_window(w: World) -> Proposal:
    day = (timezone.now() - timedelta(days=1)).weekday()
    w.clusters("put", "policy/", {"windows": [{"day": day, "start": "10:00", "end": "10:30"}]})
    return w.proposal()


DECISIONS = {
    "approve": _decide("approve", lambda w: w.proposal(approval=True)),
    "refuse": _decide("refuse", lambda w: w.proposal(approval=True)),
    "withdraw": _decide("withdraw", lambda w: w.proposal(author="alice", approval=True)),
    "take_back": _decide("take_back", _overtaken),
    "stop": _decide("stop", World.tried),
    "pause": _decide("pause", World.tried),
    "resume": _decide("resume", lambda w: w.tried(paused=True)),
    "skip": _decide("skip", lambda w: (w.tried(), obey(w.cluster))[0]),
    "at_once": _decide("at_once", _closed_window),
}


def _ready(make: Callable[[World], Any], act: Callable[[World, Any], Answer]) -> Verb:
    """A verb on something that has to be there first."""

    def ready(w: World) -> Callable[[], Answer]:
        found = make(w)
        return lambda: act(w, found)

    return ready


def _now(act: Callable[[World], Answer]) -> Verb:
    return lambda w: lambda: act(w)


HOUR = {"begins": "2031-01-01T10:00", "ends": "2031-01-01T11:00", "reason": "disk"}
POLICY = {"zone": "UTC", "approval": "on", **TRY}
NEW_CHANNEL = {"name": "Ops", "way": "mail", "recipients": "ops@example.com", "language": "en"}
OPERATION = {
    "add_group": {"name": "Lisboa"},
    "rename_group": {"group": "Paris", "name": "Lyon"},
    "delete_group": {"group": "Paris", "target": "Main_Group"},
    "set_group": {"group": "Paris", "machines": ["berlin.example"]},
    "set_name": {"name": "Europa"},
    "set_safe_wait": {"safe_wait": "on"},
    "disconnect": {"machines": ["berlin.example"]},
    "reconnect": {"machines": ["berlin.example"]},
}


def _operation(do: str) -> dict[str, Verb]:
    def told(w: World) -> dict[str, Any]:
        state = replicas.state(w.cluster.replica_id)
        groups = {g.name: g.id for g in state.groups.values()}
        serials = {m.name: m.serial for m in state.machines.values()}
        sent = dict(OPERATION[do])
        for name in ("group", "target"):
            if name in sent:
                sent[name] = groups[str(sent[name])]
        if "machines" in sent:
            sent["machines"] = [serials[name] for name in sent["machines"]]
        return sent

    return {
        f"page membership {do}": _ready(
            told, lambda w, t: w.of_cluster("membership/", do=do, confirmed="yes", **t)
        ),
        f"api clusters/<slug:slug>/membership/ post {do}": _ready(
            told, lambda w, t: w.clusters("post", "membership/", {"operation": do, **t})
        ),
    }


def _with_draft(w: World) -> None:
    w.route()


VERBS: dict[str, Verb] = {
    **{f"page conflicts {do}": _settle(do) for do in ("take", "newest", "keep")},
    "api clusters/<slug:slug>/conflicts/ post": _ready(
        World.conflict, lambda w, c: w.clusters("post", "conflicts/", {"entry": str(ROUTES)})
    ),
    **{f"page proposal {do}": verbs[0] for do, verbs in DECISIONS.items()},
    **{
        f"api clusters/<slug:slug>/proposals/<int:number>/ post {do}": verbs[1]
        for do, verbs in DECISIONS.items()
    },
    **{name: verb for do in OPERATION for name, verb in _operation(do).items()},
    "page policy": _now(lambda w: w.of_cluster("policy/", **POLICY)),
    "api clusters/<slug:slug>/policy/ put": _now(lambda w: w.clusters("put", "policy/", {"approval": True})),
    "page check start": _now(lambda w: w.of_cluster("check/", do="start")),
    "page check resolve": _ready(
        World.finding,
        lambda w, f: w.of_cluster("check/", do="resolve", check=f[0].pk, **{f"finding-{f[1].pk}": "0"}),
    ),
    "page check ignore": _ready(
        World.finding,
        lambda w, f: w.of_cluster("check/", do="resolve", check=f[0].pk, **{f"finding-{f[1].pk}": "ignore"}),
    ),
    "api clusters/<slug:slug>/check/ post": _now(lambda w: w.clusters("post", "check/")),
    "api clusters/<slug:slug>/check/resolve/ post": _ready(
        World.finding,
        lambda w, f: w.clusters("post", "check/resolve/", {"choices": [{"finding": f[1].pk, "version": 0}]}),
    ),
    **{
        f"page pending {do}": _ready(
            _with_draft, lambda w, _d, do=do, more=more: w.of_cluster("pending/", do=do, **more)
        )
        for do, more in {
            "commit": {},
            "propose": {},
            "at_once": {"reason": "urgent"},
            "try": TRY,
        }.items()
    },
    "api clusters/<slug:slug>/commits/ post": _ready(
        _with_draft, lambda w, _d: w.clusters("post", "commits/")
    ),
    "page commit": _ready(
        lambda w: commits.last(w.cluster.replica_id).id,
        lambda w, c: w.of_cluster(f"history/{c.origin}/{c.number}/"),
    ),
    "api clusters/<slug:slug>/commits/<str:origin>/<int:number>/revert/ post": _ready(
        lambda w: commits.last(w.cluster.replica_id).id,
        lambda w, c: w.clusters("post", f"commits/{c.origin}/{c.number}/revert/"),
    ),
    "page advice dismiss": _ready(
        World.advice, lambda w, k: w.of_cluster("advice/", do="dismiss", advice=k, reason="later")
    ),
    "page advice bring_back": _ready(
        World.dismissed, lambda w, k: w.of_cluster("advice/", do="bring_back", advice=k)
    ),
    "api clusters/<slug:slug>/advice/<str:key>/dismissal/ put": _ready(
        World.advice, lambda w, k: w.clusters("put", f"advice/{k}/dismissal/", {"reason": "later"})
    ),
    "api clusters/<slug:slug>/advice/<str:key>/dismissal/ delete": _ready(
        World.dismissed, lambda w, k: w.clusters("delete", f"advice/{k}/dismissal/")
    ),
    "page alert": _ready(World.alert, lambda w, a: w.page(f"alerts/{a.pk}/", note="mine")),
    "api alerts/<int:number>/acknowledge/ post": _ready(
        World.alert, lambda w, a: w.call("post", f"alerts/{a.pk}/acknowledge/", {"note": "mine"})
    ),
    "page cluster_alerts window": _now(lambda w: w.of_cluster("alerts/", **HOUR)),
    "page cluster_alerts end": _ready(
        World.window, lambda w, o: w.of_cluster("alerts/", do="end", window=o.pk)
    ),
    "api clusters/<slug:slug>/windows/ post": _now(lambda w: w.clusters("post", "windows/", HOUR)),
    "api clusters/<slug:slug>/windows/<int:number>/ delete": _ready(
        World.window, lambda w, o: w.clusters("delete", f"windows/{o.pk}/")
    ),
    "page new_channel": _now(
        lambda w: w.page("notifications/new/mail/", tenant=w.cluster.tenant_id, **NEW_CHANNEL)
    ),
    "page channel save": _ready(
        World.channel,
        lambda w, c: w.page(
            f"notifications/{c.pk}/", name="Other", language="en", recipients="a@example.com"
        ),
    ),
    "page channel test": _ready(World.channel, lambda w, c: w.page(f"notifications/{c.pk}/", do="test")),
    "page channel remove": _ready(World.channel, lambda w, c: w.page(f"notifications/{c.pk}/", do="remove")),
    "page notifications subscription": _ready(
        World.channel,
        lambda w, c: w.page("notifications/", do="subscription", channel=c.pk, minimum=int(Severity.WARNING)),
    ),
    "page notifications digest": _ready(
        World.channel, lambda w, c: w.page("notifications/", do="digest", channel=c.pk, hour=8, zone="UTC")
    ),
    "page notifications remove_subscription": _ready(
        World.subscription, lambda w, s: w.page("notifications/", do="remove_subscription", number=s.pk)
    ),
    "page notifications remove_digest": _ready(
        World.digest, lambda w, d: w.page("notifications/", do="remove_digest", number=d.pk)
    ),
    "api notifications/channels/ post": _now(
        lambda w: w.call("post", "notifications/channels/", {"tenant": "acme", **NEW_CHANNEL})
    ),
    "api notifications/channels/<int:number>/ patch": _ready(
        World.channel, lambda w, c: w.call("patch", f"notifications/channels/{c.pk}/", {"name": "Other"})
    ),
    "api notifications/channels/<int:number>/ delete": _ready(
        World.channel, lambda w, c: w.call("delete", f"notifications/channels/{c.pk}/")
    ),
    "api notifications/channels/<int:number>/test/ post": _ready(
        World.channel, lambda w, c: w.call("post", f"notifications/channels/{c.pk}/test/")
    ),
    "api notifications/subscriptions/ post": _ready(
        World.channel, lambda w, c: w.call("post", "notifications/subscriptions/", {"channel": c.pk})
    ),
    "api notifications/subscriptions/<int:number>/ delete": _ready(
        World.subscription, lambda w, s: w.call("delete", f"notifications/subscriptions/{s.pk}/")
    ),
    "api notifications/digests/ post": _ready(
        World.channel, lambda w, c: w.call("post", "notifications/digests/", {"channel": c.pk})
    ),
    "api notifications/digests/<int:number>/ delete": _ready(
        World.digest, lambda w, d: w.call("delete", f"notifications/digests/{d.pk}/")
    ),
    "page job cancel": _ready(
        lambda w: w.job(Job.State.QUEUED), lambda w, j: w.page(f"jobs/{j.pk}/", do="cancel")
    ),
    "page job retry": _ready(
        lambda w: w.job(Job.State.FAILED), lambda w, j: w.page(f"jobs/{j.pk}/", do="retry")
    ),
    "page job skip": _ready(
        World.skippable, lambda w, j: w.page(f"jobs/{j.pk}/", do="skip", serial=w.serial)
    ),
    "api jobs/<int:number>/ delete": _ready(
        lambda w: w.job(Job.State.QUEUED), lambda w, j: w.call("delete", f"jobs/{j.pk}/")
    ),
    "api jobs/<int:number>/again/ post": _ready(
        lambda w: w.job(Job.State.FAILED), lambda w, j: w.call("post", f"jobs/{j.pk}/again/")
    ),
    "api jobs/<int:number>/skip/ post": _ready(
        World.skippable, lambda w, j: w.call("post", f"jobs/{j.pk}/skip/", {"machine": w.serial})
    ),
    "page synchronise": _now(lambda w: w.of_cluster("synchronise/")),
    "api clusters/<slug:slug>/synchronise/ post": _now(lambda w: w.clusters("post", "synchronise/")),
    "page queues": _now(
        lambda w: w.of_cluster("queues/", do="hold", scope="matching", sender="x", machine=w.serial)
    ),
    "api clusters/<slug:slug>/queues/ post": _now(
        lambda w: w.clusters("post", "queues/", {"verb": "hold", "terms": {"sender": "x"}})
    ),
    "page suspend": _now(lambda w: w.of_cluster("suspend/", do="suspend", machine=w.serial, confirmed="yes")),
    "api clusters/<slug:slug>/suspension/ post": _now(
        lambda w: w.clusters("post", "suspension/", {"do": "suspend", "machines": [w.serial], "agreed": True})
    ),
    "page tokens make": _now(lambda w: w.page("account/tokens/", name="nightly", days=30)),
    "page tokens revoke": _ready(World.token, lambda w, t: w.page("account/tokens/", do="revoke", number=t)),
    "api tokens/ post": _now(lambda w: w.call("post", "tokens/", {"name": "nightly"})),
    "api tokens/<int:number>/ delete": _ready(World.token, lambda w, t: w.call("delete", f"tokens/{t}/")),
    "page account": _now(
        lambda w: w.page("account/", first_name="Alicia", last_name="Adams", email="a@example.com")
    ),
    "page sessions": _ready(lambda w: w.session("alice"), lambda w, n: w.page("account/sessions/", number=n)),
    "api sessions/<int:number>/ delete": _ready(
        lambda w: w.session("alice"), lambda w, n: w.call("delete", f"sessions/{n}/")
    ),
    "api sessions/end-others/ post": _ready(
        lambda w: w.session("alice"), lambda w, _n: w.call("post", "sessions/end-others/")
    ),
    "page people_of invite": _now(
        lambda w: w.page("people/acme/", do="invite", email="x@example.com", role="guest")
    ),
    "page people_of revoke": _ready(
        World.invitation, lambda w, i: w.page("people/acme/", do="revoke", number=i.pk)
    ),
    "page people_of policy": _now(lambda w: w.page("people/acme/", do="policy", second_factor="everybody")),
    "page member roles": _ready(
        World.member, lambda w, m: w.page(f"people/acme/{m}/", do="roles", role="guest")
    ),
    "page member remove": _ready(World.member, lambda w, m: w.page(f"people/acme/{m}/", do="remove")),
    "page member session": _ready(
        lambda w: (w.member(), w.session("bob")),
        lambda w, p: w.page(f"people/acme/{p[0]}/", do="end", number=p[1]),
    ),
    "api tenants/<slug:tenant>/ patch": _now(
        lambda w: w.call("patch", "tenants/acme/", {"second_factor": "everybody"})
    ),
    "api tenants/<slug:tenant>/members/<int:number>/ put": _ready(
        World.member, lambda w, m: w.call("put", f"tenants/acme/members/{m}/", {"role": "guest"})
    ),
    "api tenants/<slug:tenant>/members/<int:number>/ delete": _ready(
        World.member, lambda w, m: w.call("delete", f"tenants/acme/members/{m}/")
    ),
    "api tenants/<slug:tenant>/members/<int:number>/sessions/<int:session>/ delete": _ready(
        lambda w: (w.member(), w.session("bob")),
        lambda w, p: w.call("delete", f"tenants/acme/members/{p[0]}/sessions/{p[1]}/"),
    ),
    "api tenants/<slug:tenant>/invitations/ post": _now(
        lambda w: w.call("post", "tenants/acme/invitations/", {"email": "x@example.com", "role": "guest"})
    ),
    "api tenants/<slug:tenant>/invitations/<int:number>/ delete": _ready(
        World.invitation, lambda w, i: w.call("delete", f"tenants/acme/invitations/{i.pk}/")
    ),
    "page configuration_file back_up": _now(
        lambda w: w.of_cluster("cluster/system_administration/configuration_file", do="back_up")
    ),
    "api clusters/<slug:slug>/backups/ post": _now(lambda w: w.clusters("post", "backups/")),
    "page load_file confirm": _ready(
        lambda w: _reviewed(w),
        lambda w, t: w.of_cluster(f"configuration_file/load/{t[0]}/", do="confirm", seen=t[1]),
    ),
    "api clusters/<slug:slug>/configuration-file/load/ post": _ready(
        lambda w: w.clusters("post", "cluster/configuration-file/", {"passphrase": "open sesame now"}).json(),
        lambda w, t: w.clusters(
            "post",
            "configuration-file/load/",
            {"text": t["text"].replace("192.0.2.1<", "192.0.2.77<"), "passphrase": "open sesame now"},
        ),
    ),
}


def _reviewed(w: World) -> tuple[int, str]:
    from portal.config_files.review import review

    upload = w.upload()
    state = replicas.state(w.cluster.replica_id)
    upload.choose(groups={g: g for g in state.groups}, machines={m: m for m in state.machines}, cluster=True)
    found = review(state, upload.file, upload.assignment, w.cluster.replica_id, "alice")
    return upload.pk, found.seen


OWN = "a person's own pending changes: seen by nobody else, and the commit has its row"
DISPLAY = "how pages look for one person"
LOOKS = "only looks; POST because of a secret in the body, or to begin steps that end in a verb"
WAITS = "a file in the hands of one person, gone after an hour; its last step has its row"
MACHINE = "asks real machines first: tests below, and test_guided_machines"
SIGNAL = "allauth's: the row is written by its signals, see test_login and test_second_factor"
RELEASE = "jobs of upgrades: portal.jobs.rows.start writes the row, as for every job"
EXCEPT = {
    **dict.fromkeys(["page pending clear", "page pending drop", "page pending keep"], OWN),
    "page pending discard_stale": OWN,
    "page conflicts merge": OWN,
    "page feature": OWN,
    "page references": OWN,
    "page advice remedy": OWN,
    "page membership withdraw": OWN,
    "api clusters/<slug:slug>/pending/ delete": OWN,
    "api clusters/<slug:slug>/advice/<str:key>/remedy/ post": OWN,
    "api clusters/<slug:slug>/references/promote/ post": OWN,
    "api clusters/<slug:slug>/references/demote/ post": OWN,
    "api clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/ put": OWN,
    "api clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/ delete": OWN,
    "api clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/transfer/ post": OWN,
    "page theme": DISPLAY,
    "page set_language": DISPLAY,
    "api clusters/<slug:slug>/<mode:mode>/configuration-file/ post": LOOKS,
    "page backup": LOOKS,
    "page configuration_file load": WAITS,
    "page load_file drop": WAITS,
    "page load_file groups": WAITS,
    "page load_file appliances": WAITS,
    "page load_file appliance": WAITS,
    **dict.fromkeys(["page adopt", "page create", "page join", "page remove"], MACHINE),
    **dict.fromkeys(["page account_login", "page account_logout"], SIGNAL),
    "page invitation": "portal.people.invitations.accept, see test_invitations",
    "page upgrades": RELEASE,
    "api clusters/<slug:slug>/upgrades/ post": RELEASE,
    "api clusters/<slug:slug>/upgrades/release-before/ post": RELEASE,
}
DOES = {
    "page pending": pending.ACTIONS,
    "page conflicts": conflicts.ACTIONS,
    "page load_file": loading.ACTIONS,
    "page configuration_file": config_files.ACTIONS,
    "page membership": operations.OPERATIONS,
    "page proposal": acting.ACTIONS,
    "api clusters/<slug:slug>/membership/ post": operations.OPERATIONS,
    "api clusters/<slug:slug>/proposals/<int:number>/ post": acting.ACTIONS,
}


@pytest.fixture
def europe_of_alice(europe: ManagedCluster, alice: User, bob: User, log_in: LogIn, calls: Call) -> World:
    world.report(europe)
    Member.objects.filter(user=alice).update(role=Role.ADMINISTRATOR)
    return World(europe, alice, bob, log_in(alice), calls(alice))


PASSING = {"auditrow", "auditchain", "session", "answer", "question", "link", "ratelimit"}
"""Tables of the log itself, and of what is asked in passing."""


def everything() -> dict[str, list[Any]]:
    """All rows of all tables that tell of anything lasting."""
    labels = ("clusters", "appliances", "portal", "auth", "usersessions")
    tables = [m for label in labels for m in apps.get_app_config(label).get_models()]
    return {
        m._meta.label: sorted(m._base_manager.values_list(), key=repr)
        for m in tables
        if m._meta.model_name not in PASSING
    }


@pytest.mark.parametrize("name", VERBS)
def test_verb_and_its_row_are_one(name: str, europe_of_alice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL-25: without its row nothing of it is there; else both are."""
    act = VERBS[name](europe_of_alice)
    before, rows = everything(), AuditRow.objects.count()

    def full(*_args: Any, **_more: Any) -> None:
        raise DatabaseError("the audit log is full")

    europe_of_alice.client.raise_request_exception = False
    europe_of_alice.api.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr(AuditRow, "save", full)
        assert act().status_code == 503
    assert changed(before, everything()) == {}
    assert act().status_code < 400
    assert AuditRow.objects.count() > rows
    assert changed(before, everything())


def changed(before: dict[str, list[Any]], now: dict[str, list[Any]]) -> dict[str, Any]:
    """The tables that differ, with what is new."""
    return {
        table: [row for row in now[table] if row not in rows]
        for table, rows in before.items()
        if now[table] != rows
    }


def test_every_page_that_can_change_something_is_a_verb_or_says_why(europe_of_alice: World) -> None:
    """TRL-25: from the table of addresses."""
    known = {*VERBS, *EXCEPT}
    for pattern in patterns():
        name = f"page {pattern.name or pattern.pattern}"
        if not any(each == name or each.startswith(f"{name} ") for each in known):
            assert _only_shows(pattern, europe_of_alice), name


def _only_shows(pattern: URLPattern, w: World) -> bool:
    """Whether nothing can be sent there, or what is sent is not looked at."""
    from tests.portal.test_rights import filled

    paths = list(filled(pattern, w.cluster))
    before = everything()
    codes = {w.client.post(path, {"do": "save", "name": "x"}).status_code for path in paths}
    return changed(before, everything()) == {} and codes <= {200, 302, 403, 404, 405}


def test_every_call_that_can_change_something_is_a_verb_or_says_why() -> None:
    """TRL-25: the same of the API, by method."""
    known = {*VERBS, *EXCEPT}
    for pattern in api_patterns:
        view = getattr(pattern.callback, "cls", None)
        allowed = getattr(view, "http_method_names", ())
        for method in ("post", "put", "patch", "delete"):
            name = f"api {pattern.pattern} {method}"
            if hasattr(view, method) and method in allowed:
                assert any(each == name or each.startswith(f"{name} ") for each in known), name


@pytest.mark.parametrize("door", DOES)
def test_every_button_of_a_page_is_a_verb_or_says_why(door: str) -> None:
    """TRL-25: where one address does several things."""
    for do in DOES[door]:
        assert f"{door} {do}" in VERBS or f"{door} {do}" in EXCEPT, do


def test_names_in_these_tables_are_addresses() -> None:
    """What is gone from the tables of addresses goes from here too."""
    pages = {f"page {p.name or p.pattern}" for p in patterns()}
    for name in (*VERBS, *EXCEPT):
        words = name.split(" ")
        if words[0] == "page":
            assert " ".join(words[:2]) in pages, name
        else:
            assert any(str(p.pattern) == words[1] for p in api_patterns), name


def test_guided_command_is_in_the_log_before_it_is_typed(
    europe: ManagedCluster, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-25: joins, removals and creations run on machines; without the row no command is typed."""
    job = running.job_of(europe.tenant, europe, alice, "clusterconfig removemachine paris.example --yes")
    row = AuditRow.objects.get(action=Action.MEMBERSHIP)
    assert row.facts == {"command": "clusterconfig removemachine paris.example --yes"}
    assert row.actor == "alice"
    count = Job.everything.count()
    monkeypatch.setattr(AuditRow, "save", lambda *_a, **_m: (_ for _ in ()).throw(DatabaseError("full")))
    with pytest.raises(DatabaseError):
        running.job_of(europe.tenant, europe, alice, "clusterconfig status")
    assert Job.everything.count() == count
    assert job.state == Job.State.RUNNING


def test_policy_row_tells_what_was_and_what_is(europe_of_alice: World) -> None:
    """TRL-25: who turned approval off, and when."""
    w = europe_of_alice
    window = {"day": 5, "start": "22:00", "end": "06:00"}
    w.clusters("put", "policy/", {"approval": True, "zone": "Europe/Berlin", "windows": [window]})
    w.of_cluster("policy/", zone="UTC", **TRY)
    on, off = AuditRow.objects.filter(action=Action.POLICY).order_by("number")
    assert on.facts["now"] == ["approval", "Saturday 22:00-06:00 Europe/Berlin"]
    assert on.facts["was"] == []
    assert off.facts["was"] == on.facts["now"]
    assert "approval" not in off.facts["now"]
    assert {on.actor, off.actor} == {"alice"}
    assert {on.target, off.target} == {str(w.cluster)}


def test_refused_operation_is_in_the_log_as_failed(europe_of_alice: World) -> None:
    """TRL-25: an attempt too."""
    answer = europe_of_alice.of_cluster("membership/", do="add_group", name="Paris", confirmed="yes")
    assert answer.status_code == 422
    row = AuditRow.objects.get(action=Action.MEMBERSHIP)
    assert (row.outcome, row.facts) == ("failed", {"command": "clusterconfig addgroup Paris"})
