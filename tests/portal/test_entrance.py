"""What a process needs and does not find is one sentence, and nothing is made in its place (TRL-29)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError, IntegrityError, OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from appliances.following import identity
from appliances.links.identity import Keys, KeyTrouble
from clusters import replicas, sealed_columns, sealing
from clusters.modes import CLUSTER
from clusters.sealing import KeyMissing
from clusters.versions import Address, Change, Kind
from portal import entrance
from portal.audit.head import UnreadableHead, read
from portal.config_files import backups, keys
from portal.config_files.backups import Backup
from portal.entrance import Unready, explained, look_over
from portal.settings import environment
from portal.settings.environment import BadEnvironment
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.installation import ROOT, Installation
from tests.portal.test_rotate_keys import USERS

NO_DATABASE = b"not a database, but long enough to be read as one" * 100
DAMAGE = {
    "empty database": ("portal.sqlite3", b"", "is empty"),
    "missing database": ("portal.sqlite3", None, "is missing"),
    "database that is none": ("portal.sqlite3", NO_DATABASE, "is damaged"),
    "environment that is no text": ("environment", b"\xff\xfe", "is not UTF-8"),
}
DOORS = {
    "command": ("manage.py", "verify_audit"),
    "web server": ("-m", "daphne", "portal.asgi:application"),
    "worker": ("-m", "celery", "-A", "portal.celery", "worker", "-P", "threads"),
    "clock": ("-m", "celery", "-A", "portal.celery", "beat", "-s", "{var}/beat"),
}


@pytest.fixture(scope="module")
def whole() -> Iterator[Installation]:
    """A portal that has worked: its home is marked by a serial number."""
    with Installation() as made:
        made.prepare()
        (made.var / "portal" / "serial").write_text("PORTAL-1")
        yield made


def held(home: Path) -> dict[str, bytes]:
    """What the files of a home hold; SQLite's own notes beside a database are no part of it."""
    files = (path for path in home.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def start(whole: Installation, var: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    told = {**whole.environment, "GATEFOLD_VAR": str(var), **more}
    command = [sys.executable, *(word.format(var=var) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, env=told, check=False, cwd=ROOT)


@pytest.mark.parametrize(
    ("damage", "door"),
    [*((damage, "command") for damage in DAMAGE)]
    + [("missing database", door) for door in ("web server", "worker", "clock")]
    + [("environment that is no text", door) for door in ("web server", "worker")],
)
def test_damaged_file_is_named_at_every_door(
    whole: Installation, tmp_path: Path, damage: str, door: str
) -> None:
    """TRL-29: no traceback, not 0, and the home is as it was."""
    home, (name, content, words) = tmp_path / "portal", DAMAGE[damage]
    shutil.copytree(whole.var / "portal", home, ignore=shutil.ignore_patterns("*.sock"))
    (home / name).unlink(missing_ok=True)
    if content is not None:
        (home / name).write_bytes(content)
    before = held(home)
    done = start(whole, tmp_path, *DOORS[door])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"{home / name}" in done.stderr
    assert words in done.stderr
    assert held(home) == before


def test_database_that_is_away_is_named_without_its_passphrase(whole: Installation) -> None:
    """TRL-29: nothing listens there."""
    address = "postgres://gatefold:canary@127.0.0.1:1/name"
    done = start(whole, whole.var, "manage.py", "verify_audit", GATEFOLD_DATABASE_URL=address)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "name at 127.0.0.1:1 cannot be used" in done.stderr
    assert "canary" not in done.stderr


def test_database_before_the_first_start_is_told_how_to_begin(whole: Installation, tmp_path: Path) -> None:
    """TRL-29: nothing is lost where nothing was, and the look makes no file."""
    done = start(whole, tmp_path, "manage.py", "verify_audit")
    assert done.returncode == 1
    assert "run `gatefold portal migrate`" in done.stderr
    assert not (tmp_path / "portal" / "portal.sqlite3").exists()


def test_database_that_lacks_migrations_is_told_so(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL-29: a server of a newer release does not work on the tables of an older one."""
    monkeypatch.setattr(entrance, "database_fault", lambda file: "")
    MigrationRecorder(connection).record_unapplied("portal", "0001_initial")
    try:
        with pytest.raises(Unready, match=r"lacks 1 migrations .* `gatefold portal migrate`"):
            look_over("verify_audit")
        look_over("migrate")
    finally:
        MigrationRecorder(connection).record_applied("portal", "0001_initial")


@pytest.mark.parametrize(
    "url", ["mysql://h/n", "postgres://h:x/n", "postgres://[::1/n", "sqlite:/x", "x", "postgres://h:0/n"]
)
def test_address_of_a_database_that_is_none_is_refused(url: str) -> None:
    """TRL-29: whatever the library would have made of it."""
    with pytest.raises(BadEnvironment, match="GATEFOLD_DATABASE_URL"):
        environment.database_url(url)


@pytest.mark.parametrize("url", ["http://canary@h", "redis://canary@h:x", "", "unix"])
def test_address_of_a_redis_that_is_none_is_refused(url: str) -> None:
    """TRL-29: the passphrase in it is not shown."""
    with pytest.raises(BadEnvironment, match=r"GATEFOLD_REDIS_URL.*write redis://") as refused:
        environment.redis_url(url)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "postgres://u:p@h:5432/n", "postgresql:///n", "sqlite:////tmp/x"])
def test_address_of_a_database_is_taken(url: str) -> None:
    assert environment.database_url(url) == url


@pytest.mark.parametrize("url", ["redis://h", "rediss://:p@h:6380/1", "unix:///var/redis.sock"])
def test_address_of_a_redis_is_taken(url: str) -> None:
    assert environment.redis_url(url) == url


@pytest.mark.parametrize("url", ["smtp://h:x", "smtp://[::1", "http://h", "smtp://"])
def test_address_of_a_mail_server_that_is_none_is_refused(url: str) -> None:
    """TRL-29: a port that is none is one sentence too."""
    with pytest.raises(BadEnvironment, match="GATEFOLD_EMAIL_URL"):
        environment.email_of(url)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyMissing("keys"), "keys"),
        (KeyTrouble("serial"), "serial"),
        (RedisConnectionError("refused"), "Redis at"),
        (OperationalError("no such table"), "cannot be used"),
        (DatabaseError("database disk image is malformed"), "cannot be used"),
    ],
)
def test_part_that_fails_in_the_midst_of_a_command_ends_it_in_words(error: Exception, words: str) -> None:
    """TRL-29: what only shows while it works."""
    with pytest.raises(SystemExit, match=words), explained():
        raise error


@pytest.mark.parametrize(
    "error", [IntegrityError("a rule"), ImproperlyConfigured("ours"), RuntimeError("ours")]
)
def test_mistake_of_our_own_keeps_its_trace(error: Exception) -> None:
    with pytest.raises(type(error)), explained():
        raise error


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Where the portal's keys would be; nothing of it is remembered afterwards."""
    settings.GATEFOLD_PORTAL_HOME = tmp_path
    settings.GATEFOLD_SEALING_KEYS = tmp_path / "sealing_keys"
    for remembered in (identity.serial, identity.keys):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (identity.serial, identity.keys):
        remembered.cache_clear()


def enrolled(cluster: ManagedCluster) -> None:
    """The cluster knows a portal, as after adoption."""
    value = {"name": "portal", "user_key": Keys.make().user_public}
    change = Change(Address(Kind.PORTAL, "PORTAL-1"), value)
    replicas.commit(cluster.replica_id, [change], user="alice", host="portal")


@pytest.mark.parametrize("content", [None, ""])
def test_serial_that_clusters_know_is_never_made_anew(
    europe: ManagedCluster, home: Path, content: str | None
) -> None:
    """TRL-29: a portal with another one would be a stranger to all of them."""
    enrolled(europe)
    if content is not None:
        (home / "serial").write_text(content)
    with pytest.raises(KeyTrouble, match=r"serial is (missing|empty).*backup"):
        identity.serial()
    assert (home / "serial").exists() is (content is not None)


def test_keys_that_clusters_know_are_never_made_anew(europe: ManagedCluster, home: Path) -> None:
    """TRL-29: one of the two lost is as bad."""
    before = identity.keys().user_public
    enrolled(europe)
    identity.keys.cache_clear()
    assert identity.keys().user_public == before
    identity.keys.cache_clear()
    (home / "keys" / "user_ed25519").unlink()
    with pytest.raises(KeyTrouble, match=r"user_ed25519 is missing.*adopt the clusters again"):
        identity.keys()
    assert not (home / "keys" / "user_ed25519").exists()


def test_portal_that_nobody_knows_makes_its_identity(europe: ManagedCluster, home: Path) -> None:
    assert identity.serial().startswith("PORTAL-")
    assert identity.keys().host_public
    identity.require_known()


def test_sealing_keys_are_made_for_nothing_sealed_and_never_again(europe: ManagedCluster, home: Path) -> None:
    """TRL-29: new keys beside sealed values would lose them without a word."""
    sealed_columns.require_keys()
    world.define(europe, CLUSTER, "userconfig", USERS)
    sealed_columns.require_keys()
    kept = (home / "sealing_keys").read_bytes()
    (home / "sealing_keys").unlink()
    for attempt in (sealed_columns.require_keys, sealed_columns.rotate, lambda: sealing.seal("x")):
        with pytest.raises(KeyMissing, match=r"sealing_keys is missing.*backup"):
            attempt()
    with pytest.raises(KeyMissing):
        world.define(europe, CLUSTER, "userconfig", USERS)
    assert list(home.iterdir()) == []
    (home / "sealing_keys").write_text("Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8=\n")
    with pytest.raises(KeyMissing, match="does not open"):
        sealed_columns.require_keys()
    (home / "sealing_keys").write_bytes(kept)
    sealed_columns.require_keys()


def test_key_of_backups_is_made_for_none_and_never_again(
    europe: ManagedCluster, alice: User, home: Path
) -> None:
    """TRL-29: another one would open no backup."""
    made = backups.keep(europe, Backup.Why.PERSON, alice)
    made.opened()
    (home / "file_key").unlink()
    with pytest.raises(KeyMissing, match="file_key is missing"):
        keys.passphrase()
    assert not (home / "file_key").exists()


def test_head_of_the_audit_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """TRL-29: a folder in its place, as a wrong mount leaves it."""
    with pytest.raises(UnreadableHead, match="a folder stands there"):
        read(tmp_path)


@pytest.mark.parametrize("content", [None, "", "short"])
def test_secret_of_logins_in_a_used_home_is_never_made_anew(tmp_path: Path, content: str | None) -> None:
    """TRL-29: authenticator apps are kept under it."""
    (tmp_path / "audit.head").touch()
    if content is not None:
        (tmp_path / "secret_key").write_text(content)
    with pytest.raises(BadEnvironment, match=r"secret_key (is missing|holds no whole secret).*backup"):
        environment.signing_secret(tmp_path)
    assert (tmp_path / "secret_key").exists() is (content is not None)


def test_secret_of_logins_in_a_new_home_is_made_once(tmp_path: Path) -> None:
    made = environment.signing_secret(tmp_path)
    assert len(made) > 60
    assert environment.signing_secret(tmp_path) == made
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_environment_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """TRL-29: a folder in its place."""
    with pytest.raises(BadEnvironment, match=f"{tmp_path}.* cannot be read"):
        environment.read_environment_file(tmp_path)
    environment.read_environment_file(tmp_path / "none")


def test_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """TRL-29: a file stands where the folder would."""
    (tmp_path / "file").touch()
    with pytest.raises(BadEnvironment, match="GATEFOLD_VAR"):
        environment.home_made(tmp_path / "file" / "portal")
    assert os.listdir(tmp_path) == ["file"]
