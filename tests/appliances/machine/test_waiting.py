"""`commit --wait` on real machines: one that is stopped has not enforced what it never got."""

from __future__ import annotations

import signal

from tests.appliances.machine.machines import Machines, until


def test_commit_wait_does_not_answer_for_a_member_that_is_stopped(machines: Machines) -> None:
    """TRL-32: its exit code says the same as its words, and both come true when the member goes on."""
    one, two = machines.cluster("mx1", "mx2")
    edit = "clustermode cluster; smtproutes set"
    until(lambda: one.ssh("clustermode machine mx2.example.com; status").code == 0, "mx1 has heard mx2")
    assert two.process is not None
    two.process.send_signal(signal.SIGSTOP)
    try:
        found = one.ssh(f"{edit} example.net 127.0.0.9; commit -m one --wait 10")
    finally:
        two.process.send_signal(signal.SIGCONT)

    assert found.code == 1, found.out + found.err
    assert "In force on 1 of 2: mx1.example.com" in found.out
    assert "mx2.example.com: not yet; last heard" in found.out
    said = one.ssh(f"{edit} example.org 127.0.0.9; commit -m two --wait 60 --json")
    assert said.code == 0, said.out + said.err
    assert '"enforced": true' in said.out
