"""The portal's command that renews the keys of secrets."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from clusters import replicas, sealing
from clusters.modes import CLUSTER
from portal.tenants import ManagedCluster
from tests.portal import world

HASH = "$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$UGxhbnRlZFNlY3JldA"
USERS = {"users": [{"name": "admin", "role": "administrator", "passphrase_hash": HASH}]}


def test_new_key_opens_what_the_portal_holds(europe: ManagedCluster, tmp_path: Path, settings: Any) -> None:
    settings.GATEFOLD_SEALING_KEYS = tmp_path / "sealing_keys"
    world.define(europe, CLUSTER, "userconfig", USERS)
    said = StringIO()

    call_command("rotate_keys", stdout=said)

    assert "rows are sealed with a new key" in said.getvalue()
    newest, *_older = (tmp_path / "sealing_keys").read_text().split()
    (tmp_path / "sealing_keys").write_text(newest)
    held = replicas.state(europe.replica_id).settings[CLUSTER]["userconfig"].value
    assert held["users"][0]["passphrase_hash"] == HASH
    assert sealing.unseal(sealing.seal("x")) == "x"
