"""Which release a program runs, while another one is put in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliances.machine import release


def test_program_that_runs_keeps_its_release_when_another_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CL-12."""
    project = tmp_path / "pyproject.toml"
    monkeypatch.delenv("GATEFOLD_RELEASE", raising=False)
    monkeypatch.setattr(release, "_PROJECT", project)
    release._of_code.cache_clear()
    project.write_text('[project]\nversion = "1.0"\n')
    assert release.release() == "1.0"
    project.write_text('[project]\nversion = "2.0"\n')
    assert release.release() == "1.0"
    monkeypatch.setenv("GATEFOLD_RELEASE", "3.0")
    assert release.release() == "3.0"
    release._of_code.cache_clear()
