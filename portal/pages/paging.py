"""Pages of lists that grow; `parts/pager.html` leads through them and keeps what else the address asks."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

MACHINES = 100
"""Machines on one page."""

MANY = 10
"""From how many on a list has a filter."""


def page_of(request: HttpRequest, found: Any, size: int, name: str = "page") -> Page[Any]:
    """The page that is asked for (`?page=`); the first for what is no number, the last for what is beyond.

    A second list on one page has another `name` in the address.
    """
    return Paginator(found, size).get_page(request.GET.get(name))
