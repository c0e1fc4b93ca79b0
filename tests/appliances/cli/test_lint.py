"""`lint` on the command line: advice, and remedies that work as they are typed."""

from __future__ import annotations

import json
from dataclasses import replace

from appliances.links.client import Probe
from appliances.links.ssh import ServiceKind
from clusters import membership, replicas
from tests.appliances.cli.hosts import KEY, Person, QuietHost


def test_advice_has_a_remedy_that_mends_it(clustered: QuietHost) -> None:
    """L05, CL-19, BP-01: a pointless override is found, and its remedy is a command."""
    script = Person.at(clustered, interactive=False)
    script.types("clustermode cluster; unsubscribe add a@example.com; commit -m one")
    script.types("clustermode group Paris; unsubscribe add --copy b@example.com")
    script.types("unsubscribe delete b@example.com; commit -m two")

    assert script.types("lint --json") == 0
    found = [advice for advice in json.loads(script.said) if advice["rule"] == "L05"]

    assert found[0]["modes"] == ["Group Paris"]
    assert script.types(found[0]["remedy"]) == 0
    assert script.types("commit -m mended") == 0
    script.types("lint --json")
    assert not [advice for advice in json.loads(script.said) if advice["rule"] == "L05"]


def test_lint_of_a_machine_in_no_cluster_says_so(standalone: QuietHost) -> None:
    person = Person.at(standalone, interactive=False)

    assert person.types("lint") == 1
    assert person.types("lint nonsense") == 2


def test_ccs_without_need_is_pointed_out_only_where_ssh_answers(clustered: QuietHost) -> None:
    """L11, COM-13."""
    script = Person.at(clustered, interactive=False)
    second = replicas.state(clustered.replica_id).machines["MX2"]
    membership.set_communication(
        clustered.replica_id,
        by_address=True,
        machines=[replace(second, ccs_port=2222)],
        user="admin",
        host="mx1.example.com",
    )

    assert script.types("lint") == 0
    assert "L11" not in script.said
    clustered.seen[22] = Probe(ServiceKind.SSH, KEY)
    assert script.types("lint") == 0
    assert "L11 hint: CCS is on at mx2.example.com" in script.said
