"""A cluster of real machines upgraded from the portal, which runs the new release already."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliances.releases.artifact import build
from tests.appliances.machine.machines import ROOT, Machine, Machines, listener
from tests.appliances.machine.sinks import Sink
from tests.appliances.machine.test_upgrades import upgradable
from tests.appliances.machine.upgrading import build_broken, connected, mail_through, release_of
from tests.portal.browsing import Browser, number_of, wait_for
from tests.portal.following import PEOPLE, adopt, states
from tests.portal.installation import Installation, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.timeout(600),
]

NEW, HOLLOW, BROKEN = "7.1.0", "7.2.0", "7.3.0"
BEAT = ("-B", "-s")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release of this tree, a damaged file, and a release that does not come up."""
    folder = tmp_path_factory.mktemp("releases")
    build(ROOT, NEW, folder, "better")
    hollow = build(ROOT, HOLLOW, folder, "damaged on its way")
    content = (folder / hollow.file).read_bytes()
    (folder / hollow.file).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    build_broken(BROKEN, folder, tmp_path_factory.mktemp("broken"))
    return folder


@pytest.fixture(scope="module")
def pair(machines: Machines, releases: Path) -> list[Machine]:
    return upgradable(machines, releases, "mx1", "mx2")


class UpgradedPortal(Installation):
    """A portal that hands these releases out; once `new`, it runs the new one itself."""

    releases: Path
    new = False

    @property
    def environment(self) -> dict[str, str]:
        own = {"GATEFOLD_RELEASES": str(self.releases)} | ({"GATEFOLD_RELEASE": NEW} if self.new else {})
        return {**super().environment, **own}


@pytest.fixture(scope="module")
def portal(pair: list[Machine], releases: Path) -> Iterator[UpgradedPortal]:
    with UpgradedPortal() as found:
        found.releases = releases
        found.prepare(PEOPLE)
        assert "follows" in adopt(found, pair[0])
        found.new = True
        found.start_web()
        yield found


def parts(alice: Browser, number: int) -> dict[str, Any]:
    return {part["name"].partition(".")[0]: part for part in alice.json(f"/jobs/{number}/")["parts"]}


def begin(alice: Browser, release: str, *machines: Machine) -> int:
    def ready() -> bool:
        told = alice.json(f"/clusters/americas/upgrades/?release={release}")
        return not told["waits"] and bool(told["ready"])

    wait_for(ready, "the machines are ready")
    serials = [machine.serial for machine in machines]
    told = {"do": "begin", "release": release, "machine": serials, "confirmed": "yes"}
    return number_of(alice.post("/americas/upgrades/", told))


def test_cluster_is_upgraded_from_the_portal_through_the_loss_of_a_worker(
    portal: UpgradedPortal, pair: list[Machine]
) -> None:
    """UPG-01, UPG-02, UPG-07, UPG-08, UPG-09, from the page to Postfix.

    1. The portal runs the new release: it has no links, and asks by errands. 2. A damaged file stops a run
    before anything is touched; what does not come up is left again, and the other machine takes the one back.
    3. A run is stopped after the first machine and resumed. 4. The worker is killed in the midst of the
    second's run; another one goes on. 5. All run the release, enforce, and are connected with the portal.
    6. One goes back, stays apart, and is upgraded again. Mail flows all the while.
    """
    first, second = pair
    old = str(release_of(first))
    sink = Sink().start()
    first.does(f"clustermode cluster; smtproutes set example.com {sink.route}; commit -m routes --wait 60")
    worker = portal.start_worker(*BEAT, str(portal.var / "beat"))
    alice = Browser(portal)

    def guided() -> bool:
        told = alice.json(f"/jobs/{number}/")
        assert told["state"] in ("queued", "running"), (told, portal.log("worker"))
        lines = alice.json(f"/jobs/{number}/lines/?page_size=100")["results"]
        return any(line["text"] == f"{second.hostname} begins its guided run" for line in lines)

    try:
        with mail_through(pair) as taken:
            damaged = alice.ended(begin(alice, HOLLOW, first, second))
            assert damaged["state"] == "failed"
            assert "checksum" in damaged["message"]
            worse = alice.ended(begin(alice, BROKEN, first), 200)
            assert "mx2.example.com has taken it back" in worse["message"], (worse, portal.log("worker"))
            assert [release_of(m) for m in pair] == [old, old]
            connected(first, 1)

            number = begin(alice, NEW, first, second)
            wait_for(lambda: parts(alice, number)["mx1"]["state"] == "running", "the first begins")
            alice.post(f"/jobs/{number}/", {"do": "cancel"})
            stopped = alice.ended(number, 150)
            assert stopped["state"] == "cancelled"
            assert "mx2" in stopped["message"]
            assert [release_of(m) for m in pair] == [NEW, old]
            wait_for(lambda: "different releases" in alice.get("/americas/upgrades/").text, "drift is shown")

            alice.post(f"/jobs/{number}/", {"do": "retry"})
            wait_for(guided, "the second begins")
            worker.send_signal(signal.SIGKILL)
            worker.wait(20)
            portal.python(
                "from portal.jobs.rows import Job; Job.everything.update(seen='2020-01-01T00:00:00Z')"
            )
            portal.start_worker(*BEAT, str(portal.var / "beat2"))
            portal.python("from portal.tasks import sweep_jobs; sweep_jobs.delay()")
            done = alice.ended(number, 200)
            assert done["state"] == "done", (done, portal.log("worker"))
            assert [release_of(m) for m in pair] == [NEW, NEW]
            assert {(part["state"], part["message"]) for part in done["parts"]} == {("done", "")}
            assert states(portal) == ["connected", "connected"]

            told = {"do": "revert", "serial": second.serial, "confirmed": "yes"}
            reverted = alice.job(alice.post("/americas/upgrades/", told), 200)
            assert reverted["state"] == "done", (reverted, portal.log("worker"))
            assert "stays disconnected" in reverted["parts"][0]["message"]
            assert [release_of(m) for m in pair] == [NEW, old]
            once_more = alice.ended(begin(alice, NEW, second), 200)
            assert once_more["state"] == "done", (once_more, portal.log("worker"))
            until(lambda: states(portal) == ["connected", "connected"], "both are connected again")
            before = len(taken)
            until(lambda: len(taken) > before + 10, "mail goes on")
        for subject in taken:
            sink.wait_for(subject)
    finally:
        sink.stop()
    assert listener()["listeners"][0]["name"] not in str(second.status["suspended"]["listeners"])
