"""The small parts of a machine: the kept fence, heard statuses, files replaced whole, lines of the log."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliances.machine.fence import KeptFence
from appliances.machine.heard import Heard
from appliances.machine.home import Home, HomeTrouble, replace_json
from appliances.machine.journal import JsonLines, TextLines
from appliances.machine.saved import SavedFiles
from appliances.machine.status import MachineStatus

FENCE = KeptFence("cluster", {"A": 2, "B": 1}, "abc", "digest", 7, 1000)


@pytest.mark.parametrize(
    ("cluster", "vector", "forbidden"),
    [
        ("cluster", {"A": 2, "B": 1}, False),
        ("cluster", {"A": 3, "B": 1, "C": 1}, False),
        ("cluster", {"A": 1, "B": 1}, True),
        ("cluster", {"A": 9}, True),
        ("another", {}, False),
    ],
)
def test_fence_forbids_what_lacks_something_in_force(
    cluster: str, vector: dict[str, int], forbidden: bool
) -> None:
    assert FENCE.forbids(cluster, vector) is forbidden


def test_fence_comes_back_from_disk(tmp_path: Path) -> None:
    FENCE.save(tmp_path / "applied.json")

    assert KeptFence.load(tmp_path / "applied.json") == FENCE


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"unknown": 1}'])
def test_fence_that_cannot_be_read_knows_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "applied.json").write_text(text)

    assert KeptFence.load(tmp_path / "applied.json") == KeptFence()


def test_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    replace_json(path, {"old": 1})
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from appliances.machine.home import replace_json;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "replace_json(Path(sys.argv[1]), {'new': 'x' * 100})"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )

    assert "OSError" in done.stderr
    assert json.loads(path.read_text()) == {"old": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]


def test_home_with_a_damaged_identity_says_so(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text("{")

    with pytest.raises(HomeTrouble, match="restore it from a backup"):
        Home(tmp_path).serial  # noqa: B018 - the error is what counts


def test_older_status_never_replaces_a_newer() -> None:
    heard = Heard()
    for as_of in (2, 1):
        heard.take("A", MachineStatus(serial="A", as_of=as_of).to_wire())

    assert heard.all()["A"].as_of == 2


@pytest.mark.parametrize(
    "raw", [{}, {"serial": "B"}, {"serial": "A", "vector": {"x": "many"}}, {"serial": 7}]
)
def test_status_that_is_none_or_of_another_is_not_kept(raw: dict[str, object]) -> None:
    heard = Heard()

    heard.take("A", raw)

    assert heard.all() == {}


def test_status_of_another_release_may_say_more() -> None:
    raw = {**MachineStatus(serial="A", wanted="x", enforced="x").to_wire(), "mood": "fine"}

    found = MachineStatus.from_wire(raw)

    assert found is not None
    assert found.settled


def test_line_of_the_log_stays_one_line() -> None:
    record = logging.LogRecord("part", logging.WARNING, "", 1, "two\nlines of %s", ("text",), None)

    text, as_json = TextLines().format(record), json.loads(JsonLines().format(record))

    assert text.endswith("WARNING two\\nlines of text")
    assert "\n" not in text
    assert (as_json["level"], as_json["part"], as_json["text"]) == ("warning", "part", "two\\nlines of text")


def test_last_saved_file_of_a_whole_cluster_counts(tmp_path: Path) -> None:
    """L18: the file of one machine does not bring a cluster back."""
    files = SavedFiles(tmp_path / "saved")
    assert (files.last_saved(), files.last_loaded()) == (0, None)
    files.keep("whole.xml", '<!-- saved -->\n<config format="1" kind="cluster" release="1">')
    files.keep("one.xml", '<config format="1" kind="machine"><machine name=\'kind="cluster"\'>')
    os.utime(tmp_path / "saved" / "whole.xml", (1000.5, 1000.5))
    assert files.last_saved() == 1_000_500
    files.loaded()
    assert files.last_loaded()
    assert set(files.names()) == {"one.xml", "whole.xml"}
