"""Sync of one missing commit between two replicas with a log of 10,000, in the database and in memory.

Side by side with an empty log, so that one sees whether the cost grows with what exists.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.figures import spread, timed
from bench.sizes import scaled

if TYPE_CHECKING:
    from clusters.replication import Replica
    from clusters.versions import Address, Change, Commit, Version

LOG = scaled(10_000, 100)


def measure() -> Iterator[str]:
    """Rows of figures."""
    with tempfile.TemporaryDirectory(prefix="gf-bench-") as folder:
        os.environ.update(GATEFOLD_VAR=folder, DJANGO_SETTINGS_MODULE="portal.settings.machine")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield from _in_database()
    yield from _in_memory()


def _in_database() -> Iterator[str]:
    from clusters import replicas

    for log in (0, LOG):
        a, b = replicas.new_replica("A").pk, replicas.new_replica("B").pk
        fresh = _changes()
        for _ in range(log // 100):
            batch = [_commit_in_database(a, next(fresh)) for _ in range(100)]
            replicas.absorb(b, batch)

        def once(a: int = a, b: int = b, fresh: Iterator = fresh) -> None:
            _commit_in_database(a, next(fresh))
            replicas.absorb(b, replicas.missing(a, replicas.vector(b)))

        figures = spread(timed(once, 20))
        yield f"database, log of {log or 'no commit'}: commit there, find it, absorb it here: {figures}"


def _in_memory() -> Iterator[str]:
    from clusters.memory import MemoryStore
    from clusters.replication import Replica
    from clusters.versions import Clock

    for log in (0, LOG):
        a, b = (Replica(MemoryStore(), name, Clock(itertools.count(1).__next__)) for name in "AB")
        fresh = _changes()
        for _ in range(log):
            b.absorb([_commit(a, next(fresh))])

        def once(a: Replica = a, b: Replica = b, fresh: Iterator = fresh) -> None:
            _commit(a, next(fresh))
            b.absorb(a.missing(b.vector))

        yield f"memory, log of {log or 'no commit'}: {spread(timed(once, 20))}"


Row = tuple[str, dict[str, Any]]
Heads = Mapping["Address", Sequence["Version"]]


def _changes() -> Iterator[Row]:
    for n in itertools.count():
        yield f"feature{n % 40}", {"row": n}


def _based(heads: Heads, change: Row) -> Change:
    from clusters.modes import CLUSTER
    from clusters.versions import Change, settings_at

    address = settings_at(CLUSTER, change[0])
    known = heads.get(address)
    return Change(address, change[1], known[0].id if known else None)


def _commit(replica: Replica, change: Row) -> Commit:
    from clusters.modes import CLUSTER
    from clusters.versions import settings_at

    heads = replica.store.heads([settings_at(CLUSTER, change[0])])
    return replica.commit([_based(heads, change)], user="bench", host="bench")


def _commit_in_database(replica_id: int, change: Row) -> Commit:
    from clusters import replicas

    with replicas.opened(replica_id) as replica:
        return _commit(replica, change)
