"""Queries and time of the pages of one cluster with 8, 100 and 1,000 machines that report.

Every group defines routes of its own, one change is pending on the cluster, and every machine has said lately
how it stands. A page is what the server sends: no browser is in it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import spread, timed
from bench.sizes import scaled

SIZES = scaled((8, 100, 1000), (8,))
PER_GROUP = 50
RUNS = scaled(7, 1)


def measure() -> Iterator[str]:
    """Rows of figures."""
    with tempfile.TemporaryDirectory(prefix="gf-bench-") as folder:
        os.environ.update(GATEFOLD_VAR=folder, DJANGO_SETTINGS_MODULE="portal.settings.testing")
        import django
        from django.conf import settings

        settings.DATABASES["default"]["NAME"] = str(Path(folder) / "portal.sqlite3")
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        yield from _sizes()


def _sizes() -> Iterator[str]:
    from portal.tenants import Tenant
    from tests.portal import world

    for size in SIZES:
        tenant = Tenant.objects.create(name=f"Bench {size}", slug=f"bench-{size}")
        person = world.person(f"bench{size}", "Bench", administrator=tenant)
        cluster = populated(tenant, size, person.username)
        client = browser(person)
        for name, path in pages(cluster, f"M{size}-0001").items():
            yield _figure(client, f"{size} machines, {name}", path)


def populated(tenant: Any, size: int, user: str) -> Any:
    """A cluster of that many machines, fifty in a group, which run what is wanted; something is pending."""
    from appliances.following import statuses
    from clusters import drafts, replicas
    from clusters.modes import CLUSTER, group
    from clusters.state import Machine
    from clusters.versions import Address, Change, Kind, settings_at
    from tests.portal import world

    groups = [f"g{number}" for number in range(-(-size // PER_GROUP))]
    cluster = world.cluster(tenant, f"Big {size}", ["mx0.example"])
    changes = [Change(Address(Kind.GROUP, name), {"name": name, "initial": False}) for name in groups]
    for number, name in enumerate(groups):
        routes = world.routes(a_example=f"192.0.2.{number + 1}")
        changes.append(Change(settings_at(group(name), "smtproutes"), routes))
    for number in range(1, size):
        serial, home = f"M{size}-{number:04}", groups[number // PER_GROUP]
        address = f"10.{size % 200}.{number // 250}.{number % 250 + 1}"
        member = Machine(serial, f"mx{number}.example", home, address)
        changes.append(Change(Address(Kind.MACHINE, serial), member.to_value()))
    replicas.commit(cluster.replica_id, changes, user="bench", host="bench", comment="All at once")
    world.define(cluster, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.200"))
    statuses.wanted(cluster.replica_id)
    world.report(cluster)
    drafts.edit(cluster.replica_id, user, CLUSTER, "smtproutes", world.routes(a_example="192.0.2.201"))
    return cluster


def browser(person: Any) -> Any:
    """A client that is logged in as the person."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    return client


def pages(cluster: Any, serial: str) -> dict[str, str]:
    """The pages that are measured, by their names; of the machine with that serial number among them."""
    from clusters import commits

    last = commits.last(cluster.replica_id).id
    base = f"/{cluster.slug}"
    return {
        "fleet": "/",
        "cluster": f"{base}/",
        "cluster, the live part alone": f"{base}/?live",
        "matrix": f"{base}/matrix/",
        "pending changes, with the commit": f"{base}/pending/",
        "one commit": f"{base}/history/{last.origin}/{last.number}/",
        "history": f"{base}/history/",
        "alerts": f"{base}/alerts/",
        "one machine": f"{base}/machine/{serial}/monitor/overview",
    }


def queries(client: Any, path: str) -> int:
    """How many a page needs when it was looked at before, but not just now."""
    from django.core.cache import caches
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    look(client, path)
    caches["parts"].clear()
    with CaptureQueriesContext(connection) as found:
        look(client, path)
    return len(found)


def look(client: Any, path: str) -> None:
    """Fetch a page as a browser does."""
    headers = {"HX-Request": "true"} if path.endswith("?live") else {}
    answer = client.get(path, headers=headers, SERVER_NAME="localhost")
    assert answer.status_code == 200, (path, answer.status_code)


def _figure(client: Any, name: str, path: str) -> str:
    count = queries(client, path)
    return f"{name}: {count} queries, {spread(timed(lambda: look(client, path), RUNS))}"
