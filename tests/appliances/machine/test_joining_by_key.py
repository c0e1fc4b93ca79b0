"""Joining without a passphrase, on real machines: a key that was prepared, over SSH and over CCS."""

from __future__ import annotations

import pytest

from tests.appliances.machine.machines import SSH_PORT, Machine, Machines, greeting, until

pytestmark = [pytest.mark.slow, pytest.mark.root]

CCS_PORT = 2222


@pytest.fixture(scope="module")
def member(shared_machines: Machines) -> Machine:
    """A cluster of one, whose CCS is on too."""
    found = shared_machines.cluster("mx1")[0]
    found.does(f"interfaceconfig set Management ccs.enabled=yes ccs.port={CCS_PORT}; commit -m ccs")
    until(lambda: "Gatefold_CCS" in greeting(found.address, CCS_PORT), "CCS is open", log_of=found)
    return found


def prepared(
    joiner: Machine, member: Machine, *, host: str = "", serial: str = "", commit: bool = True
) -> None:
    """The joiner's key on the member's list."""
    told = joiner.ssh("clusterconfig prepjoin print --json").json
    line = f"clusterconfig prepjoin new {host or told['host']} {serial or told['serial']} {told['user_key']}"
    member.does(f"clustermode cluster; {line}")
    if commit:
        member.does("commit -m prepared")


def join(joiner: Machine, member: Machine, options: str = "--prepared") -> tuple[int, str]:
    port = CCS_PORT if "--ccs" in options else SSH_PORT
    answer = joiner.ssh(
        f"clusterconfig join {member.address} --port {port} --fingerprint {member.fingerprint} {options}"
    )
    return answer.code, answer.out + answer.err


def leave(member: Machine, joiner: Machine) -> None:
    member.does(f"clusterconfig removemachine {joiner.hostname}")
    until(lambda: joiner.status["cluster"] == "", f"{joiner.serial} goes on alone")


def test_prepared_key_lets_in_after_the_commit_only_and_is_used_up(
    member: Machine, machines: Machines
) -> None:
    """JN-15, JN-16, JN-17, JN-19."""
    (joiner,) = machines.started("mx2")
    code, said = join(joiner, member)
    assert (code, "not prepared" in said) == (1, True), said
    prepared(joiner, member, commit=False)
    assert join(joiner, member)[0] == 1
    before = member.does("smtproutes --json")
    member.does("commit -m prepared")

    code, said = join(joiner, member)

    assert code == 0, said
    assert joiner.status["cluster"] == member.status["cluster"]
    assert "No host entries waiting" in member.does("clustermode cluster; clusterconfig prepjoin")
    assert member.does("smtproutes --json") == before
    leave(member, joiner)


@pytest.mark.parametrize("wrong", [{"host": "other.example.com"}, {"serial": "MX7"}])
def test_key_prepared_for_another_host_or_serial_is_refused(
    member: Machine, machines: Machines, wrong: dict[str, str]
) -> None:
    """JN-15."""
    (joiner,) = machines.started("mx3")
    prepared(joiner, member, **wrong)

    code, said = join(joiner, member)

    assert code == 1
    assert "prepared for" in said or "belongs to" in said, said
    assert joiner.status["cluster"] == ""
    assert "MX3" not in member.does("clusterconfig list")
    member.does("clustermode cluster; clusterconfig prepjoin delete 1; commit -m undone")


def test_join_over_ccs_and_links_over_it(member: Machine, machines: Machines) -> None:
    """JN-11, JN-15, CL-15, COM-14."""
    (joiner,) = machines.started("mx4")
    prepared(joiner, member)
    code, said = join(joiner, member, f"--ccs --port {SSH_PORT}")
    assert (code, joiner.status["cluster"]) == (1, ""), said

    code, said = join(joiner, member, "--ccs")

    assert code == 0, said
    found = until(
        lambda: next((each for each in joiner.status["links"] if each["state"] == "connected"), None),
        "the link is up",
    )
    assert found["name"] == member.hostname
    member.does('clustermode cluster; unsubscribe add gone@example.com; commit -m "by the member"')
    until(lambda: "gone@example.com" in joiner.does("unsubscribe --json"), "the joiner has heard")
    leave(member, joiner)


def test_dry_run_shows_the_loss_and_keeping_lifts_it_in(member: Machine, machines: Machines) -> None:
    """JN-05, JN-19: with a switch that keeps chosen settings as overrides of the joiner."""
    (joiner,) = machines.started("mx5")
    joiner.does("unsubscribe add mine@example.com; commit -m mine")
    prepared(joiner, member)
    before = joiner.status["vector"]
    code, said = join(joiner, member, "--prepared --dry-run")
    assert code == 0
    assert "mine@example.com" in said
    assert joiner.status["vector"] == before
    assert "MX5" not in member.does("clusterconfig list")

    code, said = join(joiner, member, "--prepared --keep unsubscribe")

    assert code == 0, said
    assert "mine@example.com" in joiner.does("unsubscribe --json")
    shown = joiner.does("unsubscribe clustershow")
    assert f"Machine {joiner.hostname}: Yes" in shown
    leave(member, joiner)
