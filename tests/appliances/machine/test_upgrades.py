"""Two releases of this tree: download, install, guided run, going back, and releases that do not work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliances.releases.artifact import build
from tests.appliances.machine.machines import ROOT, Machine, Machines, listener, until
from tests.appliances.machine.sinks import Sink
from tests.appliances.machine.upgrading import build_broken, connected, mail_through, over, release_of, runs

NEW, BROKEN = "7.1.0", "7.2.0"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release of this tree, and one that does not come up on a machine."""
    folder = tmp_path_factory.mktemp("releases")
    build(ROOT, NEW, folder, "better")
    build_broken(BROKEN, folder, tmp_path_factory.mktemp("broken"))
    return folder


def upgradable(machines: Machines, releases: Path, *names: str) -> list[Machine]:
    """A cluster whose machines know that folder."""
    found = machines.made(*names, settings={"listenerconfig": listener()})
    for machine in found:
        machine.start("--releases", str(releases), wait=False)
    for machine in found:
        machine.wait_ready()
    first, *others = found
    first.does("clusterconfig new Americas --by-address")
    for other in others:
        assert other.join(first).code == 0
    return found


def test_cluster_is_upgraded_in_guided_runs_while_mail_flows(machines: Machines, releases: Path) -> None:
    """UPG-01, UPG-02, UPG-05, UPG-07, and UPG-08: one after the other; the last takes all back."""
    sink = Sink().start()
    first, second = pair = upgradable(machines, releases, "mx1", "mx2")
    old = release_of(first)
    first.does(f"clustermode cluster; smtproutes set example.com {sink.route}; commit -m routes --wait 60")
    until(lambda: second.settled(), "routes")
    second.does("upgrade download " + NEW)
    until(lambda: "100 %" in second.does("upgrade status"), "a download while connected")
    connected(second, 1)
    try:
        with mail_through(pair) as taken:
            first.does(f"upgrade guided {NEW} --yes")
            runs(first, NEW)
            run = over(first)
            assert (run["failed"], run["step"]) == ("", "done")
            assert "mx2.example.com" in run["note"]
            refused = second.ssh("clusterconfig reconnect mx1.example.com")
            assert refused.code == 1
            assert NEW in refused.err
            assert str(old) in refused.err
            assert release_of(second) == old

            second.does(f"upgrade guided {NEW} --yes")
            runs(second, NEW)
            assert over(second)["failed"] == ""
            connected(first, 1)
            connected(second, 1)
            before = len(taken)
            until(lambda: len(taken) > before + 10, "mail goes on")
        for subject in taken:
            sink.wait_for(subject)
    finally:
        sink.stop()

    first.does("clusterconfig disconnect mx2.example.com")
    second.does("revert --yes")
    runs(second, str(old))
    assert second.ssh("revert --yes").code == 0
    runs(second, NEW)
    second.stop()
    second.start("--releases", str(releases))
    assert release_of(second) == NEW


def test_release_that_does_not_come_up_is_left_again(machines: Machines, releases: Path) -> None:
    """UPG-03, UPG-04: the upgrade of a connected machine disconnects all; a bad release is left again."""
    first, second = upgradable(machines, releases, "mx1", "mx2")
    old = str(release_of(first))
    connected(first, 1)
    assert first.ssh(f"upgrade install {BROKEN}").code == 2
    answer = first.ssh(f"upgrade install {BROKEN} --yes")
    assert answer.code == 0, (answer, first.log)
    assert "disconnects all 2 machines" in answer.err

    def left_again() -> bool:
        answer = first.ssh("upgrade status --json")
        return answer.code == 0 and "read" in json.loads(answer.out)["failed"]

    until(left_again, f"it is left again\n{first.log}", 60)
    runs(first, old)
    shown = second.does("clusterconfig listdetail")
    assert shown.count("disconnected on purpose") == 2
    again = second.ssh(f"upgrade install {NEW} --yes")
    assert "disconnects all" not in again.err
    runs(second, NEW)

    assert first.ssh(f"upgrade guided {BROKEN} --yes").code == 0
    run = over(first)
    assert run["failed"].startswith(BROKEN)
    assert run["restarted"]
    assert "clusterconfig reconnect mx1.example.com" in run["note"]
    assert "listenerconfig" not in " ".join(first.status["notes"]), "mail is taken again"
    assert first.ssh("upgrade install 9.9.9 --yes").err.count("there is no release 9.9.9") == 1
