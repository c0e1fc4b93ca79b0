"""The client in Python against a running portal, and the examples of docs/api.md word for word."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User

from clusters import commits, drafts, replicas
from clusters.modes import CLUSTER
from portal.jobs.rows import Job
from portal.people.tokens import issue
from portal.tenants import ManagedCluster
from tests.portal import world

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gatefold(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The file itself, as a script beside it would import it."""
    spec = importlib.util.spec_from_file_location("gatefold", ROOT / "clients/python/gatefold.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gatefold", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def portal(gatefold: Any, live_server: Any, europe: ManagedCluster, alice: User) -> Any:
    world.report(europe)
    return gatefold.Portal(live_server.url, issue(alice, "script", read_only=False)[1])


def test_examples_of_the_documentation_run(portal: Any, europe: ManagedCluster) -> None:
    text = (ROOT / "docs/api.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 3
    names: dict[str, Any] = {"URL": portal.url, "TOKEN": portal.token}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    held = replicas.state(europe.replica_id).settings[CLUSTER]["smtproutes"].value
    assert held["routes"][0]["hosts"][0]["host"] == "192.0.2.40"
    assert commits.last(europe.replica_id).comment == "change 4711"


def test_commit_sent_again_with_its_key_is_the_same(portal: Any, europe: ManagedCluster) -> None:
    drafts.edit(europe.replica_id, "alice", CLUSTER, "smtproutes", world.routes(c_example="192.0.2.7"))
    one = portal.cluster("europe").commit("once", key="k1")
    assert portal.cluster("europe").commit("once", key="k1") == one


def test_stale_write_says_who(portal: Any, gatefold: Any, europe: ManagedCluster) -> None:
    here = portal.cluster("europe")
    seen = here.settings("cluster", "smtproutes")["version"]
    world.define(europe, CLUSTER, "smtproutes", world.routes(b_example="192.0.2.9"), user="bob")
    with pytest.raises(gatefold.Conflict) as caught:
        here.write("cluster", "smtproutes", {"routes": []}, version=seen)
    assert "bob" in caught.value.detail
    assert caught.value.clashes


def test_errors_are_told_apart(portal: Any, gatefold: Any, europe: ManagedCluster, bob: User) -> None:
    with pytest.raises(gatefold.NotFound):
        portal.cluster("no-such").about()
    with pytest.raises(gatefold.Refused) as caught:
        portal.cluster("europe").write("cluster", "smtproutes", {"routes": [{"domain": "?"}]})
    assert caught.value.problems
    reader = gatefold.Portal(portal.url, issue(bob, "reader")[1])
    with pytest.raises(gatefold.NotAllowed):
        reader.cluster("europe").synchronise()
    with pytest.raises(gatefold.Unreachable):
        gatefold.Portal("http://127.0.0.1:1", "x", timeout=2).job(1)


def test_lists_are_read_page_after_page(portal: Any, europe: ManagedCluster) -> None:
    for _number in range(120):
        Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise", state="done")
    assert len(list(portal.jobs(kind="synchronise"))) == 120
    for number in range(60):
        routes = world.routes(**{f"d{number}_example": "192.0.2.7"})
        world.define(europe, CLUSTER, "smtproutes", routes)
    assert len(list(portal.cluster("europe").history())) > 60


def test_job_is_waited_for(portal: Any, gatefold: Any, europe: ManagedCluster) -> None:
    job = Job.everything.create(tenant=europe.tenant, cluster=europe, kind="synchronise")
    with pytest.raises(gatefold.JobUnfinished):
        portal.wait(job.pk, patience=0.1, every=0.05)
    Job.everything.filter(pk=job.pk).update(state="done")
    assert portal.wait(job.pk)["state"] == "done"
