"""The list of pages that pictures and the checks of all pages go through."""

from __future__ import annotations

from portal.demo.sights import ELSEWHERE, NOT_SHOWN, SIGHTS
from portal.management.commands.screenshots import DOCS, KEPT
from portal.urls import urlpatterns


def test_no_page_is_missing_among_the_sights() -> None:
    """Who adds an address says what it shows, or that it shows nothing by itself."""
    names = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}
    seen = {sight.url_name for sight in SIGHTS if sight.name != "missing"} & names
    assert names == seen | set(ELSEWHERE) | NOT_SHOWN
    assert not (seen | set(ELSEWHERE)) & NOT_SHOWN


def test_pictures_of_the_documentation_are_those_that_are_kept() -> None:
    assert {path.stem for path in DOCS.glob("*.png")} == KEPT
