"""What is said of a proposal is read in the language of the reader; what people said stays."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.translation import override

from appliances.models import Connection
from clusters import commits
from portal.phrases import words_of
from portal.proposals import deciding
from portal.proposals.proposal import Proposal, State
from portal.tenants import ManagedCluster
from tests.portal.proposals.conftest import BERLIN_FIRST, Submit, edit, obey, path_of, tick, told
from tests.portal.reading import LANGUAGES, Read, speaks


def test_log_of_a_proposal_is_read_in_the_language_of_each_reader(
    written_in: str, proposed: Proposal, alice: User, page_in: Read, api_in: Read
) -> None:
    deciding.refuse(proposed, alice)
    there = path_of(proposed)
    english = ["Proposed.", "Refused without a comment.", "The changes are pending changes of bob again."]
    japanese = [
        "提案しました。",
        "コメントなしで却下されました。",
        "変更は bob の未コミットの変更に戻りました。",
    ]
    for language in LANGUAGES:
        for text in (
            page_in(there, language),
            page_in(there, language, live=True),
            api_in(f"/clusters{there}", language),
        ):
            speaks(text, language, english, japanese)
        speaks(page_in("/europe/proposals/?state=refused", language), language, english[1:2], japanese[1:2])


def test_comment_of_a_person_stays_as_it_was_written(proposed: Proposal, alice: User, page_in: Read) -> None:
    deciding.refuse(proposed, alice, "Nicht heute")
    for language in LANGUAGES:
        assert page_in(path_of(proposed), language).count("Nicht heute") >= 2


def test_overtaken_proposal_names_entry_and_author_in_the_language_of_each_reader(
    written_in: str, proposed: Proposal, calm: ManagedCluster, page_in: Read
) -> None:
    edit(calm, "alice", "192.0.2.77")
    commits.commit_pending(calm.replica_id, user="alice", host="portal", comment="Faster")
    tick(proposed)
    english = ["Somebody else has changed this meanwhile. smtproutes (Cluster Europe): alice on portal at"]
    japanese = ["その間に別の人がこれを変更しました。smtproutes (クラスタ Europe): alice (portal、"]
    for language in LANGUAGES:
        text = page_in(path_of(proposed), language)
        speaks(text, language, english, japanese)
        assert "Faster" in text, "a person's own word"


def test_conflict_of_a_commit_is_kept_in_no_language(written_in: str, europe: ManagedCluster) -> None:
    edit(europe, "alice")
    edit(europe, "bob", "192.0.2.77")
    commits.commit_pending(europe.replica_id, user="bob", host="portal")
    with pytest.raises(commits.CommitConflict) as refused:
        commits.commit_pending(europe.replica_id, user="alice", host="portal")
    for language in LANGUAGES:
        with override(language):
            text = str(words_of(refused.value))
            speaks(text, language, ["Not committed", "bob on"], ["コミットしていません", "bob (portal"])


@pytest.mark.parametrize(
    ("trouble", "english", "japanese"),
    [
        (
            {"connection": Connection.DOWN, "reason": "no answer"},
            "berlin.example: It is down: no answer",
            "berlin.example: 停止しています: no answer",
        ),
        ({"queue": 900}, "Its queue has grown by 897", "キューが 897 通増えました"),
    ],
    ids=["down", "queue"],
)
def test_stopped_try_says_why_in_the_language_of_each_reader(
    written_in: str,
    ask: Submit,
    calm: ManagedCluster,
    bob: User,
    page_in: Read,
    trouble: dict[str, object],
    english: str,
    japanese: str,
) -> None:
    trying = ask(bob, canary=BERLIN_FIRST)
    assert isinstance(trying, Proposal)
    obey(calm)
    told(calm, "berlin.example", **trouble)
    assert tick(trying).state == State.STOPPED
    for language in LANGUAGES:
        speaks(
            page_in(path_of(trying), language),
            language,
            [english, "First on: ", "The machines that tried it have"],
            [japanese, "先に試すマシン: ", "試行したマシンの設定は元どおり"],
        )
