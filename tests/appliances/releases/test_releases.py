"""Building, listing, fetching and installing releases; each thing that can be wrong with one."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from appliances.releases.artifact import INDEX, Offer, ReleaseError, build, read_index
from appliances.releases.shelf import Shelf, State
from appliances.releases.source import Source

SAYS = "import sys\nprint({said!r} if sys.argv[1:] == ['release', 'show'] else 'runs')\n"


def tree_at(path: Path, said: str = "2.0.0", needs: str = "") -> Path:
    """The least that is a program: it says its release."""
    for folder in ("appliances", "clusters", "locale", "portal", "templates"):
        (path / folder).mkdir(parents=True)
    (path / "manage.py").write_text(SAYS.format(said=said))
    (path / "pyproject.toml").write_text('[project]\nname = "gatefold"\nversion = "1.0.0"\n')
    (path / "requirements.txt").write_text(f"# nothing else\n{needs}\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tree_at(tmp_path / "tree"), "2.0.0", tmp_path / "offered", "better")
    return tmp_path / "offered"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    home = tmp_path / "home"
    home.mkdir()
    database = home / "state.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('before')")
    return Shelf(home / "releases", tree_at(tmp_path / "base", "1.0.0"), database)


def fetched(shelf: Shelf, folder: Path) -> Offer:
    source = Source(str(folder))
    (offer,) = source.offers()
    source.fetch(offer, shelf.archive(offer), lambda received: None)
    return offer


def listed(folder: Path, content: bytes, **changed: Any) -> Offer:
    """A file that the index calls release 2.0.0."""
    folder.mkdir(exist_ok=True)
    (folder / "gatefold-2.0.0.tar.gz").write_bytes(content)
    told = {
        "release": "2.0.0",
        "file": "gatefold-2.0.0.tar.gz",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        **changed,
    }
    (folder / INDEX).write_text(json.dumps([told]))
    return Offer.read(told)


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def test_built_release_carries_its_number_and_nothing_foreign(tmp_path: Path, folder: Path) -> None:
    build(tmp_path / "tree", "2.0.10", folder)
    build(tmp_path / "tree", "2.0.0", folder, "again")
    assert [(o.release, o.notes) for o in Source(str(folder)).offers()] == [
        ("2.0.10", ""),
        ("2.0.0", "again"),
    ]
    with tarfile.open(folder / "gatefold-2.0.10.tar.gz") as tar:
        names = set(tar.getnames())
        found = tar.extractfile("gatefold-2.0.10/pyproject.toml")
        assert found is not None
        assert 'version = "2.0.10"' in found.read().decode()
    assert names == {
        f"gatefold-2.0.10/{name}" for name in ("manage.py", "pyproject.toml", "requirements.txt")
    }


@pytest.mark.parametrize("release", ["", "new", "1.0/../..", "1.0\n"])
def test_release_without_a_proper_number_is_not_built(tmp_path: Path, release: str) -> None:
    with pytest.raises(ReleaseError, match="no number"):
        build(tmp_path, release.replace("\n", " x"), tmp_path / "to")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '["x"]',
        '[{"release": "2.0.0"}]',
        '[{"release": "2.0.0", "file": "../up.tar.gz", "sha256": "%s", "size": 3}]' % ("0" * 64),
        '[{"release": "2.0.0", "file": "a.tar.gz", "sha256": "short", "size": 3}]',
        '[{"release": "2.0.0", "file": "a.tar.gz", "sha256": "%s", "size": 99999999999}]' % ("0" * 64),
    ],
)
def test_malformed_index_is_refused(text: str) -> None:
    with pytest.raises(ReleaseError):
        read_index(text)


def test_directory_without_index_offers_nothing(tmp_path: Path) -> None:
    assert Source(str(tmp_path)).offers() == []


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"size": 3}])
def test_file_that_is_not_what_the_index_says_is_not_kept(
    tmp_path: Path, shelf: Shelf, changed: dict[str, Any]
) -> None:
    """UPG-07: a checksum that is wrong, a file that does not end."""
    offer = listed(tmp_path / "bad", b"x" * 100_000, **changed)
    with pytest.raises(ReleaseError, match="checksum"):
        Source(str(tmp_path / "bad")).fetch(offer, shelf.archive(offer), lambda received: None)
    assert not list(shelf.folder.iterdir())


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/"
        serving.shutdown()
        thread.join()


def test_release_comes_from_a_server_with_progress(server: str, shelf: Shelf) -> None:
    """UPG-07: how far it is can be seen."""
    source = Source(server)
    (offer,) = source.offers()
    seen: list[int] = []
    source.fetch(offer, shelf.archive(offer), seen.append)
    assert seen[-1] == offer.size == shelf.archive(offer).stat().st_size
    with pytest.raises(ReleaseError, match="cannot be read"):
        source.fetch(Offer("3.0", "no.tar.gz", "0" * 64, 3), shelf.folder / "no", seen.append)


def test_installed_release_runs_beside_the_first_one(folder: Path, shelf: Shelf) -> None:
    shelf.install(fetched(shelf, folder))
    assert shelf.installed() == ["2.0.0"]
    assert shelf.starting() == shelf.base
    shelf.switch("2.0.0")
    assert shelf.starting() == shelf.tree("2.0.0")
    shelf.came_up()
    assert shelf.starting() == shelf.tree("2.0.0")
    assert shelf.state == State("2.0.0", "")
    with pytest.raises(ReleaseError, match="not installed"):
        shelf.switch("3.0.0")


def test_release_that_did_not_come_up_is_left_with_its_changes(folder: Path, shelf: Shelf) -> None:
    """L18: it is known when that was."""
    assert shelf.last_switch() is None
    shelf.install(fetched(shelf, folder))
    shelf.switch("2.0.0")
    assert shelf.last_switch()
    assert shelf.starting() == shelf.tree("2.0.0")
    with sqlite3.connect(shelf.database) as connection:
        connection.execute("update kept set word = 'after'")

    assert shelf.starting() == shelf.base

    assert shelf.state.failed == "2.0.0: it did not come up"
    with sqlite3.connect(shelf.database) as connection:
        assert connection.execute("select word from kept").fetchall() == [("before",)]
    assert not shelf.go_back("again")


def test_tree_that_is_gone_is_not_started(folder: Path, shelf: Shelf) -> None:
    shelf.folder.mkdir()
    (shelf.folder / "state.json").write_text('{"current": "2.0.0"}')
    assert shelf.starting() == shelf.base
    (shelf.folder / "state.json").write_text("no json")
    assert shelf.starting() == shelf.base


def entry(name: str, **changed: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for key, value in changed.items():
        setattr(found, key, value)
    return found


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        packed((entry("other/manage.py"), b"")),
        packed((entry("../outside"), b"x")),
        packed((entry("/tmp/gatefold-outside"), b"x")),
        packed((entry("gatefold-2.0.0/link", type=tarfile.SYMTYPE, linkname="/etc"), b"")),
        packed((entry("gatefold-2.0.0/manage.py"), b"raise SystemExit(3)"), (entry("x"), b"")),
    ],
    # The bytes carry the second of their packing, and each worker packs them for itself.
    ids=["no archive", "other folder", "outside", "absolute", "link", "refuses to start"],
)
def test_archive_that_is_no_release_leaves_nothing(tmp_path: Path, shelf: Shelf, content: bytes) -> None:
    """UPG-07: nothing is written outside the folder of the releases."""
    offer = listed(tmp_path / "bad", content)
    Source(str(tmp_path / "bad")).fetch(offer, shelf.archive(offer), lambda received: None)
    with pytest.raises(ReleaseError):
        shelf.install(offer)
    assert [path.name for path in shelf.folder.iterdir()] == [offer.file]
    assert not Path("/tmp/gatefold-outside").exists()


def test_release_installs_with_the_python_of_debian(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INS-04: 3.11.2 knows no `filter` of archives; what is unpacked is whole, and manage.py can be run."""

    def extractall(self: tarfile.TarFile, path: str) -> None:
        raise AssertionError("unpacks what the archive wants")

    monkeypatch.setattr(tarfile.TarFile, "extractall", extractall)
    shelf.install(fetched(shelf, folder))
    assert shelf.installed() == ["2.0.0"]
    assert (shelf.tree("2.0.0") / "manage.py").stat().st_mode & 0o777 == 0o755


def test_release_that_says_another_number_is_not_installed(tmp_path: Path, shelf: Shelf) -> None:
    offer = build(tree_at(tmp_path / "odd", "3.0.0"), "2.0.0", tmp_path / "odd-folder")
    Source(str(tmp_path / "odd-folder")).fetch(offer, shelf.archive(offer), lambda received: None)
    with pytest.raises(ReleaseError, match=r"says that it is 3\.0\.0"):
        shelf.install(offer)


def test_release_whose_packages_cannot_be_had_is_not_installed(tmp_path: Path, shelf: Shelf) -> None:
    needs = f"nothing @ file://{tmp_path}/nowhere.whl"
    offer = build(tree_at(tmp_path / "odd", needs=needs), "2.0.0", tmp_path / "odd-folder")
    Source(str(tmp_path / "odd-folder")).fetch(offer, shelf.archive(offer), lambda received: None)
    with pytest.raises(ReleaseError, match="packages"):
        shelf.install(offer)
    assert shelf.installed() == []
