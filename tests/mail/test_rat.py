"""The recipient access table: for whom mail is taken."""

from typing import Any

from clusters.catalogue import Document
from clusters.modes import CLUSTER
from tests.mail.fleets import PARIS, Fleet, listener, listeners


def rat(*entries: Document) -> Document:
    return listeners(listener(rat={"entries": list(entries)}))


def reject(recipient: str, **more: Any) -> Document:
    return {"recipient": recipient, "action": "reject", **more}


def accept(recipient: str) -> Document:
    return {"recipient": recipient}


def test_entries_answer_with_their_own_code_and_text_on_machines_that_have_them(fleet: Fleet) -> None:
    """TRL-08: the text may bring the enhanced code."""
    entries = (
        reject("closed@a.test", code=551, text="Moved to $elsewhere; 5 # {x}"),
        reject("later@a.test", code=450),
        reject("unknown@a.test", text="5.1.1 User unknown"),
        accept("a.test"),
    )
    fleet.commit(PARIS, "listenerconfig", rat(*entries))
    paris, london = fleet.paris.gateway, fleet.london.gateway
    assert paris.rcpt("Closed@A.test").startswith("551 5.7.1 ")
    assert paris.rcpt("closed@a.test").endswith(": Moved to $elsewhere; 5 # {x}")
    assert paris.rcpt("later@a.test").startswith("450 4.7.1 ")
    assert paris.rcpt("unknown@a.test").startswith("550 5.1.1 ")
    assert paris.rcpt("unknown@a.test").endswith(": User unknown")
    assert paris.rcpt("open@a.test").startswith("250")
    assert paris.rcpt("someone@b.test").startswith("554 5.7.1 ")
    assert london.rcpt("closed@a.test").startswith("250")
    assert london.rcpt("someone@b.test").startswith("250")


def test_subdomains_and_domain_are_told_apart(fleet: Fleet) -> None:
    fleet.commit(CLUSTER, "listenerconfig", rat(accept(".a.test"), accept("b.test")))
    london = fleet.london.gateway
    assert london.rcpt("x@deep.sub.a.test").startswith("250")
    assert london.rcpt("x@a.test").startswith("554")
    assert london.rcpt("x@b.test").startswith("250")
    assert london.rcpt("x@sub.b.test").startswith("554")


def test_first_entry_decides_also_when_a_later_one_is_narrower(fleet: Fleet) -> None:
    fleet.commit(
        CLUSTER, "listenerconfig", rat(accept("a.test"), reject("x@a.test"), reject("ALL", text="No"))
    )
    fleet.commit(fleet.leeds.mode, "listenerconfig", rat(reject("x@a.test"), accept("a.test")))
    assert fleet.london.gateway.rcpt("x@a.test").startswith("250")
    assert fleet.leeds.gateway.rcpt("x@a.test").startswith("550")
    assert fleet.london.gateway.rcpt("x@b.test").endswith("No")


def test_all_accepts_everybody_and_is_flagged(fleet: Fleet) -> None:
    fleet.commit(fleet.london.mode, "listenerconfig", rat(reject("x@a.test"), accept("ALL")))
    assert fleet.london.gateway.rcpt("x@anywhere.test").startswith("250")
    assert fleet.london.gateway.rcpt("x@a.test").startswith("550")
    assert fleet.london.rendered is not None
    messages = [flag.message for flag in fleet.london.rendered.red_flags]
    assert "Listener Incoming accepts every recipient from everybody: it is an open relay" in messages
