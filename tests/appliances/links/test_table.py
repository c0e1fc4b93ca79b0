"""Tables of links: machines that find, lose, judge and refuse each other over real SSH."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from appliances.links import calling
from appliances.links.calling import Target
from appliances.links.errors import LinkError, Reason, Refused, Unreachable
from appliances.links.identity import Keys
from appliances.links.neighbours import everybody, neighbours
from appliances.links.peer import Kind, Refusal
from appliances.links.states import Event, EventKind, Member, State, Wanted
from appliances.links.table import Table
from appliances.links.timing import Pace
from tests.appliances.links.conftest import QUICK, Box, Cutter, HandTime, loopback, until
from tests.appliances.links.test_link import equal


class Node:
    """A machine with its table; `cluster` has the entries that its replica would hold."""

    def __init__(self, box: Box, pace: Pace) -> None:
        self.box = box
        self.events: list[Event] = []
        self.pace = pace
        self.table = self._table()
        self.target = Target("", 0)
        self.others: dict[str, Member] = {}

    def _table(self, **options: Any) -> Table:
        holder = self.box.holder
        return Table(
            holder, self.serial, holder.keys.user, listener=self.events.append, pace=self.pace, **options
        )

    @property
    def serial(self) -> str:
        return self.box.serial

    def entry(self, **changes: Any) -> Member:
        key = self.box.holder.keys.host_public
        member = Member(self.serial, f"{self.serial}.example.com", self.target.address, self.target.port, key)
        return dataclasses.replace(member, **changes)

    def meet(self, *others: Node) -> None:
        """Learns the entries of others, and lets links begin."""
        for other in others:
            self.box.knows(other.box)
            self.others[other.serial] = other.entry()
        self.table.update(self.others.values())

    def change(self, serial: str, **changes: Any) -> None:
        """One entry has changed."""
        self.others[serial] = dataclasses.replace(self.others[serial], **changes)
        self.table.update(self.others.values())

    def state(self, serial: str) -> State:
        return next(v.state for v in self.table.views() if v.serial == serial)

    def reason(self, serial: str) -> str:
        return next(v.reason for v in self.table.views() if v.serial == serial)

    def commit(self, value: int) -> None:
        self.box.commit("smtproutes", {"x": value})
        self.table.advanced()

    def happened(self, kind: EventKind, serial: str) -> list[Event]:
        return [event for event in self.events if (event.kind, event.serial) == (kind, serial)]

    async def listen(self) -> None:
        self.target = await self.box.listen(links=self.table, pace=self.pace)

    async def stop(self) -> None:
        await self.table.close()
        await self.box.stop()
        self.box.services.clear()

    async def restart(self) -> None:
        """The same machine again, on the same address and port."""
        self.table = self._table()
        service = await self._listen_again()
        assert service == self.target
        self.table.update(self.others.values())

    async def _listen_again(self) -> Target:
        from appliances.links.server import Service
        from appliances.links.ssh import ServiceKind

        holder = self.box.holder
        service = Service(
            ServiceKind.SSH,
            self.target.address,
            self.target.port,
            holder.keys,
            holder,
            self.table,
            pace=self.pace,
        )
        await service.start()
        self.box.services.append(service)
        return Target(service.address, service.port)


Nodes = Callable[..., Coroutine[Any, Any, list[Node]]]


@pytest.fixture
async def nodes(box) -> AsyncIterator[Nodes]:
    """`await nodes("A", "B")` makes listening machines that do not know each other yet."""
    made: list[Node] = []

    async def make(*serials: str, pace: Pace = QUICK) -> list[Node]:
        new = [Node(box(serial), pace) for serial in serials]
        made.extend(new)
        for node in new:
            await node.listen()
        return new

    yield make
    await asyncio.gather(*(node.stop() for node in made))


def acquaint(*nodes: Node) -> None:
    for node in nodes:
        node.meet(*(other for other in nodes if other is not node))


def all_connected(*nodes: Node) -> bool:
    return all(view.state is State.CONNECTED for node in nodes for view in node.table.views())


async def test_table_links_every_machine_with_every_other_once(nodes):
    """COM-01."""
    a, b, c = await nodes("A", "B", "C")

    acquaint(a, b, c)
    await until(lambda: all_connected(a, b, c))

    await until(lambda: [len(n.box.services[0]._connections) for n in (a, b, c)] == [0, 1, 2])
    assert [link.dialler for link in b.table.links()] == ["A", "B"]
    view = a.table.views()[0]
    assert (view.serial, view.dialled_by, view.reason, view.attempts) == ("B", "A", "", 0)


async def test_machines_that_call_each_other_at_once_keep_one_link(nodes):
    hasty = dataclasses.replace(QUICK, grace=0.0)
    a, b = await nodes("A", "B", pace=hasty)

    acquaint(a, b)
    await until(lambda: all_connected(a, b))

    await until(lambda: len(b.box.services[0]._connections) == 1 and not a.box.services[0]._connections)
    await until(lambda: a.table.link("B") is not None and b.table.link("A") is not None)
    assert a.table.link("B").dialler == b.table.link("A").dialler == "A"
    a.commit(1)
    await until(lambda: equal(a.box, b.box))
    assert not a.happened(EventKind.DOWN, "B")


async def test_call_that_fails_while_the_peer_calls_us_leaves_it_connected(nodes):
    a, b = await nodes("A", "B")
    calling, go_on = asyncio.Event(), asyncio.Event()

    async def refused_late(member: Member) -> Any:
        calling.set()
        await go_on.wait()
        raise Refused(Reason.REMOVED, "too late")

    b.table.call = refused_late
    b.meet(a)
    await asyncio.wait_for(calling.wait(), 20)
    a.meet(b)
    await until(lambda: b.state("A") is State.CONNECTED)

    go_on.set()
    a.commit(1)
    await until(lambda: equal(a.box, b.box))

    assert b.state("A") is State.CONNECTED
    assert not b.happened(EventKind.REFUSED, "A")


async def test_call_to_an_address_that_was_changed_meanwhile_is_given_up(nodes):
    a, b = await nodes("A", "B")
    b.box.knows(a.box)
    calling, go_on, made = asyncio.Event(), asyncio.Event(), []
    call = a.table.call

    async def slow(member: Member) -> Any:
        link = await call(member)
        made.append(link)
        calling.set()
        await go_on.wait()
        return link

    a.table.call = slow
    a.meet(b)
    await asyncio.wait_for(calling.wait(), 20)
    a.change("B", address=loopback(), port=9)
    go_on.set()

    await until(lambda: not made[0].alive)
    await until(lambda: a.state("B") is State.DOWN)


async def test_higher_machine_dials_when_the_lower_one_cannot(nodes):
    a, b = await nodes("A", "B")
    a.meet(b)
    a.change("B", address=loopback(), port=9)

    b.meet(a)

    await until(lambda: all_connected(a, b))
    assert a.table.link("B").dialler == "B"


async def test_commit_reaches_all_and_each_takes_it_once(nodes):
    calm = dataclasses.replace(QUICK, relay=10.0, ping=1000.0)
    group = await nodes("A", "B", "C", "D", pace=calm)
    taken: list[str] = []
    for node in group:
        _count_absorbed(node, taken)
    acquaint(*group)
    await until(lambda: all_connected(*group))

    group[0].commit(1)
    await until(lambda: equal(*(n.box for n in group)))
    await until(lambda: all(link.peer_vector == {"A": 1} for n in group for link in n.table.links()))

    assert sorted(taken) == ["B", "C", "D"]


def _count_absorbed(node: Node, taken: list[str]) -> None:
    absorb = node.box.holder.absorb

    async def counted(commits: list[dict[str, Any]]) -> Any:
        taken.append(node.serial)
        return await absorb(commits)

    node.box.holder.absorb = counted


async def test_commit_reaches_a_machine_through_a_third_without_waiting_for_a_ping(nodes):
    quiet = dataclasses.replace(QUICK, ping=1000.0)
    a, b, c = await nodes("A", "B", "C", pace=quiet)
    acquaint(a, b, c)
    for one, other in ((a, "C"), (c, "A")):
        one.change(other, address=loopback(), port=9)
    await until(lambda: a.state("B") is c.state("B") is State.CONNECTED)
    await until(lambda: a.table.link("C") is None and c.table.link("A") is None)

    a.commit(1)
    await until(lambda: equal(a.box, b.box, c.box))
    c.commit(2)
    await until(lambda: equal(a.box, b.box, c.box))


async def test_machine_that_others_reach_is_suspect_and_not_down(nodes):
    a, b, c = await nodes("A", "B", "C")
    acquaint(a, b, c)
    await until(lambda: all_connected(a, b, c))
    for one, other in ((c, "A"), (a, "C")):
        one.change(other, address=loopback(), port=9)

    await until(lambda: "B.example.com reaches it" in a.reason("C") and a.table.views()[1].attempts > 5)
    assert a.state("C") is State.SUSPECT
    assert not a.happened(EventKind.DOWN, "C")

    await c.stop()
    await until(lambda: a.state("C") is State.DOWN)
    assert a.happened(EventKind.DOWN, "C")


async def test_machine_that_nobody_reaches_is_down_with_one_line_and_one_alert(nodes, caplog):
    """SYN-01."""
    caplog.set_level(logging.INFO)
    slow = dataclasses.replace(QUICK, alert=60.0)
    a, b, c = await nodes("A", "B", "C", pace=slow)
    acquaint(a, b, c)
    await until(lambda: all_connected(a, b, c))

    await c.stop()
    await until(lambda: a.state("C") is b.state("C") is State.DOWN)
    a.commit(1)
    b.commit(2)
    seen = a.table.views()[1].attempts
    await until(lambda: a.table.views()[1].attempts > seen + 3)
    assert len(a.happened(EventKind.DOWN, "C")) == 1
    lines = [r.message for r in caplog.records if r.levelno == logging.WARNING and "is down" in r.message]
    assert len(lines) == 2
    assert "C.example.com (C) is down" in lines[0]
    assert a.table.views()[1].remedy

    await c.restart()
    await until(lambda: all_connected(a, b, c))
    await until(lambda: equal(a.box, b.box, c.box))
    assert len(a.happened(EventKind.UP, "C")) == 1
    assert len(a.happened(EventKind.DOWN, "C")) == 1
    assert a.state("B") is State.CONNECTED


async def test_alert_of_a_machine_that_stays_down_is_repeated(nodes):
    """SYN-16."""
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))

    await b.stop()

    await until(lambda: len(a.happened(EventKind.DOWN, "B")) == 4)
    first, *_, last = a.happened(EventKind.DOWN, "B")
    assert (first.repeated, last.repeated) == (0, 3)
    assert last.at - first.at >= 0.05 * 7 * 0.9
    assert "may be cut off" in last.text


async def test_single_failed_attempt_raises_no_alert(nodes):
    """SYN-01."""
    patient = dataclasses.replace(QUICK, attempts=1000, patience=0.0)
    a, b = await nodes("A", "B", pace=patient)
    a.meet(b)

    await b.stop()

    await until(lambda: a.table.views()[0].attempts > 3)
    assert a.state("B") is State.SUSPECT
    assert not a.happened(EventKind.DOWN, "B")


async def test_link_that_breaks_is_made_again_and_syncs_what_was_missed(nodes):
    """SYN-03."""
    a, b = await nodes("A", "B")
    cutter = Cutter(b.target)
    way = await cutter.start()
    try:
        acquaint(a, b)
        a.change("B", address=way.address, port=way.port)
        b.change("A", address=loopback(), port=9)
        await until(lambda: all_connected(a, b))
        for number in range(5):
            cutter.cut()
            a.box.commit("smtproutes", {"x": number})
            await until(lambda: len(a.box.holder.replica.vector) and equal(a.box, b.box))
        assert a.box.holder.replica.vector == {"A": 5}
        assert [e.state for e in a.happened(EventKind.CHANGED, "B")].count(State.SUSPECT) >= 5
    finally:
        await cutter.stop()


async def test_disconnected_machine_gets_the_last_commits_and_stays_apart_until_reconnected(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))
    a.box.commit("smtproutes", {"x": "disconnect B"})

    a.change("B", wanted=Wanted.DISCONNECTED)
    a.box.holder.directory[b.box.holder.keys.user_public] = Refusal(Reason.DISCONNECTED, "B is disconnected")

    await until(lambda: equal(a.box, b.box))
    await until(lambda: b.state("A") is State.DISCONNECTED)
    assert a.state("B") is State.DISCONNECTED
    b.table.redial()
    await until(lambda: b.reason("A") == "B is disconnected")
    assert "clusterconfig reconnect" in b.table.views()[0].remedy
    assert b.happened(EventKind.REFUSED, "A")
    assert not b.happened(EventKind.DOWN, "A")

    a.box.knows(b.box)
    a.change("B", wanted=Wanted.CONNECTED)
    await until(lambda: all_connected(a, b))


async def test_machine_disconnected_itself_is_reached_to_be_reconnected(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))
    a.change("B", wanted=Wanted.DISCONNECTED)
    b.change("A", wanted=Wanted.DISCONNECTED)
    await until(lambda: not a.box.services[0]._connections and not b.box.services[0]._connections)
    assert b.state("A") is State.DISCONNECTED
    a.box.commit("smtproutes", {"x": "reconnect B"})

    a.change("B", wanted=Wanted.CONNECTED)
    await until(lambda: equal(a.box, b.box))
    b.table.update(b.others.values())
    assert b.state("A") is State.CONNECTED

    a.change("B", wanted=Wanted.DISCONNECTED)
    await until(lambda: b.state("A") is State.DISCONNECTED)


async def test_removed_machine_gets_the_last_commits_and_is_told_so(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))
    a.box.commit("smtproutes", {"x": "remove B"})

    a.box.holder.directory[b.box.holder.keys.user_public] = Refusal(Reason.REMOVED, "B was removed")
    a.table.update([])

    await until(lambda: equal(a.box, b.box))
    assert a.table.views() == []
    await until(lambda: b.state("A") is State.REMOVED)
    b.table.redial()
    await until(lambda: b.reason("A") == "B was removed")
    assert b.table.link("A") is None


async def test_machine_of_another_release_is_disconnected_and_both_releases_are_named(nodes):
    """CL-12, UPG-08."""
    a, b = await nodes("A", "B")
    b.box.holder.who = dataclasses.replace(b.box.holder.who, release="2.0")
    b.commit(1)

    acquaint(a, b)

    await until(lambda: a.state("B") is State.DISCONNECTED)
    assert "1.0" in a.reason("B")
    assert "2.0" in a.reason("B")
    assert a.happened(EventKind.REFUSED, "B")
    assert a.box.holder.replica.vector == {}
    b.box.holder.who = dataclasses.replace(b.box.holder.who, release="1.0")
    await until(lambda: all_connected(a, b))


async def test_changed_host_key_raises_an_alert_and_makes_no_link_until_it_is_accepted(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    b.table.update([])
    wrong = Keys.make().host_public
    a.change("B", host_key=wrong)

    await until(lambda: a.happened(EventKind.HOST_KEY, "B"))
    await until(lambda: a.state("B") is State.DOWN)
    assert a.table.link("B") is None
    assert "pinned" in a.reason("B")

    a.change("B", host_key=b.box.holder.keys.host_public)
    await until(lambda: a.state("B") is State.CONNECTED)


async def test_moved_service_is_followed(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))
    old = a.table.link("B")
    first = b.box.services[0]

    moved = await b.box.listen(links=b.table)
    a.change("B", port=moved.port)

    await until(lambda: not old.alive and a.state("B") is State.CONNECTED)
    await until(lambda: len(b.box.services[1]._connections) == 1 and not first._connections)


async def test_portal_dials_all_and_is_awaited_when_it_is_gone(nodes, box):
    a, b = await nodes("A", "B")
    portal = Node(box("P", kind=Kind.PORTAL), QUICK)
    portal.table = portal._table(choose=everybody)
    for node in (a, b):
        node.box.knows(portal.box)
        node.others["P"] = Member("P", "portal", kind=Kind.PORTAL)
    acquaint(a, b)

    portal.meet(a, b)
    await until(lambda: all_connected(a, b, portal))
    portal.commit(1)
    await until(lambda: equal(a.box, b.box, portal.box))
    await until(lambda: set(portal.box.holder.statuses) == {"A", "B"})

    await portal.stop()
    await until(lambda: a.state("P") is State.SUSPECT)
    assert "program at the other end was stopped" in a.reason("P")
    await until(lambda: a.state("P") is b.state("P") is State.DOWN)
    assert "makes the call itself" in a.reason("P")
    a.commit(2)
    await until(lambda: equal(a.box, b.box))


async def test_peer_whose_entry_has_not_come_yet_is_kept(nodes):
    a, b = await nodes("A", "B")
    b.box.knows(a.box)

    a.meet(b)

    await until(lambda: b.table.link("A") is not None)
    b.table.update([])
    a.commit(1)
    await until(lambda: equal(a.box, b.box))
    b.meet(a)
    assert b.state("A") is State.CONNECTED
    await a.stop()
    await until(lambda: b.state("A") is State.DOWN)


async def test_peer_whose_key_is_no_longer_accepted_is_not_kept_without_an_entry(nodes):
    a, b = await nodes("A", "B")
    b.box.knows(a.box)
    a.meet(b)
    await until(lambda: b.table.link("A") is not None)
    b.box.holder.directory[a.box.holder.keys.user_public] = Refusal(Reason.REMOVED, "A was removed")

    b.table.update([])

    await until(lambda: b.table.views() == [])
    await until(lambda: a.state("B") is State.REMOVED)


async def test_peer_removed_between_its_login_and_its_hello_gets_no_link(nodes):
    a, b = await nodes("A", "B")
    b.box.knows(a.box)
    asked: list[str] = []
    look_up = b.box.holder.peer_by_key

    async def removed_meanwhile(public_key: str) -> Any:
        asked.append(public_key)
        return await look_up(public_key) if len(asked) < 3 else Refusal(Reason.REMOVED, "A was removed")

    b.box.holder.peer_by_key = removed_meanwhile
    a.meet(b)

    await until(lambda: a.state("B") is State.REMOVED)
    assert b.table.views() == []


async def test_stray_peer_that_leaves_is_forgotten(nodes):
    a, b = await nodes("A", "B")
    b.box.knows(a.box)
    a.meet(b)
    await until(lambda: b.table.views())

    await a.stop()

    await until(lambda: b.table.views() == [])


async def test_machine_apart_in_a_large_cluster_is_unknown_and_reached_on_demand(nodes):
    a, b = await nodes("A", "B")
    for node in (a, b):
        node.table = node._table(choose=lambda serials, own: frozenset())
        await node.box.services[0].close()
        node.box.services.clear()
        node.target = await node.box.listen(links=node.table)
    acquaint(a, b)
    assert a.state("B") is State.UNKNOWN
    assert "keeps no link" in a.reason("B")

    link = await a.table.reach("B")
    pieces = [piece["item"] async for piece in link.run({"echo": [1]}, "admin")]

    assert pieces == [1]
    assert await a.table.reach("B") is link
    await link.close()
    await until(lambda: a.state("B") is State.UNKNOWN)


async def test_reach_of_a_stranger_or_a_disconnected_machine_says_why_not(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    a.change("B", wanted=Wanted.DISCONNECTED)

    with pytest.raises(Unreachable, match="Z is no member"):
        await a.table.reach("Z")
    with pytest.raises(Unreachable, match="disconnected on purpose"):
        await a.table.reach("B")


async def test_redial_tries_at_once(nodes):
    """SYN-07."""
    lazy = dataclasses.replace(QUICK, first_retry=1000.0, last_retry=1000.0)
    a, b = await nodes("A", "B", pace=lazy)
    await b.stop()
    a.meet(b)
    await until(lambda: a.table.views()[0].attempts == 1)

    b.box.knows(a.box)
    await b.restart()
    a.table.redial()

    await until(lambda: a.state("B") is State.CONNECTED)


async def test_listener_that_fails_breaks_no_link(nodes, caplog):
    a, b = await nodes("A", "B")

    def broken(event: Event) -> None:
        raise ValueError("listener")

    a.table._listener = broken
    acquaint(a, b)

    await until(lambda: all_connected(a, b))
    assert "could not report" in caplog.text


async def test_closed_table_makes_and_takes_no_links(nodes):
    a, b = await nodes("A", "B")
    acquaint(a, b)
    await until(lambda: all_connected(a, b))

    await a.table.close()

    assert a.table.links() == []
    await until(lambda: not a.box.services[0]._connections and not b.box.services[0]._connections)
    with pytest.raises(LinkError):
        await asyncio.wait_for(_linked(b), 2)


async def _linked(node: Node) -> None:
    link = await node.table.reach("A")
    await link.wait_closed()
    raise Unreachable(link.reason)


async def test_commit_reaches_everybody_in_a_cluster_above_the_ceiling(nodes):
    calm = dataclasses.replace(QUICK, ping=1000.0, answer=60.0, grace=5.0, first_retry=1.0, last_retry=5.0)
    group = await nodes(*(f"{n:02}" for n in range(24)), pace=calm)
    acquaint(*group)
    linked = [view for node in group for view in node.table.views() if view.state is not State.UNKNOWN]
    assert linked == []
    await until(lambda: all(len(node.table.links()) == 8 for node in group), seconds=60)

    group[0].commit(1)
    await until(lambda: equal(*(node.box for node in group)), seconds=60)
    assert group[0].state("03") is State.UNKNOWN


async def test_member_beyond_the_limit_of_connections_waits_and_is_linked_by_itself(nodes):
    """COM-16: it is told why, and comes in as soon as there is room."""
    a, b, c = await nodes("A", "B", "C")
    a.box.services[0].limits = dataclasses.replace(a.box.services[0].limits, peers=1)
    a.box.knows(b.box, c.box)
    b.meet(a)
    await until(lambda: all_connected(b))

    c.meet(a)

    await until(lambda: "too many connections" in c.reason("A"))
    assert c.state("A") is State.SUSPECT
    assert "Try again in a moment" in c.table.views()[0].remedy
    assert b.state("A") is State.CONNECTED
    await b.table.close()
    await until(lambda: c.state("A") is State.CONNECTED)


class Diary(HandTime):
    """Such a clock that notes how long somebody wants to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await super().sleep(seconds)


async def test_member_that_is_down_is_tried_each_minute_for_ever(nodes):
    """COM-04, SYN-02: by a clock that is turned by hand; between two tries is never more than a minute."""
    a, b = await nodes("A", "B", pace=Pace())
    clock = Diary()
    a.table.timing = clock
    await b.stop()
    a.meet(b)

    async def passes(minutes: int) -> None:
        """At least one try in each."""
        for _minute in range(minutes):
            before = a.table.views()[0].attempts
            while a.table.views()[0].attempts == before and a.state("B") is not State.CONNECTED:
                clock.turn(30)
                await asyncio.sleep(0.01)

    await passes(40)
    assert a.state("B") is State.DOWN
    assert len(a.happened(EventKind.DOWN, "B")) > 1
    reminders = a.pace.alert
    assert max(wait for wait in clock.waits if wait < reminders) == pytest.approx(60, rel=0.5)
    assert not [wait for wait in clock.waits if 60 < wait < reminders]

    b.box.knows(a.box)
    await b.restart()
    await passes(3)
    await until(lambda: a.state("B") is State.CONNECTED)
    assert a.happened(EventKind.UP, "B")


async def test_table_says_why_each_peer_is_not_connected(nodes):
    """SYN-05: on purpose, no power, a program that hangs, no room, another release."""
    a, off, hung, full, other, away = await nodes("A", "OFF", "HUNG", "FULL", "OTHER", "AWAY")
    everybody = (off, hung, full, other, away)
    for node in everybody:
        node.box.knows(a.box)
    await off.stop()
    hung.box.holder.identity = _never
    full.box.services[0].limits = dataclasses.replace(full.box.services[0].limits, peers=0)
    other.box.holder.who = dataclasses.replace(other.box.holder.who, release="2.0")
    a.table.pace = dataclasses.replace(QUICK, answer=1.0)

    a.meet(*everybody)
    a.change("AWAY", wanted=Wanted.DISCONNECTED)

    words = {
        "OFF": "cannot be reached",
        "HUNG": "does not say hello",
        "FULL": "too many connections",
        "OTHER": "runs release 2.0",
        "AWAY": "on purpose",
    }
    for serial, text in words.items():
        await until(lambda s=serial, t=text: t in a.reason(s), f"{serial}: {a.reason(serial)}")
    assert all(view.remedy for view in a.table.views())


async def _never() -> None:
    await asyncio.Event().wait()


async def test_machine_that_is_taken_back_calls_all_others_at_once(nodes):
    """SYN-07: none of them waits for another one that does not answer."""
    a, b, c, d = await nodes("A", "B", "C", "D")
    for node in (b, c, d):
        node.box.knows(a.box)
    a.meet(b, c, d)
    await until(lambda: all_connected(a))
    for serial in "BCD":
        a.change(serial, wanted=Wanted.DISCONNECTED)
    await until(lambda: all(view.state is State.DISCONNECTED for view in a.table.views()))
    b.box.holder.identity = _never

    for serial in "BCD":
        a.others[serial] = dataclasses.replace(a.others[serial], wanted=Wanted.CONNECTED)
    a.table.update(a.others.values())

    await until(lambda: a.state("C") is a.state("D") is State.CONNECTED)
    assert a.state("B") is not State.CONNECTED


async def test_removed_machine_is_told_by_which_commit(nodes):
    """RM-06: so that it knows whether it has heard of that one before."""
    a, b = await nodes("A", "B")
    odd = "A (Köln)/7"
    a.box.holder.directory[b.box.holder.keys.user_public] = Refusal(Reason.REMOVED, "B was removed", odd)

    b.meet(a)

    await until(lambda: b.state("A") is State.REMOVED)
    assert {event.commit for event in b.events if event.state is State.REMOVED} == {odd}
    assert b.reason("A") == "B was removed"


async def test_errand_reaches_a_disconnected_machine_and_visit_brings_what_it_holds(nodes, box):
    """UPG-05, UPG-08: a portal asks an island without joining it, and hears when it was taken back."""
    (machine,) = await nodes("B")
    portal = Node(box("P", kind=Kind.PORTAL), QUICK)
    machine.box.knows(portal.box)
    portal.others["B"] = machine.entry(wanted=Wanted.DISCONNECTED)
    portal.table.update(portal.others.values())
    machine.box.commit("smtproutes", {"x": 1})
    try:
        errand = await portal.table.errand("B")
        errand.start()
        assert [piece["item"] async for piece in errand.run({"echo": ["here"]}, "alice")] == ["here"]
        await errand.close("done")
        assert portal.box.holder.replica.vector == {}
        assert portal.state("B") is State.DISCONNECTED

        await portal.table.visit("B")

        assert equal(machine.box, portal.box)
        assert portal.table.links() == []
        with pytest.raises(Unreachable):
            await portal.table.errand("NOBODY")
        with pytest.raises(Unreachable):
            await portal.table.visit("NOBODY")
    finally:
        await portal.stop()


async def test_many_machines_are_linked_although_few_handshakes_go_on_at_a_time(nodes, monkeypatch):
    monkeypatch.setattr("appliances.links.table.HANDSHAKES", 2)
    going, most = 0, 0
    handshake = calling._handshake

    async def counted(*words):
        nonlocal going, most
        going += 1
        most = max(most, going)
        try:
            return await handshake(*words)
        finally:
            going -= 1

    monkeypatch.setattr(calling, "_handshake", counted)
    first, *others = await nodes(*"ABCDEFGH")
    for other in others:
        other.box.knows(first.box)
    first.meet(*others)
    await until(lambda: all(first.state(o.serial) is State.CONNECTED for o in others))
    assert most == 2


async def test_second_opinion_is_asked_of_those_that_keep_a_link_with_the_machine(nodes, monkeypatch):
    """SYN-01: in a large cluster the question goes to a few, and one of them knows."""
    monkeypatch.setattr("appliances.links.neighbours.CEILING", 4)
    serials = "ABCDEFGHIJKL"
    made = {node.serial: node for node in await nodes(*serials)}
    acquaint(*made.values())
    made["A"].table.update(node.entry() for node in made.values())
    await until(lambda: all(made["A"].table.link(s) for s in neighbours(serials, "A")))
    asked = []

    async def opinion(link, serial):
        asked.append(link.peer.serial)
        return ""

    table = made["A"].table
    monkeypatch.setattr(table, "_opinion", opinion)
    assert await table.second_opinion("C") == ("", True)
    linked = {link.peer.serial for link in table.links()}
    assert set(asked) == linked & neighbours(serials, "C")
    assert 0 < len(asked) < len(linked - {"C"})
