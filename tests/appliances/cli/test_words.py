"""What is typed around a command: options in any place, words that nothing takes, `--json`."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters import membership
from clusters.addressing import check_key
from clusters.modes import CLUSTER
from tests.appliances.cli.hosts import KEY, Person

ALIASES = {"postmaster": "", "aliases": [{"alias": "info@a.example", "targets": ["anna@a.example"]}]}
BLOB = st.lists(st.binary(max_size=40), min_size=1, max_size=5).map(
    lambda fields: b"".join(len(part).to_bytes(4) + part for part in (b"ssh-dss", *fields))
)


@pytest.mark.parametrize("line", ["load --copy", "load --empty", "--copy load", "--empty load"])
def test_load_takes_options_for_options(script: Person, line: str) -> None:
    """TRL-23: the document comes from standard input, wherever the option stands."""
    assert script.types(f"clustermode group Paris; aliasconfig {line}", stdin=json.dumps(ALIASES)) == 0
    found = script.session.draft_state.defined(script.session.mode, "aliasconfig")
    assert found is not None
    assert found.value == ALIASES


@pytest.mark.parametrize(
    "line",
    [
        "smtproutes --empty set a.example 127.0.0.9",
        "smtproutes set --empty a.example 127.0.0.9",
        "smtproutes set a.example 127.0.0.9 --empty",
        "--json smtproutes",
    ],
)
def test_options_may_stand_anywhere_behind_the_command(script: Person, line: str) -> None:
    """TRL-23."""
    code = script.types(f"clustermode cluster; smtproutes set b.example ::1; clustermode group Paris; {line}")
    assert code == (2 if line.startswith("--") else 0), script.warned


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("showchanges | head", "There is no shell here, hence no |: put it"),
        ("whoami now", "whoami takes no words; it does not know 'now'."),
        ("smtproutes show a.example", "smtproutes show takes no words; it does not know 'a.example'."),
        ("smtproutes set --nonsense x", "smtproutes does not know '--nonsense'"),
        ("aliasconfig load --copi", "aliasconfig does not know '--copi'"),
        ("clusterconfig list Paris", "clusterconfig list takes no words; it does not know 'Paris'."),
        ("status | head", "There is no shell here, hence no |: put it"),
        ("commitdetail MX1/1 MX1/2", "commitdetail does not know 'MX1/2'; see `help commitdetail`."),
        ("history 3 4", "history does not know '4'"),
        ("settleconflict a b c", "settleconflict does not know 'c'"),
        ("rollbackconfig MX1/1 now", "rollbackconfig does not know 'now'"),
        ("help commit now", "help does not know 'now'"),
        ("clustermode cluster Paris", "Name a mode: cluster, group NAME or machine NAME."),
        ("ping mx2.example.com 5", "Name a host, by name or by address."),
        ("telnet mx2.example.com x", '"x" is no port: it is a number from 1 to 65535.'),
        ("telnet mx2.example.com 25 now", "Name a host and at most one port."),
        ("saveconfig --encript", "Did you mean --encrypt?"),
        ("showconfig --machine", "--machine needs a value; see `help showconfig`."),
        ("showconfig now", "showconfig takes no name; it does not know 'now'."),
        ("loadconfig --no-cluster=yes", "--no-cluster takes no value."),
        ("loadconfig --appliance MX1", "--appliance needs a value; see `help loadconfig`."),
        ("clusterconfig setgroup mx2.example.com", "This is typed as: clusterconfig setgroup HOST... GROUP"),
        ("clusterconfig removemachine --yes", "typed as: clusterconfig removemachine HOST [--yes]"),
        ("clusterconfig renamegroup Paris", "typed as: clusterconfig renamegroup OLD NEW"),
        ("clusterconfig prepjoin new mx7.example.com", "clusterconfig prepjoin new HOST SERIAL KEY"),
        ("destconfig clusterset move cluster all-groups", "all-groups is for copying alone"),
        ("userconfig set eve role=operator passphrase=x", "`passwd USER` asks for it"),
        ("smtproutes set a.example 192.0.2.1:x", '"192.0.2.1:x": "x" is no port; write host:port.'),
        ("smtproutes set a.example prt=25", 'There is no field "prt"; fields are hosts.'),
    ],
)
def test_words_that_nothing_takes_are_refused(script: Person, line: str, said: str) -> None:
    """TRL-23, TRL-27: nothing runs as if they did not stand there, and what is said is ours."""
    assert script.types(f"clustermode cluster; {line}") in (1, 2)
    assert said in script.warned
    assert script.said == ""


def test_removal_is_agreed_to_on_the_line(admin: Person) -> None:
    """TRL-23: `--yes` is understood where a question is asked."""
    assert admin.types("clustermode cluster; clusterconfig removemachine mx2.example.com --yes") == 0
    assert admin.asked == []


def test_prepjoin_takes_the_key_in_the_layout_of_the_original(admin: Person) -> None:
    """TRL-23: the type on one line, the body cut over the next ones; the same in one line of words."""
    kind, body = KEY.split()
    pasted = f"{kind}\n\n{body[:30]}\n{body[30:]}\n"
    admin.session.mode = CLUSTER
    new = "new mx7.example.com M7"

    code = admin.types("clusterconfig prepjoin", "new", "mx7.example.com", "M7", stdin=pasted)
    words = " ".join(pasted.split())
    again = admin.types(f"clusterconfig prepjoin delete M7; clusterconfig prepjoin {new} {words}")

    assert (code, again) == (0, 0), admin.warned
    (found,) = membership.pending_joins(admin.session.draft_state)
    assert found.user_key == KEY


@given(BLOB, st.lists(st.integers(1, 90), max_size=6), st.sampled_from(["", "root@mx1", "AAAA two words"]))
def test_key_is_found_however_it_was_cut(blob: bytes, cuts: list[int], comment: str) -> None:
    """TRL-23: for each type, with breaks anywhere in the body and a comment behind it."""
    body = base64.b64encode(blob).decode()
    pieces, rest = [], body
    for cut in cuts:
        pieces, rest = [*pieces, rest[:cut]], rest[cut:]
    told = "\r\n".join(["ssh-dss", *pieces, rest])

    assert check_key(f"  {told} {comment}\n") == f"ssh-dss {body}"
