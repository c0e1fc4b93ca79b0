"""What the admin site lets people write: the pieces that the tables of every app share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Field, JSONField
from django.http import HttpRequest

from clusters.json_text import CarefulDecoder

# For each table whose JSON is written here: the stock decoder fails on what is nested too deeply.
CAREFUL_JSON: Mapping[type[Field[Any, Any]], Mapping[str, Any]] = {JSONField: {"decoder": CarefulDecoder}}


class NeverAdded:
    """Rows that are made elsewhere, by their own operations."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NeverWritten(NeverAdded):
    """Rows that are made and changed elsewhere: here they are read, and cleared away by who may."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(NeverWritten):
    """Rows that are looked at and nothing else."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadInline(NeverAdded, admin.TabularInline):
    """Rows shown within the row that they belong to."""

    extra = 0
    can_delete = False
