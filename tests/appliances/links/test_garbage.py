"""Bytes of every kind thrown at a service: nothing changes, and the others are served on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliances.links.calling import Target
from appliances.links.frames import encode, frame
from appliances.links.hello import hello
from appliances.links.messages import Commits, Hello, Sync, to_body
from appliances.links.ssh import CLUSTER_USER, SUBSYSTEM
from tests.appliances.links.conftest import Box, until
from tests.appliances.links.test_frames import JSON


class Siege:
    """A is attacked by B's key, while C has an honest link with A."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.a, self.b, self.c = Box("A"), Box("B"), Box("C")
        self.sent = 0
        runner.run(self._prepare())

    async def _prepare(self) -> None:
        self.a.knows(self.b, self.c)
        self.a.commit("smtproutes", {"x": 1})
        self.target: Target = await self.a.listen()
        self.link = await self.c.dial(self.target, self.a)
        self.link.start()
        await until(lambda: self.c.holder.replica.vector == self.a.holder.replica.vector)

    async def attack(self, data: bytes, *, greeted: bool) -> None:
        before = (self.a.holder.replica.vector, self.a.holder.replica.digest())
        async with self._connect() as conn:
            writer, reader, _ = await conn.open_session(subsystem=SUBSYSTEM, encoding=None)
            if greeted:
                writer.write(frame(encode(to_body(self._hello()))))
            writer.write(data)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 20)
        assert (self.a.holder.replica.vector, self.a.holder.replica.digest()) == before
        assert all(link.peer.serial == "C" for link in self.a.keeper.links if link.alive)

    def _connect(self):
        options = {"client_keys": [self.b.holder.keys.user], "known_hosts": None, "config": None}
        return asyncssh.connect(
            self.target.address, self.target.port, username=CLUSTER_USER, agent_path=None, **options
        )

    def _hello(self) -> Hello:
        return hello(self.b.holder.who, {}, "member")

    async def still_serves(self) -> None:
        self.sent += 1
        self.a.commit("smtproutes", {"x": self.sent})
        for link in self.a.keeper.links:
            link.advanced()
        await until(lambda: self.c.holder.replica.digest() == self.a.holder.replica.digest())
        assert self.link.alive

    async def end(self) -> None:
        for box in (self.c, self.b, self.a):
            await box.stop()


@pytest.fixture
def siege() -> Iterator[Siege]:
    with asyncio.Runner() as runner:
        made = Siege(runner)
        yield made
        runner.run(made.still_serves())
        runner.run(made.end())


some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(data=st.binary(max_size=2000), greeted=st.booleans())
@some
def test_raw_bytes_change_nothing(siege, data, greeted):
    siege.runner.run(siege.attack(data, greeted=greeted))


@given(data=st.binary(min_size=1, max_size=500), greeted=st.booleans())
@some
def test_framed_bytes_change_nothing(siege, data, greeted):
    siege.runner.run(siege.attack(frame(data), greeted=greeted))


GOOD = [
    to_body(Commits(n=1, commits=[])),
    to_body(Sync(vector={"B": 3}, full=True, ask=True)),
    {"type": "run", "n": 1, "user": "u", "request": {}},
    {"type": "part", "stream": 1, "last": True, "text": "{}"},
    {"type": "enrol", "request": {"user_key": "mine"}},
    {"type": "hello"},
]


@given(body=st.sampled_from(GOOD), key=st.text(max_size=8), value=JSON, greeted=st.booleans())
@some
def test_messages_with_something_wrong_in_them_change_nothing(siege, body, key, value, greeted):
    bad = {**body, (key if key not in body else "more"): value}
    siege.runner.run(siege.attack(frame(json.dumps(bad).encode()), greeted=greeted))


@given(commits=st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=8), min_size=1, max_size=3))
@some
def test_commits_that_are_none_change_nothing(siege, commits):
    data = frame(encode({"type": "commits", "n": 1, "commits": commits}))
    siege.runner.run(siege.attack(data, greeted=True))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff" + b"x" * 100_000,
        frame(b"[" * 1_000_000),
        frame(b'{"type":"status","serial":"B","status":' + b'{"a":' * 200 + b"1" + b"}" * 201),
        frame(b'{"type":"hello"}')[:-3],
    ],
    ids=["oversized", "deep", "deep-message", "truncated"],
)
def test_oversized_deep_and_truncated_frames_change_nothing(siege, data):
    siege.runner.run(siege.attack(data, greeted=False))
    siege.runner.run(siege.attack(data, greeted=True))


def test_bytes_before_ssh_change_nothing(siege):
    async def shout() -> None:
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 50_000, b"SSH-2.0-x\r\n" + b"\xff" * 5000):
            reader, writer = await asyncio.open_connection(siege.target.address, siege.target.port)
            writer.write(data)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 20)
            writer.close()

    siege.runner.run(shout())
