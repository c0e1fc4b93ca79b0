"""The menu of a cluster in a mode: tabs and pages, and what each page's settings are there."""

from __future__ import annotations
