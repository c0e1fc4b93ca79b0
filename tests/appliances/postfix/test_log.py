"""The maillog: nothing missed and nothing twice, and lines understood."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from appliances.postfix.log import (
    Follower,
    Outcome,
    Position,
    Severity,
    count,
    end_of,
    event_of,
    parse_line,
    read_since,
)

NOW = datetime(2026, 11, 22, 21, 0, 0)
HEAD = "Nov 22 20:37:41 gw1 "


def test_lines_are_read_once_and_halves_wait(tmp_path: Path) -> None:
    path = tmp_path / "maillog"
    path.write_text("one\ntwo\nthr")
    lines, position = read_since(path, Position())
    assert lines == ["one", "two"]
    with path.open("a") as stream:
        stream.write("ee\n")
    assert read_since(path, position)[0] == ["three"]


def test_missing_log_is_empty(tmp_path: Path) -> None:
    assert end_of(tmp_path / "maillog") == Position()
    assert read_since(tmp_path / "maillog", Position()) == ([], Position())


def test_rotated_log_is_read_to_its_end_first(tmp_path: Path) -> None:
    path = tmp_path / "maillog"
    path.write_text("one\n")
    position = end_of(path)
    with path.open("a") as stream:
        stream.write("two\n")
    os.rename(path, tmp_path / "maillog.20261122-210000")
    path.write_text("three\n")
    lines, position = read_since(path, position)
    assert lines == ["two", "three"]
    assert read_since(path, position)[0] == []


def test_truncated_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "maillog"
    path.write_text("one\ntwo\n")
    position = end_of(path)
    path.write_text("new\n")
    assert read_since(path, position)[0] == ["new"]


def test_line_of_a_listener_is_parsed() -> None:
    entry = parse_line(f"{HEAD}gf7/public/smtpd[123]: warning: odd: thing", NOW)
    assert entry is not None
    assert (entry.generation, entry.service, entry.program, entry.pid) == (7, "public", "smtpd", 123)
    assert (entry.severity, entry.text, entry.host) == (Severity.WARNING, "odd: thing", "gw1")
    assert entry.time == datetime(2026, 11, 22, 20, 37, 41)


def test_line_without_service_is_parsed() -> None:
    entry = parse_line(f"{HEAD}gf7/qmgr[5]: 4XYZ: removed", NOW)
    assert entry is not None
    assert (entry.generation, entry.service, entry.program, entry.severity) == (
        7,
        None,
        "qmgr",
        Severity.INFO,
    )


@pytest.mark.parametrize("line", ["", "rubbish", "Nov 22 20:37:41", "Nov 99 20:37:41 h p[1]: x", "\x00" * 50])
def test_foreign_line_is_none(line: str) -> None:
    assert parse_line(line, NOW) is None


def test_line_of_december_read_in_january_is_of_last_year() -> None:
    entry = parse_line("Dec 31 23:59:59 gw1 gf1/qmgr[5]: x", datetime(2027, 1, 1, 0, 0, 5))
    assert entry is not None
    assert entry.time.year == 2026


@pytest.mark.parametrize(
    ("text", "outcome", "expected"),
    [
        (
            "gf1/dc1/smtp[9]: 4XYZabc: to=<a@b.test>, relay=127.0.0.9[127.0.0.9]:2600, delay=0.09, "
            "delays=0.05/0.01/0.02/0.01, dsn=2.0.0, status=sent (250 2.0.0 Ok (queued))",
            Outcome.DELIVERED,
            {
                "recipient": "a@b.test",
                "transport": "dc1",
                "dsn": "2.0.0",
                "delay": 0.09,
                "queue_id": "4XYZabc",
            },
        ),
        (
            "gf1/smtp[9]: 4XYZabc: to=<a@b.test>, orig_to=<c@b.test>, relay=none, delay=3, delays=1/1/1/0, "
            "dsn=4.4.1, status=deferred (connect to x[1.2.3.4]:25: Connection refused)",
            Outcome.DEFERRED,
            {"transport": "smtp", "relay": "none", "reason": "connect to x[1.2.3.4]:25: Connection refused"},
        ),
        (
            "gf1/error[9]: 4XYZabc: to=<a@b.test>, relay=none, delay=3, delays=1/1/1/0, dsn=5.1.1, "
            "status=bounced (no such user)",
            Outcome.BOUNCED,
            {"dsn": "5.1.1"},
        ),
        (
            "gf1/public/smtpd[9]: NOQUEUE: reject: RCPT from unknown[127.0.0.1]:41430: 554 5.7.1 "
            "<x@y.test>: Relay access denied; from=<s@t.test> to=<x@y.test> proto=ESMTP helo=<h>",
            Outcome.REJECTED,
            {
                "listener": "public",
                "sender": "s@t.test",
                "recipient": "x@y.test",
                "dsn": "5.7.1",
                "queue_id": None,
            },
        ),
        (
            "gf1/public/smtpd[9]: NOQUEUE: reject: CONNECT from unknown[127.0.0.1]:41430: 521 5.7.1 "
            "<unknown[127.0.0.1]:41430>: Client host rejected: no; proto=SMTP",
            Outcome.REJECTED,
            {"client": "unknown[127.0.0.1]:41430", "dsn": "5.7.1"},
        ),
        (
            "gf1/cleanup[9]: 4XYZabc: milter-reject: END-OF-MESSAGE from unknown[127.0.0.1]:41430: 5.7.1 no; "
            "from=<s@t.test> to=<x@y.test> proto=ESMTP helo=<h>",
            Outcome.REJECTED,
            {"queue_id": "4XYZabc", "sender": "s@t.test"},
        ),
        (
            "gf1/qmgr[9]: 4XYZabc: from=<s@t.test>, status=force-expired, returned to sender",
            Outcome.EXPIRED,
            {"queue_id": "4XYZabc", "sender": "s@t.test"},
        ),
        (
            "gf1/public/smtpd[9]: 4XYZabc: client=unknown[127.0.0.1]:41430",
            Outcome.ACCEPTED,
            {"listener": "public", "client": "unknown[127.0.0.1]:41430"},
        ),
    ],
)
def test_line_about_mail_is_an_event(text: str, outcome: Outcome, expected: dict[str, object]) -> None:
    entry = parse_line(HEAD + text, NOW)
    assert entry is not None
    event = event_of(entry)
    assert event is not None
    assert event.outcome == outcome
    assert {name: getattr(event, name) for name in expected} == expected


def test_trial_conversation_is_no_event() -> None:
    entry = parse_line(
        f"{HEAD}gf1/public/smtpd[9]: NOQUEUE: reject: RCPT from unknown[127.0.0.1]:41430: 554 5.7.1 no; "
        "from=<> to=<canary@gatefold.invalid> proto=ESMTP helo=<canary.gatefold.invalid>",
        NOW,
    )
    assert entry is not None
    assert event_of(entry) is None


def test_follower_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "maillog"
    line = f"{HEAD}gf1/public/smtpd[9]: 4XYZabc: client=unknown[127.0.0.1]\n"
    path.write_text(line)
    follower = Follower(path)
    assert count(follower.events()) == {Outcome.ACCEPTED: 1}
    with path.open("a") as stream:
        stream.write(f"rubbish\n{line}{line}")
    again = Follower(path, follower.position)
    assert count(again.events()) == {Outcome.ACCEPTED: 2}
    assert again.events() == []
