"""A fake catalogue, a standalone machine and a cluster of three, in the database of the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clusters import installed, membership, models, replicas
from clusters.catalogue import Document
from clusters.modes import CLUSTER, Mode, group, machine
from clusters.state import ClusterState, Machine
from clusters.versions import Address, Change, CommitId, settings_at

HERE = "tests.clusters.catalogues.CATALOGUE"
BY: Any = {"user": "alice", "host": "mx1.example.com"}


@pytest.fixture
def fake_catalogue(settings: Any) -> Iterator[None]:
    settings.GATEFOLD_CATALOGUE = HERE
    installed.catalogue.cache_clear()
    yield
    installed.catalogue.cache_clear()


def rows(*names: str, **fields: object) -> Document:
    """A document of the fake catalogue's features."""
    return {"rows": [{"name": name, **fields} for name in names]}


def member(number: int, **fields: object) -> Machine:
    """A machine that could join."""
    name = f"mx{number}.example.com"
    values: dict[str, Any] = {
        "name": name,
        "address": name,
        "host_key": f"hk{number}",
        "user_key": f"uk{number}",
        **fields,
    }
    return Machine(f"M{number}", **values)


@dataclass(frozen=True)
class Cluster:
    """A replica held by M1 in a cluster of M1, M2 (Main_Group) and M3 (Paris)."""

    replica_id: int
    main: Mode
    paris: Mode

    @property
    def state(self) -> ClusterState:
        return replicas.state(self.replica_id)

    def put(self, mode: Mode, feature: str, value: Document | None, **by: str) -> CommitId:
        """Commit a value at once, over whatever is there; the comment is empty."""
        address = settings_at(mode, feature)
        head = replicas.heads(self.replica_id, [address]).get(address, (None,))[0]
        change = Change(address, value, head.id if head else None)
        return replicas.commit(self.replica_id, [change], **{**BY, **by}).id

    def newest(self, address: Address) -> CommitId:
        """The newest version of an entry."""
        return replicas.heads(self.replica_id, [address])[address][0].id

    def value(self, mode: Mode, feature: str) -> Document | None:
        found = self.state.defined(mode, feature)
        return found.value if found else None


@pytest.fixture
def standalone(db: None, fake_catalogue: None) -> int:
    """The replica of the standalone machine M1, with a port of its own and routes."""
    replica_id = models.Replica.objects.create(origin="M1").pk
    changes = [
        Change(settings_at(machine("M1"), "ports"), rows("public")),
        Change(settings_at(CLUSTER, "routes"), rows("example.com")),
    ]
    replicas.commit(replica_id, changes, **BY)
    return replica_id


@pytest.fixture
def cluster(standalone: int) -> Cluster:
    """A cluster made of it: M2 beside it in Main_Group, M3 in Paris."""
    membership.create(standalone, name="Americas", machine=member(1), by_address=False, **BY)
    paris = membership.add_group(standalone, "Paris", **BY)
    membership.enrol_machine(standalone, machine=member(2), settings={"ports": rows("public")}, **BY)
    three = member(3, group=paris.id)
    membership.enrol_machine(standalone, machine=three, settings={"ports": rows("inside")}, **BY)
    main = replicas.state(standalone).initial_group
    return Cluster(standalone, group(main.id), group(paris.id))
