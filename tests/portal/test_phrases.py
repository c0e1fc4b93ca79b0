"""What jobs say is kept in no language: everybody reads it in their own, whoever started them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliances.following import calling
from appliances.following.calling import Said
from appliances.links.errors import LinkLost
from appliances.models import Connection, MachineStatus
from clusters import replicas
from clusters.catalogue import InvalidDocument, Problem
from clusters.phrases import Text, phrase
from clusters.refusals import Refused
from clusters.replication import Snapshot
from portal.checks import job as comparing
from portal.guided.operations import carry_out, rename_group
from portal.jobs.rows import Job, JobFailed, skip, start
from portal.phrases import LONGEST, words_of
from portal.tasks import run_job
from portal.tenants import ManagedCluster
from portal.terminal import opening
from tests.clusters.test_phrases import PHRASES
from tests.portal import world
from tests.portal.reading import LANGUAGES, Read, speaks


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=PHRASES | st.text())
def test_text_comes_back_from_the_database_as_it_was(europe: ManagedCluster, text: Text) -> None:
    job = Job.everything.create(tenant=europe.tenant, kind="check")
    job.say(text)
    job.end(Job.State.DONE, text)
    for language in LANGUAGES:
        with override(language):
            assert Job.everything.get(pk=job.pk).message == text
            assert str(job.lines.get()) == str(text)


def test_text_that_is_empty_is_found_as_such(europe: ManagedCluster) -> None:
    job = Job.everything.create(tenant=europe.tenant, kind="check")
    assert Job.everything.filter(message="").get() == job
    job.end(Job.State.DONE, phrase("Group"))
    assert not Job.everything.filter(message="").exists()


def test_words_of_an_error_are_its_phrase_or_its_own_text() -> None:
    assert words_of(JobFailed(phrase("Group"))) == phrase("Group")
    assert words_of(ValueError("x" * LONGEST + "y")) == "x" * LONGEST
    assert words_of(InvalidDocument("smtproutes", [Problem("a", "b")])) == "smtproutes: a: b"
    with override("ja"):
        assert str(words_of(LinkLost("gone"))) == "gone. 自動的に再接続します。"


@pytest.fixture
def worked(europe: ManagedCluster, alice: User, written_in: str, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job that was started in that language: one machine did it, two did not, one was skipped."""

    def run(_replica: int, serial: str, _words: list[str], **_more: object) -> Said:
        if serial == "B":
            raise LinkLost("gone")
        return (
            Said(('{"matching": 3, "done": 2}',)) if serial == "A" else Said(warned=("my own words",), code=1)
        )

    monkeypatch.setattr(calling, "run", run)
    machines = [("A", "a"), ("B", "b"), ("C", "c"), ("D", "d")]
    job = start("queue", europe, alice, {"verb": "hold", "terms": []}, machines)
    assert skip(job, "D", alice)
    run_job(job.pk)
    return job


ENGLISH = ["2 of 4 machines failed: b, c.", "2 of 3 message(s) done", "dialled again", "d is skipped"]
JAPANESE = [
    "4 台のうち 2 台で失敗しました: b, c",
    "3 件のうち 2 件のメッセージ",
    "自動的に再接続",
    "d をスキップ",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_job_is_read_in_the_language_of_each_reader(
    worked: Job, language: str, page_in: Read, api_in: Read
) -> None:
    there = f"/jobs/{worked.pk}/"
    for text in (page_in(there, language), page_in(there, language, live=True), api_in(there, language)):
        speaks(text, language, ENGLISH, JAPANESE)
        assert "my own words" in text, "of a machine they stay"
    for text in (
        page_in("/jobs/", language),
        api_in("/jobs/", language),
        page_in("/jobs/", language, live=True),
    ):
        speaks(text, language, ENGLISH[:1], JAPANESE[:1])
    speaks(api_in(f"{there}lines/", language), language, ENGLISH[1:], JAPANESE[1:])


def test_log_of_a_terminal_is_read_in_the_language_of_each_reader(
    europe: ManagedCluster, alice: User, written_in: str, page_in: Read, api_in: Read
) -> None:
    machine = opening.Machine(europe.pk, "S1", "newyork.example", "192.0.2.9", 22, "")
    number = opening.opened(alice, machine, "admin")
    opening.closed(number, phrase("the page was closed"), 7.4)
    english = [
        "Terminal of newyork.example as admin",
        "Opened as admin on",
        "Closed after 7 s: the page was closed",
    ]
    japanese = [
        "newyork.example のターミナル (admin)",
        "admin として開きました",
        "7 秒後に閉じました: ページが閉じられ",
    ]
    for language in LANGUAGES:
        for text in (page_in(f"/jobs/{number}/", language), api_in(f"/jobs/{number}/", language)):
            speaks(text, language, english, japanese)


def test_administration_of_a_cluster_is_read_in_the_language_of_each_reader(
    europe: ManagedCluster, alice: User, written_in: str, page_in: Read
) -> None:
    group = world.mode_of(europe, "Paris").id
    state = replicas.state(europe.replica_id)
    carry_out(europe, alice, rename_group(state, {"group": group, "name": "Lyon"}))
    with pytest.raises(Refused):
        carry_out(europe, alice, rename_group(state, {"group": group, "name": "Main_Group"}))
    english = ["Rename the group Paris to Lyon", "The name Main_Group is taken."]
    japanese = ["グループ Paris の名前を Lyon に変更", "名前 Main_Group は使用されています。"]
    for language in LANGUAGES:
        speaks(page_in("/jobs/", language), language, english, japanese)


class Silent:
    """Members of which none answers in time."""

    def digest_of(self, serial: str) -> str:
        if serial == comparing.HERE:
            return "0"
        raise comparing.Late

    def entries_of(self, serial: str) -> Snapshot:
        raise comparing.Late


def test_check_is_read_in_the_language_of_each_reader(
    europe: ManagedCluster, alice: User, written_in: str, page_in: Read, api_in: Read
) -> None:
    job = start("check", europe, alice)
    job.claim()
    job.end(Job.State.DONE, comparing.run(job, Silent()))
    late, missed = ["no answer in 30 seconds. Check that"], ["Nothing was compared. 3 machines were not"]
    late_ja, missed_ja = (
        ["30 秒以内に応答がありません. マシンの電源"],
        ["比較していません。 3 台"],
    )
    for language in LANGUAGES:
        for text in (page_in("/europe/check/", language), api_in("/clusters/europe/check/", language)):
            speaks(text, language, late, late_ja)
        for text in (page_in(f"/jobs/{job.pk}/", language), api_in(f"/jobs/{job.pk}/", language)):
            speaks(
                text,
                language,
                [*late, *missed, "Checking rome"],
                [*late_ja, *missed_ja, "rome.example を検査"],
            )


def test_remedy_of_a_machine_is_read_in_the_language_of_each_reader(
    europe: ManagedCluster, page_in: Read, api_in: Read
) -> None:
    world.report(europe, connection=Connection.DOWN)
    MachineStatus.objects.update(reason="gone", remedy=LinkLost.remedy)
    for language in LANGUAGES:
        for text in (
            page_in("/", language),
            page_in("/europe/", language),
            api_in("/clusters/europe/machines/", language),
            api_in("/clusters/europe/links/", language),
        ):
            speaks(text, language, ["It is dialled again by itself."], ["自動的に再接続します。"])
