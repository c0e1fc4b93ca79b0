"""The portal hands out the files of releases, and nothing beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from appliances.releases.artifact import INDEX, Offer
from tests.appliances.releases.test_releases import listed


@pytest.fixture
def offer(tmp_path: Path, settings: Any) -> Offer:
    settings.GATEFOLD_RELEASES = str(tmp_path)
    (tmp_path / "secret.txt").write_text("no")
    return listed(tmp_path, b"a release")


@pytest.mark.django_db
def test_machine_fetches_index_and_release_without_a_login(client: Client, offer: Offer) -> None:
    """UPG-07: the portal as the source of releases."""
    assert b"2.0.0" in b"".join(client.get(f"/releases/{INDEX}"))
    assert b"".join(client.get(f"/releases/{offer.file}")) == b"a release"
    assert client.post(f"/releases/{INDEX}").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["secret.txt", "..", "%2e%2e%2fsecret.txt", "nothing.tar.gz"])
def test_other_files_are_not_there(client: Client, offer: Offer, name: str) -> None:
    assert client.get(f"/releases/{name}").status_code == 404


@pytest.mark.django_db
def test_portal_without_releases_says_not_found(client: Client, tmp_path: Path, settings: Any) -> None:
    settings.GATEFOLD_RELEASES = str(tmp_path / "none")
    assert client.get(f"/releases/{INDEX}").status_code == 404
