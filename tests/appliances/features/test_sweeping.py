"""Whose time in the queue is over."""

from datetime import UTC, datetime, timedelta

from appliances.features.rendering import render
from appliances.features.sweeping import Lifetimes, expired
from appliances.postfix.queue import Queued, Waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIVES = Lifetimes(100, {"in-brief": 10}, {"slow.example": 1000, ".fast.example": 20})


def queued(ident: str, age: int, *recipients: str, expires_now: bool = False) -> Queued:
    waiting = tuple(Waiting(each) for each in recipients)
    arrived = NOW - timedelta(seconds=age)
    return Queued("deferred", ident, arrived, 1, "s@example.com", waiting, expires_now)


def swept(*queue: Queued, listener: str | None = None) -> list[str]:
    return expired(queue, LIVES, NOW, lambda ident: listener)


def test_default_holds_where_nobody_says_otherwise() -> None:
    assert swept(queued("a", 100, "x@a.example"), queued("b", 101, "x@a.example")) == ["b"]


def test_listener_says_how_long_its_messages_live() -> None:
    assert swept(queued("a", 11, "x@a.example"), listener="in-brief") == ["a"]
    assert swept(queued("a", 11, "x@a.example"), listener="in-other") == []


def test_destination_says_more_than_listener() -> None:
    message = queued("a", 900, "x@slow.example")
    assert swept(message, listener="in-brief") == []
    assert swept(queued("a", 21, "x@very.fast.example")) == ["a"]


def test_message_lives_as_long_as_its_most_patient_recipient() -> None:
    assert swept(queued("a", 900, "x@very.fast.example", "y@slow.example")) == []


def test_message_that_goes_already_is_left_alone() -> None:
    assert swept(queued("a", 5000, "x@a.example", expires_now=True)) == []


def test_sweeping_is_needed_only_beside_one_lifetime() -> None:
    assert LIVES.needs_sweeping
    assert not Lifetimes(100, {"in-a": 100}).needs_sweeping


def test_postfix_itself_keeps_to_the_longest_profile_in_use() -> None:
    names = {"Default": 50, "Long": 500, "Unused": 5000}
    profiles = [{"name": name, "max_queue_lifetime": seconds} for name, seconds in names.items()]
    destinations = [{"domain": "a.example", "bounce_profile": "Long"}]
    made = render({"bounceconfig": {"profiles": profiles}, "destconfig": {"destinations": destinations}})
    assert made.configuration.parameters["maximal_queue_lifetime"] == "500s"
    assert made.lifetimes == Lifetimes(50, {}, {"a.example": 500})
