"""The policy service and its limits: asked by hand, with a set clock, and by a real Postfix."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.postfix import processes
from appliances.postfix.generations import Generations
from appliances.postfix.instance import Instance
from appliances.postfix.limits import Limit, Limiter, Rules, SenderGroup, Window
from appliances.postfix.policy import DUNNO, FAILED, PolicyService, Request
from tests.appliances.postfix.conftest import PORT, Sink, gateway


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def request(state: str = "RCPT", client: str = "10.0.0.1", **more: str) -> dict[str, str]:
    found = {
        "request": "smtpd_access_policy",
        "protocol_state": state,
        "client_address": client,
        "client_name": "unknown",
        "policy_context": "public",
    }
    return found | more


def limiter(limit: Limit, clock: Clock | None = None, **more: object) -> Limiter:
    groups = (SenderGroup("SUSPECTS", limit, networks=("10.0.0.0/8",)), SenderGroup("ALL", Limit()))
    return Limiter(Rules({"public": groups}), clock=clock or Clock(), **more)  # type: ignore[arg-type]  # passes options on


def test_recipients_per_client_and_hour() -> None:
    clock = Clock()
    rule = limiter(Limit(recipients_per_hour=3), clock)
    assert [rule(request()) for _ in range(3)] == [DUNNO] * 3
    assert rule(request()) == "452 4.5.3 Too many recipients this hour"
    assert rule(request(client="10.0.0.2")) == DUNNO
    assert rule(request(client="192.0.2.1")) == DUNNO
    clock.now += 3599
    assert rule(request()).startswith("452")
    clock.now += 61
    assert rule(request()) == DUNNO


def test_window_slides() -> None:
    clock = Clock()
    rule = limiter(Limit(recipients_per_hour=2), clock)
    assert rule(request()) == DUNNO
    clock.now += 1800
    assert rule(request()) == DUNNO
    assert rule(request()) != DUNNO
    clock.now += 1900
    assert rule(request()) == DUNNO
    assert rule(request()) != DUNNO


def test_recipients_of_the_whole_group() -> None:
    rule = limiter(Limit(group_recipients_per_hour=2))
    assert rule(request(client="10.0.0.1")) == DUNNO
    assert rule(request(client="10.0.0.2")) == DUNNO
    assert rule(request(client="10.0.0.3")).startswith("452")


def test_messages_are_counted_at_their_end() -> None:
    rule = limiter(Limit(messages_per_hour=2, too_many_messages="450 4.7.1 {group}: {limit} an hour"))
    for _ in range(2):
        assert rule(request("RCPT")) == DUNNO
        assert rule(request("END-OF-MESSAGE", size="10")) == DUNNO
    assert rule(request("RCPT")) == "450 4.7.1 SUSPECTS: 2 an hour"
    assert rule(request("END-OF-MESSAGE", size="10")) == "450 4.7.1 SUSPECTS: 2 an hour"


def test_messages_of_the_whole_group() -> None:
    rule = limiter(Limit(group_messages_per_hour=1))
    assert rule(request("END-OF-MESSAGE", client="10.0.0.1")) == DUNNO
    assert rule(request("END-OF-MESSAGE", client="10.0.0.2")).startswith("450")


@pytest.mark.parametrize(
    ("size", "expected"), [("1000", DUNNO), ("1001", "552"), ("", DUNNO), ("many", DUNNO)]
)
def test_size_at_the_end_of_a_message(size: str, expected: str) -> None:
    rule = limiter(Limit(message_size=1000))
    assert rule(request("END-OF-MESSAGE", size=size)).startswith(expected)
    assert "1000 bytes" in rule(request("END-OF-MESSAGE", size="5000"))


def test_connections_per_client_and_group() -> None:
    peers = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "192.0.2.1"]
    rule = limiter(Limit(connections=2, group_connections=3), peers=lambda address, port: peers)
    assert rule(request("CONNECT")) == DUNNO
    peers.append("10.0.0.1")
    assert rule(request("CONNECT")).startswith("421")
    assert rule(request("CONNECT", client="10.0.0.2")).startswith("421")
    assert rule(request("CONNECT", client="192.0.2.1")) == DUNNO


def test_group_is_found_in_order_by_network_host_or_context() -> None:
    groups = (
        SenderGroup("NAMED", Limit(), hosts=("mail.good.test", ".partner.test")),
        SenderGroup("NET", Limit(), networks=("10.0.0.0/8", "2001:db8::/32")),
        SenderGroup("REST", Limit()),
    )
    rules = Rules({"public": groups})

    def name(context: str, address: str, host: str = "unknown") -> str | None:
        found = rules.find(context, address, host)
        return found and found[1].name

    assert name("public", "10.1.1.1") == "NET"
    assert name("public", "10.1.1.1", "MAIL.good.test") == "NAMED"
    assert name("public", "10.1.1.1", "a.partner.test") == "NAMED"
    assert name("public", "10.1.1.1", "partner.test") == "NET"
    assert name("public", "2001:db8::1") == "NET"
    assert name("public", "rubbish") == "REST"
    assert name("public:REST", "10.1.1.1") == "REST"
    assert name("public:GONE", "10.1.1.1") is None
    assert name("private", "10.1.1.1") is None


def test_rules_are_replaced_and_counts_go_on() -> None:
    rule = limiter(Limit(recipients_per_hour=2))
    assert rule(request()) == DUNNO
    rule.rules = Rules({"public": (SenderGroup("SUSPECTS", Limit(recipients_per_hour=1)),)})
    assert rule(request()).startswith("452")
    rule.rules = Rules()
    assert rule(request()) == DUNNO


def test_window_forgets_the_one_silent_longest() -> None:
    window = Window(Clock(), keys=2)
    for key in ("a", "b", "a", "c"):
        window.add((key,))
    assert [window.used((key,)) for key in "abc"] == [2, 0, 1]
    assert len(window) == 2


def test_window_gives_memory_back() -> None:
    clock = Clock()
    window = Window(clock)
    window.add(("a",))
    clock.now += 4000
    assert window.used(("a",)) == 0
    assert len(window) == 0


@given(st.lists(st.tuples(st.floats(0, 2000), st.integers(1, 5)), max_size=30))
def test_law_window_counts_the_last_hour(steps: list[tuple[float, int]]) -> None:
    """Never less than the last hour holds, never more than 61 minutes hold."""
    clock = Clock()
    window = Window(clock)
    added: list[tuple[float, int]] = []
    for wait, count in steps:
        clock.now += wait
        window.add(("a",), count)
        added.append((clock.now, count))
        least = sum(n for at, n in added if at > clock.now - 3600)
        most = sum(n for at, n in added if at >= clock.now - 3660)
        assert least <= window.used(("a",)) <= most


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[PolicyService]:
    found = PolicyService(tmp_path / "p", owner="root")
    await found.start()
    yield found
    await found.stop()


def encoded(attributes: dict[str, str]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in attributes.items()).encode() + b"\n"


async def ask(path: Path, content: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(content)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_rule_is_asked_for_each_request(service: PolicyService) -> None:
    seen: list[Request] = []

    def rule(request: Request) -> str:
        seen.append(request)
        return f"450 number {len(seen)}"

    service.rule = rule
    answer = await ask(service.server.path, encoded(request()) + encoded(request(sender="a=b")))
    assert answer == b"action=450 number 1\n\naction=450 number 2\n\n"
    assert seen[1]["sender"] == "a=b"


async def test_failing_rule_makes_the_client_try_again(service: PolicyService) -> None:
    service.rule = lambda request: request["none"]
    assert await ask(service.server.path, encoded(request())) == f"action={FAILED}\n\n".encode()
    assert service.errors == 1


async def test_line_break_in_an_action_is_no_second_line(service: PolicyService) -> None:
    service.rule = lambda request: "450 a\n\naction=OK\n"
    assert await ask(service.server.path, encoded(request())) == b"action=450 a action=OK\n\n"
    service.rule = lambda request: ""
    assert await ask(service.server.path, encoded(request())) == b"action=DUNNO\n\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"request=other\n\n",
        b"no equals sign\n\n",
        b"a=b\n" * 1000 + b"\n",
        b"a=" + b"x" * 100_000,
        b"\x00\xff\xfe\n\n",
        b"request=smtpd_access_policy\n",
        b"",
    ],
    ids=lambda value: repr(value[:20]),
)
async def test_garbage_gets_no_answer_and_harms_nobody_else(service: PolicyService, garbage: bytes) -> None:
    assert await ask(service.server.path, garbage) == b""
    assert await ask(service.server.path, encoded(request())) == b"action=DUNNO\n\n"
    assert service.requests == 1


async def test_service_stops_with_open_connections(service: PolicyService) -> None:
    reader, writer = await asyncio.open_unix_connection(service.server.path)
    writer.write(encoded(request()))
    await reader.readuntil(b"\n\n")
    await asyncio.wait_for(service.stop(), 5)
    assert await reader.read() == b""
    assert not service.server.path.exists()
    writer.close()


@pytest.mark.root
async def test_real_postfix_asks_and_obeys(instance: Instance, address: str, sink: Sink) -> None:
    instance.prepare()
    limit = Limit(connections=2, recipients_per_hour=3, message_size=2000)
    rule = Limiter()
    service = PolicyService(instance.place.private / "policy", rule)
    await service.start()
    configuration = gateway(address, sink)
    configuration.set("smtpd_delay_reject", "no")
    for stage in ("client", "recipient", "end_of_data"):
        configuration.append(f"smtpd_{stage}_restrictions", "check_policy_service unix:private/policy")
    try:
        await asyncio.to_thread(Generations(instance).apply, configuration)
        rule.rules = Rules({"public": (SenderGroup("HERE", limit, networks=("127.0.0.0/8",)),)})
        await asyncio.to_thread(talk, address)
    finally:
        await service.stop()


def talk(address: str) -> None:
    with smtplib.SMTP(address, PORT, timeout=10) as client:
        client.ehlo()
        client.mail("s@client.test")
        assert client.rcpt("a@relay.test")[0] == 250
        code, text = client.data(b"x" * 3000)
        assert (code, text.decode()) == (
            552,
            "5.3.4 <END-OF-MESSAGE>: End-of-data rejected: Message size exceeds the limit of 2000 bytes",
        )
        # Postfix keeps the envelope open after a refusal at the end of the data.
        client.rset()
        client.mail("s@client.test")
        assert [client.rcpt("a@relay.test")[0] for _ in range(3)] == [250, 250, 452]
        assert client.data(b"x\r\n")[0] == 250
        with smtplib.SMTP(timeout=10) as second, smtplib.SMTP(timeout=10) as third:
            assert second.connect(address, PORT)[0] == 220
            assert len(processes.clients(address, PORT)) == 2
            code, text = third.connect(address, PORT)
            assert code == 421
            assert b"Too many connections" in text


@pytest.mark.root
async def test_dead_service_makes_clients_try_again(instance: Instance, address: str, sink: Sink) -> None:
    instance.prepare()
    service = PolicyService(instance.place.private / "policy")
    await service.start()
    configuration = gateway(address, sink)
    configuration.append("smtpd_recipient_restrictions", "check_policy_service unix:private/policy")
    await asyncio.to_thread(Generations(instance).apply, configuration)
    await service.stop()

    def recipient() -> int:
        with smtplib.SMTP(address, PORT, timeout=20) as client:
            client.ehlo()
            client.mail("s@client.test")
            return client.rcpt("a@relay.test")[0]

    assert await asyncio.to_thread(recipient) == 451
