"""Guided groups, disconnect and reconnect: the command and the outcome first, then one commit on the spot."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appliances.cli.splitting import split
from appliances.machine.release import release
from appliances.models import MachineStatus
from clusters import commits, membership, replicas
from clusters.modes import machine
from clusters.state import ClusterState
from portal.guided import commands
from portal.jobs.rows import Job
from portal.pages import removing
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

PAGE = "/europe/membership/"


@pytest.fixture
def browser(europe: ManagedCluster, alice: User, log_in: LogIn) -> Client:
    return log_in(alice)


def state(europe: ManagedCluster) -> ClusterState:
    return replicas.state(europe.replica_id)


def serial(europe: ManagedCluster, name: str) -> str:
    return world.mode_of(europe, name).id


def asked(browser: Client, **told: object) -> str:
    """What is shown before anything happens."""
    answer = browser.post(PAGE, told)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def done(browser: Client, **told: object) -> None:
    answer = browser.post(PAGE, {**told, "confirmed": "yes"})
    assert answer.status_code == 302, answer.content.decode()


@pytest.mark.parametrize(
    "word", ["Paris", "two words", "it's", 'a "b" c', "back\\slash", 'it\'s "both" \\', "a;b", "$x", "東京"]
)
def test_command_is_quoted_as_the_command_line_reads_it(word: str) -> None:
    assert split(commands.operation("addgroup", word)) == [["clusterconfig", "addgroup", word]]


def test_groups_come_are_renamed_and_go(browser: Client, europe: ManagedCluster, bob: User) -> None:
    """GRP-02, GRP-05, GRP-06, CR-08."""
    html = asked(browser, do="add_group", name="New York")
    assert "clusterconfig addgroup &#x27;New York&#x27;" in html
    assert "New York" not in {g.name for g in state(europe).groups.values()}
    done(browser, do="add_group", name="New York")
    group = world.mode_of(europe, "New York").id
    done(browser, do="rename_group", group=group, name="Boston")
    assert state(europe).groups[group].name == "Boston"
    done(browser, do="delete_group", group=group)
    assert group not in state(europe).groups
    assert [str(job.message) for job in Job.everything.filter(kind="guided")] == [
        "Delete the group Boston",
        "Rename the group New York to Boston",
        "Add the group New York",
    ]
    assert commits.last(europe.replica_id).user == "alice"


def test_machine_moves_after_its_effective_difference_was_shown(
    browser: Client, europe: ManagedCluster
) -> None:
    """GRP-03, JN-07: settings change at once, and are seen before."""
    berlin, paris = serial(europe, "berlin.example"), world.mode_of(europe, "Paris").id
    vector = replicas.vector(europe.replica_id)
    html = asked(browser, do="set_group", machines=[berlin], group=paris)
    assert "clusterconfig setgroup berlin.example Paris" in html
    assert "192.0.2.1" in html
    assert "192.0.2.2" in html
    assert replicas.vector(europe.replica_id) == vector
    done(browser, do="set_group", machines=[berlin], group=paris)
    assert state(europe).machines[berlin].group == paris


def test_group_with_machines_needs_a_target(browser: Client, europe: ManagedCluster) -> None:
    """GRP-06, CL-02."""
    paris = world.mode_of(europe, "Paris").id
    answer = browser.post(PAGE, {"do": "delete_group", "group": paris})
    assert answer.status_code == 422
    assert "Choose the group that receives them" in answer.content.decode()
    main = state(europe).initial_group.id
    assert "192.0.2.2" in asked(browser, do="delete_group", group=paris, target=main)
    done(browser, do="delete_group", group=paris, target=main)
    assert browser.post(PAGE, {"do": "delete_group", "group": main}).status_code == 422
    assert list(state(europe).groups) == [main]


@pytest.mark.parametrize(
    "told",
    [
        {"do": "add_group", "name": ""},
        {"do": "add_group", "name": "Paris"},
        {"do": "add_group", "name": "Europe"},
        {"do": "rename_group", "group": "nobody", "name": "x"},
        {"do": "set_group", "machines": ["nobody"], "group": "nobody"},
        {"do": "disconnect"},
        {"do": "set_name", "name": "Paris"},
        {"do": "set_safe_wait", "safe_wait": "maybe"},
    ],
)
@pytest.mark.parametrize("confirmed", ["", "yes"])
def test_what_cannot_be_is_refused_and_changes_nothing(
    browser: Client, europe: ManagedCluster, told: dict[str, object], confirmed: str
) -> None:
    """GRP-02, CR-08."""
    vector = replicas.vector(europe.replica_id)
    assert browser.post(PAGE, {**told, "confirmed": confirmed}).status_code == 422
    assert replicas.vector(europe.replica_id) == vector


def test_machine_is_disconnected_and_taken_back(browser: Client, europe: ManagedCluster) -> None:
    """SYN-14, UPG-02: it stays a member."""
    berlin = serial(europe, "berlin.example")
    html = asked(browser, do="disconnect", machines=[berlin])
    assert "clusterconfig disconnect berlin.example" in html
    assert "stays a member" in html
    done(browser, do="disconnect", machines=[berlin])
    assert state(europe).machines[berlin].disconnected
    done(browser, do="reconnect", machines=[berlin])
    assert not state(europe).machines[berlin].disconnected


def test_machine_of_another_release_is_not_taken_back(browser: Client, europe: ManagedCluster) -> None:
    """UPG-08, CL-12."""
    berlin = serial(europe, "berlin.example")
    done(browser, do="disconnect", machines=[berlin])
    MachineStatus.objects.filter(serial=berlin).update(release="99.0")
    answer = browser.post(PAGE, {"do": "reconnect", "machines": [berlin], "confirmed": "yes"})
    assert answer.status_code == 422
    assert "99.0" in answer.content.decode()
    MachineStatus.objects.filter(serial=berlin).update(release=release())
    done(browser, do="reconnect", machines=[berlin])


def test_cluster_gets_another_name(browser: Client, europe: ManagedCluster) -> None:
    """GRP-08."""
    done(browser, do="set_name", name="Europe and Africa")
    assert state(europe).name == "Europe and Africa"


def test_settings_in_conflict_wait_or_not(browser: Client, europe: ManagedCluster) -> None:
    """SYN-08: the choice is shown with the command line, and what it would change."""
    assert "clusterconfig safewait on" in asked(browser, do="set_safe_wait", safe_wait="on")
    assert not state(europe).safe_wait
    done(browser, do="set_safe_wait", safe_wait="on")
    assert state(europe).safe_wait
    assert "wait for a decision" in browser.get(PAGE).content.decode()
    done(browser, do="set_safe_wait", safe_wait="off")
    assert not state(europe).safe_wait


def test_operator_works_with_groups_and_lets_nobody_in_or_out(
    europe: ManagedCluster, bob: User, charlie: User, log_in: LogIn
) -> None:
    berlin = serial(europe, "berlin.example")
    client = log_in(bob)
    assert "Join a machine" not in client.get(PAGE).content.decode()
    done(client, do="add_group", name="London")
    for path in (f"{PAGE}join/", f"{PAGE}remove/{berlin}/", "/create/"):
        assert client.get(path).status_code == 403, path
        assert client.post(path, {"step": "run"}).status_code == 403, path
    for path in (PAGE, f"{PAGE}join/", f"{PAGE}remove/{berlin}/"):
        assert log_in(charlie).post(path).status_code == 404
    reader = log_in(world.person("rita", "Rita", readonly=europe.tenant))
    assert reader.get(PAGE).status_code == 403


def test_prepared_join_is_listed_and_withdrawn_by_a_commit(browser: Client, europe: ManagedCluster) -> None:
    """JN-13."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIF2DjWI17P2kuy9wiUJO6VQAxwxV3WITBBM1Nprgvao"
    joiner = membership.PendingJoin("M7", "mx7.example.com", key)
    membership.admit(europe.replica_id, joiner=joiner, user="alice", host="portal")
    assert "mx7.example.com" in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, {"do": "withdraw", "serial": "nobody"}).status_code == 422
    assert browser.post(PAGE, {"do": "withdraw", "serial": "M7"}).headers["Location"] == "/europe/pending/"
    assert membership.pending_joins(state(europe)) == [joiner]
    assert browser.post("/europe/pending/", {"do": "commit", "comment": ""}).status_code == 302
    assert membership.pending_joins(state(europe)) == []


def test_removal_explains_what_the_machine_keeps_and_when_the_cluster_ends(
    browser: Client, europe: ManagedCluster, log_in: LogIn
) -> None:
    """RM-01, RM-03."""
    paris = serial(europe, "paris.example")
    html = browser.get(f"{PAGE}remove/{paris}/").content.decode()
    assert "SMTP Routes" in html
    assert "Group Paris" in html
    assert "clusterconfig removemachine paris.example" in html
    assert "the cluster ends with it" not in html
    for name in ("berlin.example", "rome.example"):
        membership.remove_machine(europe.replica_id, serial(europe, name), user="admin", host="x")
    assert "the cluster ends with it" in browser.get(f"{PAGE}remove/{paris}/").content.decode()
    assert browser.get(f"{PAGE}remove/{serial(europe, 'rome.example') or 'X'}/").status_code == 404


@pytest.mark.parametrize(("ticked", "typed"), [({}, ""), ({"losing": "on"}, " --yes")])
def test_removal_loses_what_others_have_not_committed_only_if_that_is_said(
    browser: Client,
    europe: ManagedCluster,
    monkeypatch: pytest.MonkeyPatch,
    ticked: dict[str, str],
    typed: str,
) -> None:
    """TRL-12: the machine itself refuses it without, and names them."""
    seen: list[str] = []
    monkeypatch.setattr(removing, "run", lambda job, door, lines: seen.extend(each.text for each in lines))
    paris = serial(europe, "paris.example")
    told = {"member": paris, "user": "admin", "passphrase": "x", "understood": "on", **ticked}

    assert browser.post(f"{PAGE}remove/{paris}/", told).status_code == 302

    assert seen == [f"clusterconfig removemachine paris.example{typed}"]


def test_portal_without_the_guide_has_none_of_its_pages(
    browser: Client, europe: ManagedCluster, settings: object
) -> None:
    """CL-14, JN-01: as the original, which has only the command line for this."""
    assert "/europe/membership/" in browser.get("/europe/").content.decode()
    settings.GATEFOLD_GUIDED_CLUSTERCONFIG = False  # type: ignore[attr-defined]  # pytest-django's fixture
    assert "/europe/membership/" not in browser.get("/europe/").content.decode()
    assert "/create/" not in browser.get("/").content.decode()
    berlin = serial(europe, "berlin.example")
    for path in (PAGE, f"{PAGE}join/", f"{PAGE}remove/{berlin}/", "/create/"):
        assert browser.get(path).status_code == 404, path
        assert browser.post(path).status_code == 404, path


def test_members_need_the_same_number_of_queries_for_many_machines(
    europe: ManagedCluster, acme: object, browser: Client, django_assert_max_num_queries: object
) -> None:
    world.cluster(europe.tenant, "Large", [f"mx{i}.example" for i in range(40)])
    assert machine(serial(europe, "berlin.example"))
    for path in (PAGE, "/large/membership/"):
        with django_assert_max_num_queries(14):  # type: ignore[operator]  # pytest-django's fixture
            assert browser.get(path).status_code == 200
