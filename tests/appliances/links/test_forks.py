"""Two ends of a link find out that one of them came back from a backup, though their numbers are equal."""

from __future__ import annotations

from clusters.replication import Replica
from clusters.versions import Clock, CommitId
from tests.appliances.links.conftest import until
from tests.clusters.histories import LDAP, ROUTES, edit


async def test_end_that_committed_after_a_restore_goes_on_under_another_origin(pair):
    """INS-61: it asks whether it is known as it is; nobody else is asked to do anything."""
    a, b, target = await pair()
    edit(a.holder.replica, ROUTES, {"n": 1})
    backup = a.holder.replica.store.copy()
    edit(a.holder.replica, ROUTES, {"n": 2})
    b.holder.replica.absorb(a.holder.replica.missing({}))
    a.holder.replica = Replica(backup, "A", Clock(a.holder.replica.clock.wall))
    edit(a.holder.replica, LDAP, {"n": 3})
    assert a.holder.replica.vector == b.holder.replica.vector
    (await b.dial(target, a)).start()
    await until(lambda: b.holder.replica.vector == {"A": 2, "A#1": 1} == a.holder.replica.vector)
    assert a.holder.replica.digest() == b.holder.replica.digest()
    assert a.holder.replica.origin == "A#1"
    assert CommitId("A", 2) in {commit.id for commit in a.holder.replica.missing({})}


async def test_end_that_cannot_go_on_is_named_at_the_other(pair, monkeypatch):
    """INS-61: as a machine, whose mail runs by the numbers of its own commits."""
    a, b, target = await pair()
    edit(a.holder.replica, ROUTES, {"n": 1})
    edit(Replica(b.holder.replica.store, "A", a.holder.replica.clock), LDAP, {"n": 2})

    async def stays(theirs):
        return True

    monkeypatch.setattr(a.holder, "compare", stays)
    link = await b.dial(target, a)
    link.start()
    await until(lambda: "its history is forked" in link.trouble)
