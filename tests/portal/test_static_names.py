"""Files that pages name: each of them is there under the storage that production has, errors included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template import Context, engines
from django.template.base import Node, Template
from django.templatetags.static import StaticNode
from django.test import Client, RequestFactory

from portal.pages import failing
from portal.settings import portal as production

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.html"))
SOURCES = [path for path in (ROOT / "portal").rglob("*.py") if "static(" in path.read_text()]


def nodes(template: Template) -> Iterator[Node]:
    """All of a template, the blocks of what it extends and includes being their own."""
    for node in template.nodelist:
        yield from node.get_nodes_by_type(StaticNode)


def test_tests_run_with_the_storage_of_production() -> None:
    """TRL-24: what is not collected is an error in tests, as it is there."""
    assert settings.STORAGES["staticfiles"]["BACKEND"] == production.COLLECTED_STORAGE
    assert staticfiles_storage.url("gatefold/mark.svg") != "/static/gatefold/mark.svg"
    with pytest.raises(ValueError, match="manifest"):
        staticfiles_storage.url("gatefold/never-there.css")


@pytest.mark.parametrize("name", TEMPLATES)
def test_static_names_of_a_template_exist(name: str) -> None:
    """TRL-24: each file that a template names, wherever in it."""
    template = engines["django"].get_template(name).template
    for node in nodes(template):
        assert node.url(Context()).startswith("/static/"), name


def test_static_names_in_code_exist() -> None:
    """TRL-24: the same of modules that name a file."""
    named = [name for path in SOURCES for name in re.findall(r'\bstatic\("([^"]+)"\)', path.read_text())]
    assert named
    for name in named:
        assert staticfiles_storage.url(name)


@pytest.mark.parametrize(("code", "title"), [(400, "cannot be read"), (500, "did not work")])
def test_page_of_an_error_is_shown_with_its_sheets(rf: RequestFactory, code: int, title: str) -> None:
    """TRL-24: 400 and 500 are whole pages."""
    request = rf.get("/")
    answer = failing.unreadable(request, ValueError()) if code == 400 else failing.broken(request)
    text = answer.content.decode()
    assert answer.status_code == code
    assert title in text
    assert re.search(r'stylesheet" href="/static/gatefold/base\.[0-9a-f]+\.css"', text)


@pytest.mark.parametrize("code", [400, 500])
def test_error_is_told_in_words_when_its_own_page_fails(
    rf: RequestFactory, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """TRL-24: files of another release, or none: the sentence is there, and the log says why."""
    monkeypatch.delitem(staticfiles_storage.hashed_files, "gatefold/base.css")
    request = rf.get("/")
    answer = failing.unreadable(request, ValueError()) if code == 400 else failing.broken(request)
    assert answer.status_code == code
    assert answer["Content-Type"].startswith("text/plain")
    assert "Nothing of it was done" in answer.content.decode() or "try again" in answer.content.decode()
    assert "collectstatic" in caplog.text


def test_bad_request_of_a_browser_is_a_whole_page(client: Client) -> None:
    """TRL-24: through the whole way, as a browser has it."""
    body: Any = b"json=" + b"x" * 34_000_000
    answer = client.post("/login/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert b"<h1>" in answer.content
