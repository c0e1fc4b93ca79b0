from __future__ import annotations

import asyncio
import dataclasses
import errno

import asyncssh
import pytest

from appliances.links.calling import Target
from appliances.links.channel import Channel
from appliances.links.client import dial
from appliances.links.errors import Fault, LinkLost, Reason, Refused, RequestFailed, VersionMismatch
from appliances.links.hello import call, hello
from appliances.links.link import Link
from appliances.links.messages import Ack, Bye, Commits, Hello, Message, Ping, SnapshotMessage, Status, Sync
from appliances.links.outbox import Outbox
from appliances.links.peer import Kind
from appliances.links.ssh import CLUSTER_USER, SUBSYSTEM
from appliances.links.timing import RealTime
from clusters.versions import CommitId
from tests.appliances.links.conftest import QUICK, Box, Cutter, HandTime, until


def equal(*boxes: Box) -> bool:
    replicas = [box.holder.replica for box in boxes]
    return all(r.vector == replicas[0].vector and r.digest() == replicas[0].digest() for r in replicas)


class Puppet:
    """A member's end of a link that says what the test wants."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def next(self, kind: type[Message]) -> Message:
        """The next message of that kind."""
        while True:
            message = await asyncio.wait_for(self.channel.receive(), 20)
            assert message is not None, f"the link ended before {kind.__name__}"
            if isinstance(message, kind):
                return message


@pytest.fixture
async def puppets():
    """Makes puppets: `await puppets(target, box)` is that box's end of a link."""
    connections: list[asyncssh.SSHClientConnection] = []

    async def make(target: Target, box: Box, say: Hello | None = None) -> Puppet:
        conn = await asyncssh.connect(
            target.address,
            target.port,
            username=CLUSTER_USER,
            client_keys=[box.holder.keys.user],
            known_hosts=None,
            config=None,
            agent_path=None,
        )
        connections.append(conn)
        writer, reader, _ = await conn.open_session(subsystem=SUBSYSTEM, encoding=None)
        channel = Channel(reader, writer, conn.close)
        ours = say or hello(await box.holder.identity(), await box.holder.vector(), "member")
        await call(channel, ours, QUICK, RealTime())
        return Puppet(channel)

    yield make
    for conn in connections:
        conn.close()
        await conn.wait_closed()


async def test_link_syncs_both_ways_at_once_and_after_each_commit(pair):
    a, b, target = await pair()
    a.commit("smtproutes", {"x": 1})
    b.commit("bounceconfig", {"y": 2})

    link = await b.dial(target, a)
    link.start()
    await until(lambda: equal(a, b) and b.holder.replica.vector == {"A": 1, "B": 1})

    a.commit("smtproutes", {"x": 3})
    a.keeper.links[0].advanced()
    await until(lambda: equal(a, b))
    b.commit("smtproutes", {"x": 4})
    link.advanced()
    await until(lambda: equal(a, b))


async def test_link_knows_round_trip_last_heard_and_the_peers_vector(pair):
    a, b, target = await pair()
    a.commit("smtproutes", {"x": 1})

    link = await b.dial(target, a)
    link.start()

    await until(lambda: link.round_trip is not None and link.peer_vector == {"A": 1})
    first = link.heard_at
    await until(lambda: link.heard_at > first)
    assert 0 < link.round_trip < 5
    assert (link.peer.serial, link.dialler, a.keeper.links[0].dialler) == ("A", "B", "B")


async def test_link_tells_statuses_at_once_and_on_change(pair):
    a, b, target = await pair()
    a.holder.own_status = {"fingerprint": "one"}
    (await b.dial(target, a)).start()
    await until(
        lambda: b.holder.statuses.get("A", {}).get("fingerprint") == "one" and "B" in a.holder.statuses
    )

    a.holder.own_status = {"fingerprint": "two"}
    a.keeper.links[0].status_changed()

    await until(lambda: b.holder.statuses["A"]["fingerprint"] == "two")


async def test_status_that_cannot_be_kept_is_no_reason_to_lose_the_link(pair, caplog):
    a, b, target = await pair()

    async def broken(serial: str, status: object) -> None:
        raise OSError("disk full")

    a.holder.heard_status = broken
    link = await b.dial(target, a)
    link.start()
    await until(lambda: "could not keep the status" in caplog.text)
    b.commit("smtproutes", {"x": 1})
    link.advanced()
    await until(lambda: equal(a, b))


async def test_link_pings_every_minute_and_tells_its_status_with_it(pair):
    """COM-04."""
    a, b, target = await pair()
    heard: list[str] = []

    async def hear(serial: str, status: object) -> None:
        heard.append(serial)

    a.holder.heard_status = hear
    clock = HandTime()
    link = await dial(target, b.holder, b.holder.keys.user, a.holder.keys.host_public, timing=clock)
    b.links.append(link)
    link.start()

    await until(lambda: len(heard) == 1)
    for count in (2, 3, 4):
        clock.turn(59)
        await asyncio.sleep(0)
        assert len(heard) == count - 1
        clock.turn(1)
        await until(lambda: len(heard) == count)  # noqa: B023  called before the next turn


async def test_peer_that_answers_no_ping_is_lost(pair, puppets):
    a, b, target = await pair()
    hurry = dataclasses.replace(QUICK, answer=0.3)
    a.services[0]._pace = hurry

    silent = await puppets(target, b)
    await until(lambda: a.keeper.links)

    await until(lambda: not a.keeper.links[0].alive)
    assert "no answer to a ping within 0.3 seconds" in a.keeper.links[0].reason
    assert await silent.next(Ping)


async def test_many_commits_travel_in_batches(pair):
    a, b, target = await pair()
    for number in range(1000):
        a.commit("smtproutes", {"x": number})
    batches: list[int] = []
    absorb = b.holder.absorb

    async def counted(commits):
        batches.append(len(commits))
        return await absorb(commits)

    b.holder.absorb = counted
    (await b.dial(target, a)).start()

    await until(lambda: equal(a, b))
    assert batches == [200] * 5


async def test_large_commits_travel_in_smaller_batches_and_a_huge_one_alone(pair):
    a, b, target = await pair()
    for number in range(4):
        a.commit("dictionary", {"words": f"{number}" * 600_000})
    a.commit("dictionary", {"words": "x" * 4_500_000})
    batches: list[int] = []
    absorb = b.holder.absorb

    async def counted(commits):
        batches.append(len(commits))
        return await absorb(commits)

    b.holder.absorb = counted
    (await b.dial(target, a)).start()

    await until(lambda: equal(a, b), seconds=90)
    assert batches == [1] * 5


async def test_both_ends_sending_much_at_once_do_not_block_each_other(pair):
    a, b, target = await pair()
    for number in range(12):
        a.commit("dictionary", {"words": f"{number}" * 500_000})
        b.commit("textconfig", {"text": f"{number}" * 500_000})

    (await b.dial(target, a)).start()

    await until(lambda: equal(a, b), seconds=90)


async def test_peer_that_is_too_far_behind_gets_a_snapshot_and_the_tail(pair):
    a, b, target = await pair()
    for number in range(5):
        a.commit("smtproutes", {"x": number})
    a.holder.replica.compact(a.holder.replica.vector)
    a.commit("bounceconfig", {"y": 1})
    b.commit("textconfig", {"z": 1})

    (await b.dial(target, a)).start()

    await until(lambda: equal(a, b))
    assert b.holder.replica.vector == {"A": 6, "B": 1}


@pytest.mark.parametrize("limit", [3_000, 60_000, 300_000, 900_000])
async def test_link_cut_in_the_middle_is_made_good_on_reconnect(pair, limit):
    a, b, target = await pair()
    for number in range(30):
        b.commit("dictionary", {"words": f"{number} " * 20_000})
    cutter = Cutter(target, limit)
    way = await cutter.start()
    try:
        link = await b.dial(way, a)
        link.start()
        await until(lambda: not link.alive)
        assert not equal(a, b)
        cutter.limit = None
        (await b.dial(way, a)).start()
        await until(lambda: equal(a, b))
    finally:
        await cutter.stop()


async def test_commits_that_come_twice_or_late_change_nothing(pair, puppets):
    a, b, target = await pair()
    commits = [b.commit("smtproutes", {"x": number}).to_wire() for number in range(3)]
    puppet = await puppets(target, b, hello(await b.holder.identity(), {}, "member"))

    for number in range(3):
        await puppet.channel.send(Commits(n=number, commits=commits))
        ack = await puppet.next(Ack)
        assert (ack.n, ack.vector, ack.error) == (number, {"B": 3}, "")
    await puppet.channel.send(Commits(n=9, commits=commits[:1]))
    assert (await puppet.next(Ack)).vector == {"B": 3}
    assert equal(a, b)


async def test_commits_with_a_gap_are_asked_for_again(pair, puppets):
    _, b, target = await pair()
    commits = [b.commit("smtproutes", {"x": number}).to_wire() for number in range(3)]
    puppet = await puppets(target, b, hello(await b.holder.identity(), {}, "member"))
    await puppet.next(Ping)

    await puppet.channel.send(Commits(n=1, commits=commits[1:]))

    assert (await puppet.next(Ack)).vector == {}
    told = await puppet.next(Sync)
    assert (told.vector, told.full) == ({}, True)


@pytest.mark.parametrize(
    "commit",
    [
        {},
        {"id": "B/1"},
        {"id": "B/1", "time": [1, 0], "seen": {}, "user": "u", "host": "h", "comment": "", "changes": [{}]},
        {"id": "B/x", "time": [1, 0], "seen": {}, "user": "u", "host": "h", "comment": "", "changes": []},
        {"id": "B/7", "time": [1, 0], "seen": {}, "user": "u", "host": "h", "comment": "", "changes": []},
    ],
)
async def test_malformed_commit_changes_nothing_and_takes_the_good_ones_with_it(pair, puppets, commit):
    a, b, target = await pair()
    good = b.commit("smtproutes", {"x": 1}).to_wire()
    puppet = await puppets(target, b, hello(await b.holder.identity(), {}, "member"))

    await puppet.channel.send(Commits(n=1, commits=[good, commit]))
    ack = await puppet.next(Ack)
    assert "not accepted" in ack.error
    assert a.holder.replica.vector == {}

    await puppet.channel.send(Commits(n=2, commits=[good]))
    assert (await puppet.next(Ack)).vector == {"B": 1}


async def test_malformed_snapshot_changes_nothing(pair, puppets):
    a, b, target = await pair()
    puppet = await puppets(target, b)

    await puppet.channel.send(SnapshotMessage(n=1, snapshot={"vector": {"B": 1}, "entries": {"x/y/z": []}}))

    assert "not accepted" in (await puppet.next(Ack)).error
    assert a.holder.replica.vector == {}


async def test_commits_that_cannot_be_stored_come_again_and_the_trouble_shows(pair, caplog):
    a, b, target = await pair()
    store = a.holder.absorb

    async def full(commits):
        raise OSError(errno.ENOSPC, "no space left on device")

    a.holder.absorb = full
    b.commit("smtproutes", {"x": 1})
    link = await b.dial(target, a)
    link.start()
    await until(lambda: "the disk is full" in link.trouble)
    assert a.holder.replica.vector == {}

    a.holder.absorb = store
    await until(lambda: equal(a, b))
    await until(lambda: link.trouble == "")
    assert link.alive


async def test_commits_that_are_refused_do_not_come_again_before_the_next_ping(pair, caplog):
    a, b, target = await pair()
    tries: list[int] = []

    async def full(commits):
        tries.append(len(commits))
        raise OSError("no space left on device")

    a.holder.absorb = full
    b.commit("smtproutes", {"x": 1})
    quiet = dataclasses.replace(QUICK, ping=1000.0)
    a.services[0]._pace = quiet
    link = await dial(target, b.holder, b.holder.keys.user, a.holder.keys.host_public, pace=quiet)
    b.links.append(link)
    link.start()

    await asyncio.wait_for(link.settled(), 20)
    assert tries == [1]
    link.advanced()
    await asyncio.wait_for(link.settled(), 20)
    assert tries == [1, 1]


async def test_commit_held_for_its_date_does_not_come_again_before_the_next_ping(pair):
    a, b, target = await pair()
    tries: list[int] = []
    absorb = a.holder.absorb

    async def counted(commits):
        tries.append(len(commits))
        return await absorb(commits)

    a.holder.absorb = counted
    b.holder.replica.clock._wall = lambda: 4_000_000_000_000
    b.commit("smtproutes", {"x": 1})
    quiet = dataclasses.replace(QUICK, ping=1000.0)
    a.services[0]._pace = quiet
    link = await dial(target, b.holder, b.holder.keys.user, a.holder.keys.host_public, pace=quiet)
    b.links.append(link)
    link.start()

    await until(lambda: tries)
    await asyncio.wait_for(link.settled(), 20)
    assert tries == [1]


async def test_commit_dated_too_far_ahead_waits_and_the_trouble_shows(pair):
    a, b, target = await pair()
    b.holder.replica.clock._wall = lambda: 4_000_000_000_000
    b.commit("smtproutes", {"x": 1})

    link = await b.dial(target, a)
    link.start()

    await until(lambda: "wait there for their date" in link.trouble)
    held = a.holder.replica.store.held()
    assert [commit.id for commit in held] == [CommitId("B", 1)]
    a.holder.replica.absorb([], accept=frozenset(c.id for c in held))
    await until(lambda: equal(a, b) and link.trouble == "")


async def test_wrong_belief_of_what_the_peer_holds_is_corrected_with_the_next_ping(pair):
    a, b, target = await pair()
    a.commit("smtproutes", {"x": 1})
    link = await b.dial(target, a)
    link.start()
    await until(lambda: equal(a, b))
    ours = a.keeper.links[0]
    ours._exchange.theirs = {"B": 7, "Z": 3}

    await until(lambda: ours.peer_vector == {"A": 1})


async def test_run_streams_the_answer_and_several_go_on_at_once(pair):
    a, b, target = await pair()
    link = await b.dial(target, a)
    link.start()

    async def ask(items: list[int], by: Link) -> list[object]:
        return [piece["item"] async for piece in by.run({"echo": items}, "ops")]

    await until(lambda: a.keeper.links)
    answers = await asyncio.gather(
        *(ask(list(range(n)), link) for n in range(10)), ask([7], a.keeper.links[0])
    )

    assert answers == [list(range(n)) for n in range(10)] + [[7]]
    assert [piece async for piece in link.run({"echo": ["x"]}, "ops")] == [{"item": "x", "for": "ops"}]


async def test_run_that_is_refused_or_fails_says_why(pair, caplog):
    a, b, target = await pair()
    link = await b.dial(target, a)
    link.start()

    with pytest.raises(RequestFailed, match="only echo is known here"):
        [_ async for _ in link.run({"format": "disk"}, "ops")]

    async def broken(request, caller):
        yield {"first": 1}
        raise KeyError("surprise")

    a.holder.run = broken
    answer = link.run({}, "ops")
    assert await anext(answer) == {"first": 1}
    with pytest.raises(RequestFailed, match="surprise"):
        await anext(answer)
    assert link.alive


async def test_run_left_early_is_cancelled_at_the_other_end(pair):
    a, b, target = await pair()
    ended = asyncio.Event()

    async def endless(request, caller):
        try:
            while True:
                yield {"tick": 1}
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    a.holder.run = endless
    link = await b.dial(target, a)
    link.start()

    answer = link.run({}, "ops")
    assert await anext(answer) == {"tick": 1}
    await answer.aclose()

    await asyncio.wait_for(ended.wait(), 20)


async def test_run_over_a_link_that_ends_is_lost_and_stops_there(pair):
    a, b, target = await pair()
    ended = asyncio.Event()

    async def endless(request, caller):
        try:
            yield {"tick": 1}
            await asyncio.Event().wait()
        finally:
            ended.set()

    a.holder.run = endless
    link = await b.dial(target, a)
    link.start()
    answer = link.run({}, "ops")
    await anext(answer)

    await link.close()

    with pytest.raises(LinkLost):
        await anext(answer)
    await asyncio.wait_for(ended.wait(), 20)
    with pytest.raises(LinkLost):
        link.run({}, "ops")


async def test_too_many_requests_at_once_are_refused(pair):
    a, b, target = await pair()

    async def waits(request, caller):
        yield {"tick": 1}
        await asyncio.Event().wait()

    a.holder.run = waits
    link = await b.dial(target, a)
    link.start()
    running = [link.run({}, "ops") for _ in range(32)]
    await asyncio.gather(*(anext(answer) for answer in running))

    with pytest.raises(RequestFailed, match="too many"):
        await anext(link.run({}, "ops"))
    for answer in running:
        await answer.aclose()


async def test_close_says_why_to_the_other_end(pair):
    a, b, target = await pair()
    link = await b.dial(target, a)
    link.start()
    await until(lambda: a.keeper.links)

    await link.close("upgrade", "this machine is upgraded now")

    await until(lambda: not a.keeper.links[0].alive)
    assert a.keeper.links[0].farewell == "upgrade"
    assert a.keeper.links[0].reason == "this machine is upgraded now"
    await until(lambda: not a.services[0]._connections)


async def test_close_lets_what_is_being_absorbed_be_absorbed(pair):
    a, b, target = await pair()
    absorbing, go_on = asyncio.Event(), asyncio.Event()
    absorb = a.holder.absorb

    async def slow(commits):
        absorbing.set()
        await go_on.wait()
        return await absorb(commits)

    a.holder.absorb = slow
    b.commit("smtproutes", {"x": 1})
    (await b.dial(target, a)).start()
    await asyncio.wait_for(absorbing.wait(), 20)

    closing = asyncio.ensure_future(a.keeper.links[0].close())
    await until(lambda: a.keeper.links[0]._outbox._ended)
    go_on.set()
    await closing

    assert a.holder.replica.vector == {"B": 1}
    assert a.keeper.took_from == ["B"]


@pytest.mark.parametrize("message", [Hello, Status])
async def test_message_at_the_wrong_moment_ends_the_link(pair, puppets, message):
    a, b, target = await pair()
    puppet = await puppets(target, b)
    who = await b.holder.identity()
    wrong = hello(who, {}, "member") if message is Hello else Status(serial="C", status={})

    await puppet.channel.send(wrong)

    assert (await puppet.next(Bye)).reason == "protocol-error"
    await until(lambda: not a.keeper.links[0].alive)
    assert Fault.UNEXPECTED in a.keeper.links[0].reason
    assert a.holder.statuses == {}


async def test_outbox_lets_short_messages_pass_a_long_one():
    written: list[bytes] = []

    class Writer:
        def write(self, data: bytes) -> None:
            written.append(data)
            if len(written) == 2:
                outbox.post(Ping(n=1, sent_at=1, digest=""))

        async def drain(self) -> None:
            await asyncio.sleep(0)

    outbox = Outbox(Writer())
    writing = asyncio.ensure_future(outbox.write_all())
    await asyncio.wait_for(outbox.send(Status(serial="A", status={"text": "x" * 1_000_000})), 20)
    writing.cancel()

    assert b"ping" in written[2]
    assert len(written) > 5


async def test_outbox_at_its_end_wakes_all_who_wait_and_takes_no_more():
    class Stuck:
        def write(self, data: bytes) -> None:
            return

        async def drain(self) -> None:
            await asyncio.Event().wait()

    outbox = Outbox(Stuck())
    writing = asyncio.ensure_future(outbox.write_all())
    sending = [asyncio.ensure_future(outbox.send(Ping(n=n, sent_at=1, digest=""))) for n in range(20)]
    await asyncio.sleep(0.05)
    writing.cancel()
    await asyncio.wait({writing})
    outbox.end()

    for each in sending:
        with pytest.raises(LinkLost):
            await asyncio.wait_for(each, 20)
    with pytest.raises(LinkLost):
        outbox.post(Ping(n=1, sent_at=1, digest=""))


async def test_outbox_of_a_peer_that_reads_nothing_overflows(monkeypatch):
    monkeypatch.setattr("appliances.links.outbox.MAX_WAITING", 3)
    outbox = Outbox(None)  # type: ignore[arg-type]  # it never sends
    for number in range(3):
        outbox.post(Ping(n=number, sent_at=1, digest=""))

    with pytest.raises(LinkLost, match="does not read"):
        outbox.post(Ping(n=9, sent_at=1, digest=""))


async def test_errand_of_a_portal_asks_across_releases_and_moves_no_commits(box):
    """CL-12: commits travel between equal releases only; a portal may still ask (UPG-08)."""
    member, portal = box("A"), box("P", release="2.0", kind=Kind.PORTAL)
    member.knows(portal)
    portal.knows(member)
    target = await member.listen()
    member.commit("smtproutes", {"routes": []})
    with pytest.raises(VersionMismatch):
        await portal.dial(target, member)

    errand = await portal.dial(target, member, purpose="errand")
    errand.start()

    answer = [piece async for piece in errand.run({"echo": [1, 2]}, "alice")]
    assert answer == [{"item": 1, "for": "alice"}, {"item": 2, "for": "alice"}]
    await until(lambda: "A" in portal.holder.statuses, "the member tells its status")
    assert portal.holder.replica.vector == {}
    assert member.keeper.links == [], "the table of the member does not keep it"
    await errand.close()


async def test_member_runs_no_errands(pair):
    a, b, target = await pair()
    with pytest.raises(Refused) as refused:
        await b.dial(target, a, purpose="errand")
    assert refused.value.reason is Reason.NOT_ALLOWED
    assert a.keeper.links == []


async def test_commits_on_an_errand_end_it(box, puppets):
    member, portal = box("A"), box("P", kind=Kind.PORTAL)
    member.knows(portal)
    target = await member.listen()
    ours = hello(portal.holder.who, {}, "errand")
    puppet = await puppets(target, portal, ours)
    commit = portal.commit("smtproutes", {"routes": []})
    await puppet.channel.send(Commits(n=1, commits=[commit.to_wire()]))
    assert "errand" in (await puppet.next(Bye)).text
    assert member.holder.replica.vector == {}
