"""The kinds of jobs: each is a module of the slice whose work it does, and says so with `KIND`.

A kind's `run` does the work of a claimed job in a worker and returns its result in one sentence. It calls
`job.step` as it goes, and raises JobFailed for an end that is no success. Nothing else knows the kinds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from clusters.phrases import Text
from portal.tenants import Right

if TYPE_CHECKING:
    from portal.jobs.rows import Job


# By name: the slices import this module, and none of them is imported before a job is looked at.
MODULES = (
    "portal.checks.job",
    "portal.guided.adoption_job",
    "portal.guided.job",
    "portal.machines.queue_job",
    "portal.machines.suspend_job",
    "portal.machines.synchronise_job",
    "portal.terminal.job",
    "portal.upgrades.reconnect_job",
    "portal.upgrades.revert_job",
    "portal.upgrades.upgrade_job",
)
"""Where the kinds are; a test finds the one that is missing here."""


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    `run` is None for what a web process does itself while the person waits. `may_retry`: starting it again
    makes sense. `resumable`: it goes on where it stood, also after the worker that had it is gone.
    `right`: what cancelling and starting it again needs. `operates`: it changes who belongs to the cluster or
    what its machines run, so that others better stay away meanwhile (L23); `changes_release`: the latter.
    """

    name: str
    title: str | Promise
    run: Callable[[Job], Text] | None = None
    may_retry: bool = True
    resumable: bool = False
    right: Right = Right.EDIT
    operates: bool = False
    changes_release: bool = False


@cache
def kinds() -> dict[str, Kind]:
    """Every kind by its name."""
    found: list[Any] = [importlib.import_module(name) for name in MODULES]
    return {module.KIND.name: module.KIND for module in found}


def kind_of(name: str) -> Kind:
    """The kind of that name; one without work for a name of another release."""
    return kinds().get(name) or Kind(name, name, may_retry=False)
