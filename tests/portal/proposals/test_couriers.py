"""Who is told to look at proposals, and when: a lost courier costs seconds, a needless one is not sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from portal import signals
from portal.celery import app
from portal.proposals.proposal import Proposal
from portal.tasks import sweep_proposals, watch_proposals
from portal.tenants import ManagedCluster
from tests.portal.proposals.conftest import BERLIN_FIRST, Submit


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were queued."""
    found: list[str] = []
    monkeypatch.setattr(signals, "send", lambda task, *_arguments: found.append(task.name))
    return found


def test_quiet_cluster_sends_none(calm: ManagedCluster, sent: list[str]) -> None:
    signals.entries_changed(calm.replica_id)
    signals.statuses_changed(calm.replica_id)
    assert watch_proposals.name not in sent


def test_entries_that_change_may_overtake_what_waits(
    ask: Submit, bob: User, calm: ManagedCluster, sent: list[str]
) -> None:
    ask(bob, approval=True)
    signals.statuses_changed(calm.replica_id)
    assert sent == []
    signals.entries_changed(calm.replica_id)
    assert watch_proposals.name in sent


def test_machine_that_speaks_moves_a_try(
    ask: Submit, bob: User, calm: ManagedCluster, secret: ManagedCluster, sent: list[str]
) -> None:
    ask(bob, canary=BERLIN_FIRST)
    signals.statuses_changed(secret.replica_id)
    assert sent == []
    signals.statuses_changed(calm.replica_id)
    assert sent == [watch_proposals.name]


def test_sweep_is_on_the_clock_and_a_courier_looks_at_one_cluster(
    ask: Submit, bob: User, calm: ManagedCluster, secret: ManagedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert app.conf.beat_schedule["proposals"]["task"] == sweep_proposals.name
    made = ask(bob, approval=True)
    looked: list[Any] = []
    monkeypatch.setattr("portal.proposals.watching.step", looked.append)
    watch_proposals(secret.replica_id)
    assert looked == []
    watch_proposals(calm.replica_id)
    assert looked == [made]
    assert isinstance(made, Proposal)
