"""Advice on the layout of a cluster, rule by rule."""

import pytest

from clusters import membership, replicas
from clusters.catalogue import Reference
from clusters.layout import Facts, Limits, Remedy, Severity, Step
from clusters.lint_reasons import WHY
from clusters.linting import RULES, lint
from clusters.modes import CLUSTER, machine
from clusters.naming import SHOWN
from clusters.transfers import Action
from clusters.versions import THE_CLUSTER, Address, Change, Kind
from tests.clusters.catalogues import CATALOGUE
from tests.clusters.conftest import BY, Cluster, member, rows

ONE, TWO, THREE = machine("M1"), machine("M2"), machine("M3")


def advice(cluster: Cluster, rule: str, limits: Limits | None = None, facts: Facts | None = None):
    return [a for a in lint(cluster.state, CATALOGUE, limits, facts) if a.rule == rule]


def update(cluster: Cluster, serial: str, **fields: object) -> None:
    """Change what the entry of a machine says."""
    address = Address(Kind.MACHINE, serial)
    head = replicas.heads(cluster.replica_id, [address])[address][0]
    replicas.commit(cluster.replica_id, [Change(address, {**head.value, **fields}, head.id)], **BY)


def test_lint_of_a_standalone_machine_is_silent(standalone: int) -> None:
    assert lint(replicas.state(standalone), CATALOGUE) == []


def test_lint_of_a_plain_cluster_is_silent(cluster: Cluster) -> None:
    assert lint(cluster.state, CATALOGUE) == []


def rename_cluster(cluster: Cluster, name: str) -> None:
    value = {**cluster.state.entries[THE_CLUSTER].value, "name": name}
    head = replicas.heads(cluster.replica_id, [THE_CLUSTER])[THE_CLUSTER][0]
    replicas.commit(cluster.replica_id, [Change(THE_CLUSTER, value, head.id)], **BY)


def test_l01_group_named_like_the_cluster(cluster: Cluster) -> None:
    """L01."""
    rename_cluster(cluster, "PARIS")

    (found,) = advice(cluster, "L01")

    assert found.modes == (cluster.paris,)
    assert advice(cluster, "L02") == [], "said already"


def test_l02_cluster_named_like_one_of_its_groups(cluster: Cluster) -> None:
    """L02."""
    rename_cluster(cluster, "Mail Paris 2")

    (found,) = advice(cluster, "L02")

    assert (found.severity, found.modes) == (Severity.HINT, (cluster.paris,))
    assert "“paris” is the group Paris" in found.message
    membership.add_group(cluster.replica_id, "Paris_North", **BY)
    assert advice(cluster, "L02") == [], "two groups are called so"


def test_l02_cluster_named_like_the_hosts_of_one_of_its_groups(cluster: Cluster) -> None:
    """L02: the main site stays in the first group, which is not called after it (BP-04)."""
    rename_cluster(cluster, "Berlin")
    for serial in ("M1", "M2"):
        update(cluster, serial, name=f"mx-{serial}.berlin.example.com")

    (found,) = advice(cluster, "L02")

    assert (found.modes, "the group Main_Group" in found.message) == ((cluster.main,), True)
    update(cluster, "M2", name="mx2.potsdam.example.com")
    assert advice(cluster, "L02") == [], "not all of the group"


@pytest.mark.parametrize("name", ["Acme", "Mail", "MX", "Main_Site"])
def test_l02_is_silent_about_words_that_are_no_sites(cluster: Cluster, name: str) -> None:
    """L02: an owner's domain, what a machine is for, and words too short to mean anything."""
    rename_cluster(cluster, name)
    update(cluster, "M3", name="mail3.acme.example")

    assert advice(cluster, "L02") == []


def test_l02_is_silent_about_a_cluster_of_one_site(cluster: Cluster) -> None:
    """L02: a prepared group without machines has no hosts to compare."""
    rename_cluster(cluster, "Berlin")
    for serial in ("M1", "M2"):
        update(cluster, serial, name=f"{serial}.berlin.example.com")
    membership.remove_machine(cluster.replica_id, "M3", **BY)

    assert advice(cluster, "L02") == []


def test_l03_initial_group_renamed(cluster: Cluster) -> None:
    """L03."""
    membership.rename_group(cluster.replica_id, cluster.main.id, "Head_Office", **BY)

    (found,) = advice(cluster, "L03")

    assert (found.modes, "Main_Group" in found.message) == ((cluster.main,), True)


def test_l04_undefined_without_factory_default(cluster: Cluster) -> None:
    """L04."""
    cluster.put(CLUSTER, "routes", None)
    cluster.put(cluster.paris, "routes", rows("a"))

    (found,) = advice(cluster, "L04")

    assert (found.feature, found.modes) == ("routes", (ONE, TWO))
    assert found.remedy == Remedy(Action.COPY, "routes", cluster.paris, (CLUSTER,))
    cluster.put(cluster.paris, "routes", None)
    (nowhere,) = advice(cluster, "L04")
    assert (nowhere.severity, nowhere.remedy) == (Severity.HINT, None)


def test_l05_override_equal_to_what_is_inherited(cluster: Cluster) -> None:
    """L05, BP-01."""
    cluster.put(cluster.paris, "routes", rows("example.com"))
    cluster.put(ONE, "limits", rows("default", rate=50))
    cluster.put(THREE, "routes", rows("other"))

    found = advice(cluster, "L05")

    assert [(a.feature, a.modes, a.remedy) for a in found] == [
        ("routes", (cluster.paris,), Remedy(Action.DELETE, "routes", cluster.paris)),
        ("limits", (ONE,), Remedy(Action.DELETE, "limits", ONE)),
    ]


def test_l06_many_overrides(cluster: Cluster) -> None:
    """L06, BP-01, CL-19."""
    for mode, feature in ((ONE, "routes"), (ONE, "limits"), (TWO, "texts")):
        cluster.put(mode, feature, rows(feature + mode.id))

    assert advice(cluster, "L06", Limits(overrides_of_a_machine=2, overrides_in_all=3)) == []
    found = advice(cluster, "L06", Limits(overrides_of_a_machine=1, overrides_in_all=2))
    assert [a.modes for a in found] == [(ONE,), (ONE, TWO)]


def test_l07_same_override_on_two_machines(cluster: Cluster) -> None:
    """L07, BP-03."""
    for mode in (ONE, THREE):
        cluster.put(mode, "routes", rows("same"))
    cluster.put(TWO, "routes", rows("other"))

    (found,) = advice(cluster, "L07")

    assert (found.feature, found.modes, found.remedy) == ("routes", (ONE, THREE), None)


def test_l07_lifts_to_the_group_only_what_all_of_it_have(cluster: Cluster) -> None:
    """L07, BP-03."""
    for mode in (ONE, TWO):
        cluster.put(mode, "routes", rows("same"))
    assert advice(cluster, "L07")[0].remedy == Remedy(Action.MOVE, "routes", ONE, (cluster.main,))
    cluster.put(cluster.main, "routes", rows("own"))
    assert advice(cluster, "L07")[0].remedy is None
    cluster.put(cluster.main, "routes", None)
    membership.set_group(cluster.replica_id, ["M3"], cluster.main.id, **BY)
    assert advice(cluster, "L07")[0].remedy is None


def test_l08_group_for_one_machine(cluster: Cluster) -> None:
    """L08, BP-03."""
    assert advice(cluster, "L08") == []
    cluster.put(cluster.paris, "routes", rows("a"))
    assert [a.modes for a in advice(cluster, "L08")] == [(cluster.paris, THREE)]

    membership.set_group(cluster.replica_id, ["M2"], cluster.paris.id, **BY)
    assert advice(cluster, "L08") == []


def test_l09_interface_names(cluster: Cluster) -> None:
    """L09, DEP-06."""
    cluster.put(cluster.main, "listeners", rows("in", interface="public"))
    assert [a.message for a in advice(cluster, "L09")] == [
        "The names in ports differ between machines. "
        "public (Machine mx1.example.com, Machine mx2.example.com), inside (Machine mx3.example.com)"
    ]

    cluster.put(CLUSTER, "listeners", rows("in", interface="public"))
    _names, lacking = advice(cluster, "L09")
    assert (lacking.feature, lacking.modes) == ("listeners", (THREE,))

    cluster.put(THREE, "ports", rows("public"))
    assert advice(cluster, "L09") == []


@pytest.mark.parametrize("alike", [True, False])
def test_advice_on_many_machines_names_a_few(cluster: Cluster, alike: bool) -> None:
    """TRL-36: the other names are counted, however machines differ."""
    entries = [Change(Address(Kind.MACHINE, f"M{n}"), member(n).to_value()) for n in range(4, 22)]
    replicas.commit(cluster.replica_id, entries, **BY)
    cluster.put(CLUSTER, "listeners", rows("in", interface="public"))
    for number in range(1, 21):
        cluster.put(machine(f"M{number}"), "ports", rows("inside" if alike else f"port{number}"))

    found = lint(cluster.state, CATALOGUE)

    assert {"L09", "L12"} <= {each.rule for each in found}
    assert [each.message for each in found if each.message.count("mx") > SHOWN + 2] == []


def test_l10_listener_names_for_one_interface(cluster: Cluster) -> None:
    """L10."""
    cluster.put(CLUSTER, "listeners", rows("Incoming", interface="public"))
    cluster.put(cluster.paris, "listeners", rows("InboundMail", interface="public"))
    cluster.put(THREE, "listeners", rows("Incoming", interface="inside"))

    (found,) = advice(cluster, "L10")

    assert (found.feature, found.modes) == ("listeners", (CLUSTER, cluster.paris))
    assert "InboundMail" in found.message


def test_l10_is_silent_about_two_listeners_on_one_interface(cluster: Cluster) -> None:
    """L10."""
    cluster.put(CLUSTER, "listeners", rows("In", "Out", interface="public"))
    cluster.put(cluster.paris, "listeners", rows("Mail", interface="public"))

    assert advice(cluster, "L10") == []


def test_l10_is_silent_where_a_reference_has_no_row(cluster: Cluster, monkeypatch) -> None:
    """L10."""
    found = [Reference(path, "ports", path) for path in ("interface", "rows.7.x", "rows.x.y", "a.b.c")]
    monkeypatch.setitem(CATALOGUE["listeners"].__dict__, "refer", lambda document: found)
    cluster.put(CLUSTER, "listeners", {"rows": [], "interface": "public"})
    cluster.put(ONE, "listeners", {"rows": [], "interface": "public"})

    assert advice(cluster, "L10") == []


def test_l12_more_than_twenty_machines(cluster: Cluster) -> None:
    """L12, CL-08."""
    changes = [Change(Address(Kind.MACHINE, f"M{n}"), member(n).to_value()) for n in range(4, 21)]
    replicas.commit(cluster.replica_id, changes, **BY)
    assert len(cluster.state.machines) == 20
    assert advice(cluster, "L12") == []

    membership.enrol_machine(cluster.replica_id, machine=member(21), settings={}, **BY)
    assert "21" in advice(cluster, "L12")[0].message


def test_l14_reference_unavailable_on_a_machine(cluster: Cluster) -> None:
    """L14, DEP-01."""
    cluster.put(CLUSTER, "listeners", rows("in", "out", text="disclaimer"))
    cluster.put(THREE, "texts", rows("disclaimer"))

    (found,) = advice(cluster, "L14")

    assert (found.feature, found.modes) == ("listeners", (ONE, TWO))


def test_l20_defined_only_below_the_cluster(cluster: Cluster) -> None:
    """L20, BP-08."""
    cluster.put(CLUSTER, "routes", None)
    for mode in (cluster.main, cluster.paris):
        cluster.put(mode, "routes", rows(mode.id))

    (found,) = advice(cluster, "L20")

    assert (found.modes, found.remedy.targets) == ((cluster.main, cluster.paris), (CLUSTER,))
    cluster.put(CLUSTER, "routes", rows("again"))
    assert advice(cluster, "L20") == []


def test_l22_lower_mode_switches_off_what_settings_above_depend_on(cluster: Cluster) -> None:
    """L22, GUI-06: an empty table is off, and hides the one above (CL-10)."""
    cluster.put(CLUSTER, "listeners", rows("in", interface="public"))
    assert advice(cluster, "L22") == []
    cluster.put(cluster.main, "routes", rows())

    (found,) = advice(cluster, "L22")

    assert (found.feature, found.modes) == ("routes", (cluster.main, CLUSTER))
    assert found.remedy == Remedy(Action.DELETE, "routes", cluster.main)
    assert "Group Main_Group switches routes off" in found.message
    assert "listeners (Cluster Americas)" in found.message
    cluster.put(cluster.main, "routes", rows("other"))
    assert advice(cluster, "L22") == [], "another table is no empty one"


def test_l22_names_a_broken_reference_by_its_cause_alone(cluster: Cluster) -> None:
    """L22, L14."""
    cluster.put(CLUSTER, "texts", rows("disclaimer"))
    cluster.put(CLUSTER, "listeners", rows("in", text="disclaimer"))
    cluster.put(THREE, "texts", rows())

    (found,) = advice(cluster, "L22")

    assert (found.feature, found.modes) == ("texts", (THREE, CLUSTER))
    assert advice(cluster, "L14") == []


def test_l22_is_silent_where_nothing_above_depends_on_it(cluster: Cluster) -> None:
    """L22."""
    cluster.put(THREE, "routes", rows())
    assert advice(cluster, "L22") == [], "nobody defines listeners"
    cluster.put(CLUSTER, "listeners", rows())
    assert advice(cluster, "L22") == [], "they are off"
    cluster.put(THREE, "listeners", rows("own"))
    assert advice(cluster, "L22") == [], "both are of the machine"
    cluster.put(THREE, "listeners", None)
    cluster.put(CLUSTER, "listeners", rows("in"))
    assert [a.modes for a in advice(cluster, "L22")] == [(THREE, CLUSTER)]
    cluster.put(CLUSTER, "routes", rows())
    assert advice(cluster, "L22") == [], "off everywhere, on purpose"


def test_lint_leaves_out_settings_that_the_catalogue_does_not_know(cluster: Cluster) -> None:
    cluster.put(ONE, "of-another-release", {"rows": []})

    assert lint(cluster.state, CATALOGUE) == []


def test_l11_ccs_where_ssh_is_open_everywhere(cluster: Cluster) -> None:
    """L11, COM-13."""
    everybody = Facts(reached=frozenset({"M1", "M2", "M3"}))
    assert advice(cluster, "L11", facts=everybody) == []
    update(cluster, "M2", ccs_port=2222)
    assert [a.modes for a in advice(cluster, "L11", facts=everybody)] == [(TWO,)]
    assert advice(cluster, "L11", facts=Facts(reached=frozenset({"M1", "M2"}))) == []


def test_l13_host_names_and_addresses_mixed(cluster: Cluster) -> None:
    """L13, CL-13."""
    assert advice(cluster, "L13") == []
    update(cluster, "M3", address="192.0.2.3")
    (found,) = advice(cluster, "L13")
    assert (found.modes, "yet these have an address: mx3" in found.message) == ((THREE,), True)
    value = {**cluster.state.entries[THE_CLUSTER].value, "by_address": True}
    head = replicas.heads(cluster.replica_id, [THE_CLUSTER])[THE_CLUSTER][0]
    replicas.commit(cluster.replica_id, [Change(THE_CLUSTER, value, head.id)], **BY)
    assert [a.modes for a in advice(cluster, "L13")] == [(ONE, TWO)]


def test_l13_names_that_nobody_knows(cluster: Cluster) -> None:
    """L13, COM-08."""
    assert advice(cluster, "L13", facts=Facts(unknown=frozenset({"other.example.com"}))) == []
    host = cluster.state.machines["M2"].address
    (found,) = advice(cluster, "L13", facts=Facts(unknown=frozenset({host})))
    assert (found.modes, host in found.message) == ((TWO,), True)


@pytest.mark.parametrize(
    ("name", "told", "severity"),
    [
        (None, "No name server answers in time for 192.0.2.2", Severity.WARNING),
        ("", "has no name", Severity.WARNING),
        ("old.example.com", "is called old.example.com", Severity.HINT),
    ],
)
def test_l13_reverse_names_that_do_not_fit(
    cluster: Cluster, name: str | None, told: str, severity: Severity
) -> None:
    """L13, COM-09: by host name, and by address."""
    machines = cluster.state.machines
    leads = {
        machines["M2"].address: frozenset({"192.0.2.2"}),
        machines["M1"].address: frozenset({"192.0.2.1"}),
    }
    called = {"192.0.2.1": f"{machines['M1'].name.upper()}.", "192.0.2.2": name}
    (found,) = advice(cluster, "L13", facts=Facts(leads=leads, called=called))
    assert (found.modes, found.severity) == ((TWO,), severity)
    assert told in found.message
    update(cluster, "M3", address="192.0.2.3")
    both = advice(cluster, "L13", facts=Facts(called={"192.0.2.3": name}))
    assert [told.replace("192.0.2.2", "192.0.2.3") in a.message for a in both] == [False, True]


def test_l15_laboratory_machines_among_others(cluster: Cluster) -> None:
    """L15, BP-07."""
    update(cluster, "M3", name="latest.example.com")
    assert advice(cluster, "L15") == []
    update(cluster, "M3", name="mx-lab1.example.com")
    assert [a.modes for a in advice(cluster, "L15")] == [(THREE,)]
    for serial in ("M1", "M2"):
        update(cluster, serial, name=f"test-{serial}.example.com")
    assert advice(cluster, "L15") == [], "a laboratory of its own"


def test_l16_changes_while_a_machine_is_away(cluster: Cluster) -> None:
    """L16."""
    membership.set_disconnected(cluster.replica_id, ["M2"], disconnected=True, **BY)
    assert advice(cluster, "L16") == []
    cluster.put(CLUSTER, "routes", rows("meanwhile"))
    (found,) = advice(cluster, "L16")
    assert (found.modes, "1 entry was" in found.message) == ((TWO,), True)


def test_l16_counts_nothing_against_a_draft(cluster: Cluster) -> None:
    """L16."""
    address = Address(Kind.MACHINE, "M2")
    value = {**cluster.state.entries[address].value, "disconnected": True}
    drafted = cluster.state.changed([Change(address, value)])
    assert [a for a in lint(drafted, CATALOGUE) if a.rule == "L16"] == []


def test_l17_nobody_can_log_in(cluster: Cluster) -> None:
    """L17, COM-14."""
    assert advice(cluster, "L17") == []
    cluster.put(ONE, "ports", rows("public", logins=False))
    cluster.put(TWO, "ports", rows("public", shut=True))

    over_ccs, closed = advice(cluster, "L17")

    assert (over_ccs.severity, over_ccs.modes) == (Severity.HINT, (ONE,))
    assert (closed.severity, closed.modes) == (Severity.WARNING, (TWO,))
    assert "no member can call it" in closed.message
    cluster.put(ONE, "ports", {"rows": [*rows("a", logins=False)["rows"], *rows("b")["rows"]]})
    cluster.put(TWO, "ports", {"rows": [], "unreadable": True})
    assert advice(cluster, "L17") == [], "nobody knows"


def test_l18_nothing_saved_since_the_last_risky_step(cluster: Cluster) -> None:
    """L18, BP-06."""
    steps = (Step("mx9 joins", 2_000_000), Step("loaded", 1_000_000))
    (found,) = advice(cluster, "L18", facts=Facts(steps=steps, saved=0))
    assert found.message == "No configuration has been saved since 1970-01-01 00:33 UTC: mx9 joins."
    assert advice(cluster, "L18", facts=Facts(steps=steps, saved=1_999_999))
    assert advice(cluster, "L18", facts=Facts(steps=steps, saved=2_000_000)) == []
    assert advice(cluster, "L18", facts=Facts(steps=steps)) == [], "who knows nothing keeps silent"
    assert advice(cluster, "L18", facts=Facts(saved=0)) == []


def test_l21_name_leads_to_an_address_without_service(cluster: Cluster) -> None:
    """L21, COM-06, COM-07."""
    cluster.put(ONE, "ports", {"rows": [*rows("a", ip="192.0.2.7")["rows"], *rows("b", ip="::7")["rows"]]})
    leads = {"mx1.example.com": frozenset({"192.0.2.9"}), "mx2.example.com": frozenset({"192.0.2.1"})}

    (found,) = advice(cluster, "L21", facts=Facts(leads=leads))

    assert (found.severity, found.modes) == (Severity.WARNING, (ONE,))
    assert "leads to 192.0.2.9, and SSH or CCS are on at 192.0.2.7, ::7 only" in found.message
    both = {"mx1.example.com": frozenset({"192.0.2.9", "::7"})}
    assert advice(cluster, "L21", facts=Facts(leads=both)) == [], "one of the addresses is right"
    behind = Facts(leads=leads, reached=frozenset({"M1"}))
    assert advice(cluster, "L21", facts=behind) == [], "a translator stands between"
    cluster.put(ONE, "ports", rows("a", shut=True))
    assert advice(cluster, "L21", facts=Facts(leads=leads)) == [], "L17 says it"


def test_l23_people_at_work_while_an_operation_goes_on(cluster: Cluster) -> None:
    """L23, JN-22."""
    busy = Facts(operation="Upgrade machines", present=("bob", "carol"))
    (found,) = advice(cluster, "L23", facts=busy)
    assert "others are at work here: bob, carol. (Upgrade machines)" in found.message
    assert advice(cluster, "L23", facts=Facts(present=("bob",))) == []
    assert advice(cluster, "L23", facts=Facts(operation="Upgrade machines")) == []


def test_l19_releases_differ(cluster: Cluster) -> None:
    """L19, CL-12."""
    same = {"M1": "1.0", "M2": "1.0", "M3": "1.0", "GONE": "0.9"}
    assert advice(cluster, "L19", facts=Facts(same)) == []
    assert advice(cluster, "L19", facts=Facts({**same, "M3": ""})) == []
    (found,) = advice(cluster, "L19", facts=Facts({**same, "M3": "0.9"}))
    assert found.modes == (THREE,)


def test_bp04_first_group_without_machines(cluster: Cluster) -> None:
    """BP-04."""
    assert advice(cluster, "BP-04") == []
    membership.set_group(cluster.replica_id, ["M1", "M2"], cluster.paris.id, **BY)
    assert [a.modes for a in advice(cluster, "BP-04")] == [(cluster.main,)]


def test_every_rule_says_why_it_speaks() -> None:
    cited = {(rule.__doc__ or "").split(":")[0].split(" ")[0].rstrip(".") for rule in RULES}
    assert cited == set(WHY)


def test_advice_is_known_again_by_what_it_is_about(cluster: Cluster) -> None:
    cluster.put(ONE, "limits", rows("default", rate=50))
    (first,) = advice(cluster, "L05")
    cluster.put(TWO, "limits", rows("default", rate=50))
    keys = [found.key for found in advice(cluster, "L05")]
    assert keys[0] == first.key
    assert keys[1] != first.key
