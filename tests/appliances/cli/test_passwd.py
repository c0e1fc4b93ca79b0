"""`passwd`: two people at once, others' pending changes, and what is said where not everybody hears of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliances.machine import people
from appliances.machine.status import LinkStatus
from clusters import commits, drafts, membership, replicas
from clusters.effective import setting_at
from clusters.installed import catalogue
from clusters.memory import MemoryStore
from clusters.modes import CLUSTER
from clusters.replication import Replica
from clusters.versions import Change, Clock
from tests.appliances.cli.hosts import PASSPHRASE, Person, QuietHost

NEW = "a new passphrase"


@pytest.fixture
def staffed(clustered: QuietHost) -> QuietHost:
    """The cluster with olga and otto beside the administrator, each with a passphrase."""
    admin = Person.at(clustered, interactive=False)
    added = "userconfig add olga role=guest; userconfig add otto role=guest; commit -m staff"
    assert admin.types(f"clustermode cluster; {added}") == 0
    for name in ("olga", "otto"):
        assert admin.types(f"passwd {name} --passphrase-stdin", stdin=PASSPHRASE) == 0
    return clustered


class Meanwhile:
    """Does something while the next passphrase is worked out, which takes as long as it takes."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act, self._hasher = act, people._HASHER

    def hash(self, passphrase: str) -> str:
        people._HASHER = self._hasher
        self._act()
        return self._hasher.hash(passphrase)

    def verify(self, known: str, passphrase: str) -> bool:
        return self._hasher.verify(known, passphrase)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    return lambda act: monkeypatch.setattr(people, "_HASHER", Meanwhile(act))


def passphrase_of(host: QuietHost, name: str) -> str:
    users = setting_at(replicas.state(host.replica_id), CLUSTER, "userconfig", catalogue()).value["users"]
    return str(next(each["passphrase_hash"] for each in users if each["name"] == name))


def test_two_people_who_change_their_passphrases_at_once_both_have_them(
    staffed: QuietHost, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """TRL-09, CL-07: and neither commit names what the other one has changed."""
    olga, otto = (Person.at(staffed, "guest", name, interactive=False) for name in ("olga", "otto"))
    told = f"{PASSPHRASE}\n{NEW}"
    meanwhile(lambda: otto.types("passwd --passphrase-stdin", stdin=told))

    assert olga.types("passwd --passphrase-stdin", stdin=told) == 0

    assert "changed" in otto.said
    for name in ("olga", "otto"):
        assert people.matches(passphrase_of(staffed, name), NEW), name
    (entry,) = commits.detail(staffed.replica_id, commits.last(staffed.replica_id).id).entries
    assert [change.text for change in entry.paths] == ["users[olga].passphrase_hash"]


def test_passphrase_that_was_changed_meanwhile_is_not_overwritten_on_an_old_ones_word(
    staffed: QuietHost, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """TRL-09: an administrator has locked somebody out, who is just changing it."""
    olga = Person.at(staffed, "guest", "olga", interactive=False)
    admin = Person.at(staffed, interactive=False)
    meanwhile(lambda: admin.types("passwd olga --passphrase-stdin", stdin="locked out now"))

    assert olga.types("passwd --passphrase-stdin", stdin=f"{PASSPHRASE}\n{NEW}") == 1

    assert "was changed meanwhile" in olga.warned
    assert people.matches(passphrase_of(staffed, "olga"), "locked out now")


def test_users_that_others_have_pending_go_on_upon_the_new_passphrase(staffed: QuietHost) -> None:
    """TRL-09: changes to different users do not undo each other, whoever commits last."""
    admin = Person.at(staffed, interactive=False)
    admin.types("clustermode cluster; userconfig set otto full_name=Otto")
    before = drafts.pending(staffed.replica_id, "admin")[0].updated
    olga = Person.at(staffed, "guest", "olga", interactive=False)

    assert olga.types("passwd --passphrase-stdin", stdin=f"{PASSPHRASE}\n{NEW}") == 0

    (waiting,) = drafts.pending(staffed.replica_id, "admin")
    assert [change.text for change in waiting.paths] == ["users[otto].full_name"]
    assert waiting.updated == before
    assert admin.types("commit -m otto") == 0
    assert people.matches(passphrase_of(staffed, "olga"), NEW)


def test_pending_change_of_the_same_passphrase_stays_a_conflict(staffed: QuietHost) -> None:
    """TRL-09, CMT-04."""
    users = setting_at(replicas.state(staffed.replica_id), CLUSTER, "userconfig", catalogue()).value
    mine = [{**u, "passphrase_hash": people.hashed("given by the admin")} for u in users["users"]]
    drafts.edit(staffed.replica_id, "admin", CLUSTER, "userconfig", {"users": mine})
    olga = Person.at(staffed, "guest", "olga", interactive=False)
    assert olga.types("passwd --passphrase-stdin", stdin=f"{PASSPHRASE}\n{NEW}") == 0

    assert Person.at(staffed, interactive=False).types("commit -m mine") == 3

    assert people.matches(passphrase_of(staffed, "olga"), NEW)


def test_passphrase_on_a_disconnected_machine_says_that_the_others_do_not_have_it(staffed: QuietHost) -> None:
    """TRL-09, UPG-06: so does a commit there; it is this machine that is away."""
    staffed.peers = [LinkStatus(serial="MX2", name="mx2.example.com", state="disconnected", kind="machine")]
    membership.set_disconnected(staffed.replica_id, ["MX1"], True, user="admin", host="x")
    admin = Person.at(staffed, interactive=False)

    assert admin.types("passwd olga --passphrase-stdin", stdin=NEW) == 0
    assert "on this machine alone" in admin.said
    assert "every machine" not in admin.said
    assert admin.types("clustermode cluster; unsubscribe add a@example.com; commit -m x") == 0
    assert "Away now" not in admin.warned
    assert "when this machine is reconnected" in admin.warned


def test_passphrase_while_a_member_is_away_names_it(staffed: QuietHost) -> None:
    """TRL-09."""
    staffed.peers = [LinkStatus(serial="MX2", name="mx2.example.com", state="down", kind="machine")]
    admin = Person.at(staffed, interactive=False)

    assert admin.types("passwd olga --passphrase-stdin", stdin=NEW) == 0

    assert "every machine that can be reached" in admin.said
    assert "mx2.example.com" in admin.warned


def test_passphrase_of_a_machine_in_no_cluster_names_no_others(standalone: QuietHost) -> None:
    """TRL-09."""
    admin = Person.at(standalone, interactive=False)

    assert admin.types("passwd --passphrase-stdin", stdin=f"{PASSPHRASE}\n{NEW}") == 0

    assert admin.said == "Passphrase of admin changed."


@pytest.mark.parametrize("wait", ["on", "off"])
def test_passphrase_settles_no_conflict_of_the_users(staffed: QuietHost, wait: str) -> None:
    """TRL-09: a commit upon a conflict ends it, and what another member changed would be gone unsaid."""
    admin = Person.at(staffed, interactive=False)
    admin.types(f"clusterconfig safewait {wait}")
    other = Replica(MemoryStore(), "MX2", Clock(lambda: replicas.now() + 1000))
    other.absorb_snapshot(replicas.snapshot(staffed.replica_id))
    (head,) = other.store.heads([people.USERS])[people.USERS]
    admin.types("clustermode cluster; userconfig add here role=guest; commit -m here")
    made = other.commit([Change(people.USERS, head.value, head.id)], user="carol", host="mx2", comment="")
    replicas.absorb(staffed.replica_id, [made])
    before = replicas.heads(staffed.replica_id, [people.USERS])

    olga = Person.at(staffed, "guest", "olga", interactive=False)
    assert olga.types("passwd --passphrase-stdin", stdin=f"{PASSPHRASE}\n{NEW}") == 1

    assert "carol" in olga.warned
    assert "settleconflict" in olga.warned
    assert replicas.heads(staffed.replica_id, [people.USERS]) == before
