"""The queue of a real instance: counted, listed, held, released, expired, deleted."""

from __future__ import annotations

import pytest

from appliances.postfix.configuration import Configuration
from appliances.postfix.generations import Generations
from appliances.postfix.instance import Instance
from appliances.postfix.log import Follower, Outcome
from appliances.postfix.queue import Queue, QueueError
from tests.appliances.postfix.conftest import Sink, gateway, send, until

pytestmark = pytest.mark.root


def suspended(address: str, sink: Sink) -> Configuration:
    configuration = gateway(address, sink)
    configuration.set("defer_transports", "relay, smtp")
    return configuration


@pytest.fixture
def queue(instance: Instance, address: str, sink: Sink) -> Queue:
    """Two messages wait, delivery is suspended."""
    Generations(instance, shadow=False).apply(suspended(address, sink))
    queue = Queue(instance)
    assert send(address, "Subject: one\r\n\r\nx\r\n", to="a@relay.test")[0] == 250
    until(lambda: queue.counts()["deferred"] == 1)
    assert send(address, "Subject: two\r\n\r\nx\r\n", to="b@relay.test")[0] == 250
    until(lambda: queue.counts()["deferred"] == 2)
    return queue


def test_messages_are_listed_and_counted(queue: Queue) -> None:
    first, second = queue.messages()
    assert (first.queue, first.sender) == ("deferred", "s@client.test")
    assert [one.address for one in first.recipients] == ["a@relay.test"]
    assert first.recipients[0].reason
    assert first.size > 0
    assert first.arrived <= second.arrived
    assert queue.counts() == {"maildrop": 0, "incoming": 0, "active": 0, "deferred": 2, "hold": 0}
    assert "Subject: one" in queue.content(first.queue_id)


def test_resumed_delivery_moves_nothing_until_flushed(queue: Queue, address: str, sink: Sink) -> None:
    Generations(queue.instance, shadow=False).apply(gateway(address, sink))
    assert queue.counts()["deferred"] == 2
    queue.flush()
    until(lambda: len(sink.messages) == 2)
    until(lambda: not queue.messages())


def test_held_mail_is_released_and_delivered_at_once(queue: Queue, address: str, sink: Sink) -> None:
    first, second = queue.messages()
    assert queue.hold([first.queue_id]) == 1
    assert queue.counts()["hold"] == 1
    Generations(queue.instance, shadow=False).apply(gateway(address, sink))
    queue.flush()
    until(lambda: len(sink.messages) == 1)
    assert [one.queue_id for one in queue.messages()] == [first.queue_id]
    assert queue.release([first.queue_id]) == 1
    until(lambda: len(sink.messages) == 2, 5)
    assert second.queue_id != first.queue_id


def test_deleted_mail_is_gone_and_the_other_stays(queue: Queue) -> None:
    first, second = queue.messages()
    assert queue.delete([first.queue_id]) == 1
    assert [one.queue_id for one in queue.messages()] == [second.queue_id]


def test_expired_mail_is_returned_now_even_if_held(queue: Queue) -> None:
    first, second = queue.messages()
    queue.hold([second.queue_id])
    follower = Follower(queue.instance.place.maillog)
    assert queue.expire([first.queue_id, second.queue_id]) == 2

    def returned() -> bool:
        outcomes.extend(event.outcome for event in follower.events())
        return outcomes.count(Outcome.EXPIRED) == 2

    outcomes: list[Outcome] = []
    until(returned)
    until(lambda: not {first.queue_id, second.queue_id} & {one.queue_id for one in queue.messages()})


@pytest.mark.parametrize("bad", ["ALL", "-", "../x", "a b", "", "*", "ABCDEF\nALL"])
def test_what_is_not_an_id_is_refused(queue: Queue, bad: str) -> None:
    for verb in (queue.delete, queue.hold, queue.release, queue.expire, queue.retry):
        with pytest.raises(QueueError):
            verb([bad])
    assert queue.counts()["deferred"] == 2


def test_unknown_id_changes_nothing(queue: Queue) -> None:
    assert queue.delete(["4zzzzzzzzz"]) == 0
    assert queue.counts()["deferred"] == 2
