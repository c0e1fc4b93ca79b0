"""Reads the forms of a page as a browser would send them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.test import Client


class _Reader(HTMLParser):
    """Collects the successful controls of the form that carries `marker`; templates are inert."""

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._marker, self._inside, self._inert = marker, False, 0
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._inside = self._marker in found
        if tag == "template":
            self._inert += 1
        if not self._inside or self._inert:
            return
        name = found.get("name") or ""
        if tag == "input" and name:
            self._input(name, found)
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select is not None:
            self._options.append((found.get("value") or "", "selected" in found))

    def _input(self, name: str, found: dict[str, str | None]) -> None:
        kind = found.get("type") or "text"
        if kind in ("checkbox", "radio") and "checked" not in found:
            return
        self.fields.append((name, found.get("value") or ("on" if kind == "checkbox" else "")))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._inert -= 1
        elif tag == "textarea" and self._area is not None:
            self.fields.append((self._area, self._text))
            self._area = None
        elif tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected] or [
                v for v, _s in self._options[:1]
            ]
            if not self._inert and self._inside:
                self.fields += [(self._select, value) for value in chosen[:1]]
            self._select = None
        elif tag == "form":
            self._inside = False


def settings_form(html: str) -> dict[str, Any]:
    """The settings form of a page, ready for `client.post`; change it and send it."""
    reader = _Reader("data-settings-form")
    reader.feed(html)
    sent: dict[str, Any] = {}
    for name, value in reader.fields:
        sent.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in sent.items()}


def base_of(html: str) -> str:
    """What a settings page sends with its buttons: which settings it has shown."""
    found = re.search(r'name="base" value="([^"]*)"', html)
    return found[1] if found else ""


def press(browser: Client, path: str, told: dict[str, str], *, follow: bool = False) -> Any:
    """Open a settings page and press a button of it; one of the past where `told` has a moment."""
    query = {"at": told["at"]} if told.get("at") else {}
    shown = base_of(browser.get(path, query).content.decode())
    return browser.post(path, {"base": shown, **told}, follow=follow)
