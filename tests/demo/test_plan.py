"""The demo's plan is valid before any machine is started."""

from __future__ import annotations

import pytest

from appliances.features.registry import CATALOGUE
from clusters.modes import CLUSTER, Mode, group, machine
from portal.demo import plan

DEFINITIONS = [
    (feature, mode, document)
    for cluster in plan.CLUSTERS
    for mode, settings in [
        (CLUSTER, cluster.settings),
        *((group(name), settings) for name, settings in cluster.groups.items()),
        *((machine(each.serial), each.settings) for each in cluster.machines),
    ]
    for feature, document in settings.items()
]


@pytest.mark.parametrize(("feature", "mode", "document"), DEFINITIONS)
def test_plan_document_passes_the_catalogue(feature: str, mode: Mode, document: plan.Document) -> None:
    assert CATALOGUE.check(feature, mode, document)


def test_plan_has_eight_machines_in_three_clusters_of_two_tenants() -> None:
    assert len(plan.CLUSTERS) == 3
    assert {cluster.tenant for cluster in plan.CLUSTERS} == set(plan.TENANTS) == {"northwind", "sakura"}
    assert sum(len(cluster.machines) for cluster in plan.CLUSTERS) == 8


def test_plan_addresses_and_serials_are_unique() -> None:
    machines = [each for cluster in plan.CLUSTERS for each in cluster.machines]
    addresses = [each.address for each in machines] + list(plan.SINKS.values())
    assert len(set(addresses)) == len(addresses)
    assert len({each.serial for each in machines}) == len(machines)


def test_plan_machines_belong_to_groups_that_exist() -> None:
    for cluster in plan.CLUSTERS:
        assert {each.group for each in cluster.machines} <= {"Main_Group", *cluster.groups}


def test_plan_differs_on_all_three_levels() -> None:
    levels = {mode.level for _, mode, _ in DEFINITIONS}
    assert len(levels) == 3
