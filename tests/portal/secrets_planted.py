"""Markers in every secret field that a person can fill, and where they must never come to light."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

from django.core.signals import got_request_exception
from django.db import connection
from django.views.debug import ExceptionReporter

from clusters.installed import catalogue

SALT = base64.b64encode(b"canarysaltcanary").decode().rstrip("=")
HASH = base64.b64encode(b"canary of a hash, canary of a hash").decode().rstrip("=")
FORMATS = {"argon2": f"$argon2id$v=19$m=65536,t=3,p=4${SALT}${HASH}", "login": "canary"}
"""What fields of a format take; a secret field of a new format fails its test until one stands here."""


def specimen(schema: dict[str, Any]) -> Any:
    """The smallest document with a marker in each secret field, from the schema alone."""
    if schema.get("x-secret") or schema.get("x-format") in FORMATS:
        return FORMATS.get(schema.get("x-format", ""), HASH)
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema and not _has_secret(schema):
        return schema["default"]
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("required", ())
        parts = schema.get("properties", {})
        chosen = {n for n, p in parts.items() if n in wanted or "enum" in p or _has_secret(p)}
        return {n: specimen(p) for n, p in parts.items() if n in chosen}
    if kind == "array":
        return [specimen(schema["items"])]
    return {"integer": schema.get("minimum", 1), "boolean": False}.get(str(kind), "canary")


def _has_secret(schema: Any) -> bool:
    return '"x-secret": true' in json.dumps(schema)


def features() -> Iterator[tuple[Any, Any]]:
    """Each feature with secrets and its specimen."""
    for feature in catalogue():
        found: Any = feature
        if found.secrets:
            yield found, specimen(found.schema)


class Ears:
    """Hears what leaves the program beside answers: log records, task arguments, hints, error reports."""

    def __init__(self, monkeypatch: Any) -> None:
        self.heard: list[tuple[str, str]] = []
        monkeypatch.setattr("celery.app.task.Task.apply_async", self._task)
        monkeypatch.setattr("portal.hints.get_channel_layer", lambda: self)
        self.records: list[logging.LogRecord] = []
        got_request_exception.connect(self._report)

    def _task(self, *arguments: Any, **more: Any) -> None:
        self.heard.append(("task", repr((arguments, more))))

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.heard.append(("socket", repr((group, message))))

    def _report(self, request: Any = None, **_more: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        self.heard += [("report", reporter.get_traceback_html()), ("report", reporter.get_traceback_text())]

    def forget(self) -> None:
        """Listen no more."""
        got_request_exception.disconnect(self._report)


def database() -> bytes:
    """Every byte of the database of this test."""
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return bytes(connection.connection.serialize())
