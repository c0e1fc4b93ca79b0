"""`lint` on the command line: advice, and remedies that work as they are typed."""

from __future__ import annotations

import json

from tests.appliances.cli.hosts import Person, QuietHost


def test_advice_has_a_remedy_that_mends_it(clustered: QuietHost) -> None:
    """CL-19, BP-01: a pointless override is found, and its remedy is a command."""
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
