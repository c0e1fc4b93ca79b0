"""Questions to machines as rows: asked once, taken once, forgotten after a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from appliances.following import answering, questions
from appliances.following.questions import FRESH, KEPT, Question
from portal.tenants import ManagedCluster

WORDS = ["queue", "status", "--json"]


def ask(
    europe: ManagedCluster, *serials: str, words: list[str] = WORDS, role: str = "guest"
) -> list[Question]:
    return questions.ask(europe.replica_id, serials, words, user="alice", role=role)


def test_same_question_is_asked_once_for_everybody_and_anew_after_a_while(europe: ManagedCluster) -> None:
    first = ask(europe, "A", "B")
    assert {q.pk for q in ask(europe, "A")} == {q.pk for q in first}
    assert Question.objects.count() == 2
    ask(europe, "A", "C")
    assert Question.objects.count() == 3
    ask(europe, "A", role="administrator")
    ask(europe, "A", words=["status"])
    assert Question.objects.count() == 5, "another role or other words are another question"
    Question.objects.update(asked=timezone.now() - FRESH - timedelta(seconds=1))
    ask(europe, "A")
    assert Question.objects.count() == 6


def test_latest_answer_stands_beside_a_newer_question_that_waits(europe: ManagedCluster) -> None:
    (old,) = ask(europe, "A")
    Question.objects.update(
        asked=timezone.now() - timedelta(minutes=1), answered=timezone.now(), code=0, said='{"n": 1}'
    )
    (new,) = ask(europe, "A")
    found = questions.latest(europe.replica_id, WORDS, "guest")["A"]
    assert [q.pk for q in found] == [new.pk, old.pk]
    assert found[1].value == {"n": 1}
    assert questions.latest(europe.replica_id, WORDS, "administrator") == {}


def test_second_courier_for_a_question_asks_nobody(
    europe: ManagedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (question,) = ask(europe, "A")
    Question.objects.update(taken=timezone.now())
    monkeypatch.setattr(answering, "follower", lambda: pytest.fail("somebody was asked"))
    answering.answer([question.pk, 987654])


def test_old_questions_are_forgotten(europe: ManagedCluster) -> None:
    ask(europe, "A")
    assert questions.sweep() == 0
    Question.objects.update(asked=timezone.now() - KEPT - timedelta(seconds=1))
    assert questions.sweep() == 1
