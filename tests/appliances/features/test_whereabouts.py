"""A change that cuts a machine off is said before it is made; new interfaces answer where the others do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features.consequences import PostfixConsequences
from appliances.features.interfaceconfig import FEATURE, SERVICES
from appliances.features.rendering import render
from clusters.catalogue import Called

HERE = Called("mx1.example.com", "192.0.2.1", 22, by_address=True, others=frozenset({"mx2.example.com"}))
BY_NAME = Called("mx1.example.com", "mx1.example.com", 22, by_address=False, others=HERE.others)
AWAY = Called("mx1.example.com", "192.0.2.1", 22, by_address=True, away=True, others=HERE.others)


def interface(ip: str = "192.0.2.1", name: str = "Management", **services: Any) -> dict[str, Any]:
    return {"name": name, "ip": ip, "hostname": "mx1.example.com", **services}


def documents(*interfaces: dict[str, Any], hostname: str = "mx1.example.com") -> dict[str, Any]:
    return {
        "interfaceconfig": {"interfaces": list(interfaces)},
        "sethostname": {"hostname": hostname},
    }


BEFORE = documents(interface())


def flags(after: dict[str, Any], called: Called | None = HERE) -> str:
    found = PostfixConsequences().departures(called, BEFORE, after)
    return "\n".join(f"{flag.feature}: {flag.message}" for flag in found)


def test_address_by_which_members_call_is_not_lost_without_a_word() -> None:
    """TRL-34: said beforehand, with where the machine answers then, and that it goes back."""
    found = flags(documents(interface("192.0.2.9")))
    assert "interfaceconfig: Nothing answers any more at SSH 192.0.2.1:22." in found
    assert "it goes back to what it has now" in found
    assert "call it at 192.0.2.1 port 22. They are told of SSH 192.0.2.9:22" in found


def test_members_are_not_told_by_a_machine_that_is_disconnected() -> None:
    """TRL-34: nobody would call it again."""
    found = flags(documents(interface("192.0.2.9")), AWAY)
    assert "do not hear of SSH 192.0.2.9:22, because this machine is disconnected" in found


def test_name_by_which_members_call_has_to_lead_to_the_new_address() -> None:
    """TRL-34: in a cluster by host name the entry stays and the DNS changes."""
    found = flags(documents(interface("192.0.2.9")), BY_NAME)
    assert "by the name mx1.example.com, which has to lead to one of SSH 192.0.2.9:22" in found


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        documents(interface(), interface("192.0.2.9", "Data")),
        documents(interface(netmask="255.255.0.0")),
    ],
)
def test_change_that_shuts_no_door_raises_no_flag(after: dict[str, Any]) -> None:
    """TRL-15: a flag that is always there is read by nobody."""
    assert flags(after) == flags(after, None) == ""


def test_standalone_machine_says_that_it_goes_back() -> None:
    """TRL-15: nobody else calls it, and still nobody may come in any more."""
    found = flags(documents(interface(ssh={"enabled": True, "port": 2200})), None)
    assert "Nothing answers any more at SSH 192.0.2.1:22" in found
    assert "member" not in found


@pytest.mark.parametrize(
    ("called", "name", "said"),
    [
        (HERE, "mx9.example.com", "The member mx1.example.com is called mx9.example.com then"),
        (BY_NAME, "mx9.example.com", "Let mx9.example.com lead here in the DNS first"),
        (HERE, "MX2.example.com", "Another member is called mx2.example.com already"),
        (HERE, "localhost.localdomain", "A member cannot be called localhost.localdomain"),
        (None, "mx9.example.com", ""),
    ],
)
def test_new_name_of_a_member_is_said_at_the_pending_change(
    called: Called | None, name: str, said: str
) -> None:
    """TRL-16: what it becomes everywhere, and why it may not."""
    found = flags(documents(interface(), hostname=name), called)
    assert said in found
    assert bool(found) is bool(said)


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({}, set()),
        ({"ssh": {"enabled": False}, "ccs": {"enabled": True}}, {"SSH is off on every interface"}),
        ({"ssh": {"enabled": False}}, {"SSH and CCS are off on every interface"}),
    ],
)
def test_machine_on_which_nobody_can_log_in_says_so(services: dict[str, Any], said: set[str]) -> None:
    """TRL-15: in the impact, and as a note of its status."""
    made = render(documents(interface(**services)))
    found = {flag.message.partition(":")[0] for flag in made.red_flags if flag.feature == "interfaceconfig"}
    assert found == said


@given(
    ports=st.lists(st.integers(1, 65_535), min_size=4, max_size=4, unique=True),
    count=st.integers(1, 4),
    told=st.sets(st.sampled_from(SERVICES)),
)
def test_new_interface_has_its_services_on_the_ports_of_the_first(
    ports: list[int], count: int, told: set[str]
) -> None:
    """TRL-34: not on the usual ones; what is said is left as it is, and what was checked stays."""
    first = dict(zip(SERVICES, ports, strict=True))
    own = {name: {"port": 7 + place} for place, name in enumerate(sorted(told))}
    rows = [interface(**{name: {"enabled": True, "port": port} for name, port in first.items()})]
    rows += [interface(f"192.0.2.{9 + n}", f"Data {n}", **own) for n in range(count)]

    checked = FEATURE.check({"interfaces": rows})

    for row in checked["interfaces"][1:]:
        assert {name: row[name]["port"] for name in SERVICES} == first | {
            n: s["port"] for n, s in own.items()
        }
    assert FEATURE.check(checked) == checked


def test_second_interface_of_one_address_keeps_the_usual_port() -> None:
    """TRL-34: the other is taken there."""
    rows = [interface(ssh={"port": 2200}), interface(name="Alias")]
    checked = FEATURE.check({"interfaces": rows})
    assert [row["ssh"]["port"] for row in checked["interfaces"]] == [2200, 22]
