"""Whose key it is that a machine is called with, and why it is not let in."""

from __future__ import annotations

import pytest

from appliances.links.errors import Reason
from appliances.links.identity import Keys
from appliances.links.peer import Refusal
from appliances.machine import peers, view
from clusters import membership
from clusters.state import Machine
from tests.appliances.cli.hosts import QuietHost

BY = {"user": "admin", "host": "mx1"}


def enrol(host: QuietHost, key: str) -> None:
    third = Machine("MX3", "mx3.example.com", "", "127.0.0.3", 22, None, key, key)
    membership.enrol_machine(host.replica_id, machine=third, settings={}, **BY)


def refusal(host: QuietHost, key: str) -> Refusal:
    found = peers.peer_by_key(view.read(host.serial), key)
    assert isinstance(found, Refusal)
    return found


@pytest.fixture
def keys() -> tuple[str, str]:
    return Keys.make().user_public, Keys.make().user_public


def test_former_member_is_told_that_it_was_removed(clustered: QuietHost, keys: tuple[str, str]) -> None:
    """RM-06."""
    enrol(clustered, keys[0])
    membership.remove_machine(clustered.replica_id, "MX3", **BY)

    found = refusal(clustered, keys[0])

    assert (found.reason, bool(found.commit)) == (Reason.REMOVED, True)


def test_member_with_its_former_key_is_told_of_the_other_key(
    clustered: QuietHost, keys: tuple[str, str]
) -> None:
    """TRL-22: it was not removed, and joining again would be refused while its entry stands."""
    enrol(clustered, keys[0])
    membership.set_keys(clustered.replica_id, "MX3", host_key=keys[1], user_key=keys[1], **BY)

    assert refusal(clustered, keys[0]).reason is Reason.OTHER_KEY


def test_former_member_that_joined_with_another_key_is_not_told_that_it_was_removed(
    clustered: QuietHost, keys: tuple[str, str]
) -> None:
    """TRL-22."""
    enrol(clustered, keys[0])
    membership.remove_machine(clustered.replica_id, "MX3", **BY)
    enrol(clustered, keys[1])

    assert refusal(clustered, keys[0]).reason is Reason.OTHER_KEY
