"""Bounce profiles: how long mail is tried, and what the sender hears."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from appliances.machine.lifetimes import Sweeper
from appliances.postfix.log import Follower
from appliances.postfix.queue import Queue, Queued
from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.appliances.machine.machines import until
from tests.mail.fleets import Fleet, Member, listener, listeners, routes
from tests.mail.gateways import Gateway, Sink, note

MakeSink = Callable[..., Sink]

HOUR = timedelta(hours=1)


def profiles(**seconds: int) -> Document:
    # With one second Postfix may find a message still held by its delivery agent: that costs a minute.
    waits = {"initial_retry_wait": 2, "max_retry_wait": 2}
    return {"profiles": [{"name": name, "max_queue_lifetime": s, **waits} for name, s in seconds.items()]}


def later(recipient: str) -> str:
    return "451 try again" if "later" in recipient else "250 ok"


def send_from(gateway: Gateway, sender: str, recipient: str, port: int = 2525) -> None:
    with gateway.session(source="127.0.0.5", port=port) as client:
        client.sendmail(sender, recipient, note().as_bytes())


def test_lifetime_of_the_default_profile_ends_in_a_bounce_where_it_is_short(
    fleet: Fleet, make_sink: MakeSink
) -> None:
    sink = make_sink(answer=later)
    fleet.change(
        (CLUSTER, "smtproutes", routes(ALL=sink.ip)),
        (fleet.london.mode, "bounceconfig", profiles(Default=2)),
    )
    for member in (fleet.london, fleet.leeds):
        send_from(member.gateway, f"{member.name}@b.test", "later@a.test")
    bounce = sink.await_mail("london@b.test")
    assert bounce.sender == "<>"
    assert b"later@a.test" in bounce.content
    assert waiting(fleet.leeds) == ["later@a.test"]
    until(lambda: waiting(fleet.london) == [], "the bounce leaves the queue, as the message did")


def waiting(member: Member) -> list[str]:
    return [r.address for message in Queue(member.gateway.instance).messages() for r in message.recipients]


def test_profiles_of_listener_and_destination_are_swept_by_their_own_time(
    fleet: Fleet, make_sink: MakeSink
) -> None:
    sink = make_sink(answer=later)
    brief = listener(name="Brief", port=2587, bounce_profile="Short")
    fleet.change(
        (CLUSTER, "smtproutes", routes(ALL=sink.ip)),
        (CLUSTER, "bounceconfig", profiles(Default=86_400, Short=3600)),
        (CLUSTER, "listenerconfig", listeners(listener(), brief)),
        (
            fleet.leeds.mode,
            "destconfig",
            {"destinations": [{"domain": "a.test", "bounce_profile": "Short"}]},
        ),
    )
    for member in (fleet.leeds, fleet.paris):
        send_from(member.gateway, f"{member.name}-usual@b.test", "later@a.test")
        send_from(member.gateway, f"{member.name}-brief@b.test", "later@other.test", port=2587)
        assert swept(member, HOUR / 2) == set()
    assert swept(fleet.leeds, HOUR * 2) == {"leeds-usual@b.test", "leeds-brief@b.test"}
    assert swept(fleet.paris, HOUR * 2) == {"paris-brief@b.test"}
    sink.await_mail("paris-brief@b.test")
    left = ["paris-usual@b.test"]
    until(lambda: [m.sender for m in queue(fleet.paris)] == left, "the bounce leaves the queue")


def queue(member: Member) -> list[Queued]:
    return Queue(member.gateway.instance).messages()


def swept(member: Member, ahead: timedelta) -> set[str]:
    """Whose messages the machine's sweeper expires that much later."""
    assert member.rendered is not None
    assert member.gateway.await_log("status=deferred")
    senders = {message.queue_id: message.sender for message in queue(member)}
    instance = member.gateway.instance
    sweeper = Sweeper(Queue(instance), Follower(instance.place.maillog))
    return {senders[one] for one in sweeper.sweep(member.rendered.lifetimes, datetime.now(UTC) + ahead)}


def test_delay_warning_reaches_the_sender(fleet: Fleet, make_sink: MakeSink) -> None:
    sink = make_sink(answer=later)
    table = profiles(Default=3600)
    table["profiles"][0]["delay_warning"] = 1
    fleet.change((CLUSTER, "smtproutes", routes(ALL=sink.ip)), (fleet.paris.mode, "bounceconfig", table))
    send_from(fleet.paris.gateway, "patient@b.test", "later@a.test")
    assert b"delayed" in sink.await_mail("patient@b.test").content.lower()
