"""Disclaimers: text resources that listeners stamp, proven by what arrives."""

import email
import email.policy

from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners
from tests.mail.gateways import Sink


def texts(**named: str) -> Document:
    return {"resources": [{"name": name, "text": text} for name, text in named.items()]}


def body(content: bytes) -> str:
    text = email.message_from_bytes(content, policy=email.policy.default).get_content()
    return "\n".join(line for line in text.splitlines() if line)


def test_disclaimer_at_cluster_is_stamped_with_the_text_of_each_level(fleet: Fleet, sink: Sink) -> None:
    fleet.change(
        (CLUSTER, "listenerconfig", listeners(listener(disclaimer_above="top", disclaimer_below="legal"))),
        (CLUSTER, "textconfig", texts(top="Above $1", legal="Example Ltd.\n二行目")),
        (PARIS, "textconfig", texts(top="En haut", legal="Exemple SA")),
    )
    fleet.commit(fleet.leeds.mode, "listenerconfig", listeners(listener()))
    for member in fleet.members:
        member.gateway.send(f"{member.name}@a.test")
    bodies = {m.name: body(sink.await_mail(f"{m.name}@a.test").content) for m in fleet.members}
    assert bodies["london"].startswith("Above $1\n")
    assert bodies["london"].endswith("Hello.\nExample Ltd.\n二行目")
    assert bodies["paris"].startswith("En haut\n")
    assert bodies["paris"].endswith("Exemple SA")
    assert bodies["leeds"] == "Hello."


def test_disclaimer_that_a_machine_lacks_stays_off_there_with_a_flag(fleet: Fleet, sink: Sink) -> None:
    """SET-07."""
    fleet.change(
        (CLUSTER, "listenerconfig", listeners(listener(disclaimer_below="legal"))),
        (fleet.leeds.mode, "textconfig", texts(legal="Only in Leeds")),
    )
    for member in (fleet.london, fleet.leeds):
        member.gateway.send(f"{member.name}@a.test")
    assert body(sink.await_mail("leeds@a.test").content).endswith("Only in Leeds")
    assert body(sink.await_mail("london@a.test").content) == "Hello."
    assert fleet.london.rendered is not None
    assert fleet.leeds.rendered is not None
    words = "Listener Incoming: there is no text resource legal here, stamping stays off"
    assert words in [flag.message for flag in fleet.london.rendered.red_flags]
    assert fleet.leeds.rendered.red_flags == ()


def test_disclaimer_of_one_listener_is_not_stamped_by_another(fleet: Fleet, sink: Sink) -> None:
    second = listener(name="Second", port=2587, disclaimer_below="other")
    fleet.change(
        (CLUSTER, "listenerconfig", listeners(listener(disclaimer_below="one"), second)),
        (CLUSTER, "textconfig", texts(one="First listener", other="Second listener")),
    )
    fleet.paris.gateway.send("first@a.test")
    fleet.paris.gateway.send("second@a.test", port=2587)
    assert body(sink.await_mail("first@a.test").content).endswith("First listener")
    assert body(sink.await_mail("second@a.test").content).endswith("Second listener")
