"""Refusals as answers: `{"detail": sentence, ...}`, never a page, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from clusters.catalogue import InvalidDocument, UnknownFeature
from clusters.checking import CheckIsOld
from clusters.commits import CommitConflict, InTheWay, NewerVersions, SettlesConflict, UnknownCommit
from clusters.modes import InvalidMode
from clusters.refusals import REFUSALS, Overtaken
from clusters.state import UnknownMode
from portal.api.shapes import ClashShape, ProblemShape
from portal.proposals.deciding import HeldByPolicy, NotNow, OwnProposal

NOT_FOUND = (UnknownMode, UnknownFeature, UnknownCommit, InvalidMode)


class StaleVersion(Exception):
    """The caller names another version than the one in force; `now` is that one, or None for absent."""

    def __init__(self, text: str, now: Any) -> None:
        self.now = now
        super().__init__(text)


class Refusal(serializers.Serializer[Any]):
    """Why nothing was done; `problems` are of the document, `clashes` what others changed meanwhile.

    `mark` names the risks of which `detail` tells, for who agrees to them.
    """

    detail = serializers.CharField()
    problems = ProblemShape(many=True, required=False)
    clashes = ClashShape(many=True, required=False)
    mark = serializers.CharField(required=False)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Handler of REST framework: what the domain refuses has a status of its own."""
    if isinstance(error, InvalidDocument):
        listed = ProblemShape(error.problems, many=True).data
        return _refused(error, status.HTTP_422_UNPROCESSABLE_ENTITY, problems=listed)
    if isinstance(error, CommitConflict):
        clashes = [{"entry": each.address, "now": each.now} for each in error.stale]
        return _refused(error, status.HTTP_409_CONFLICT, clashes=ClashShape(clashes, many=True).data)
    if isinstance(error, SettlesConflict):
        clashes = [{"entry": a, "now": head} for a, heads in error.waiting.items() for head in heads]
        return _refused(error, status.HTTP_409_CONFLICT, clashes=ClashShape(clashes, many=True).data)
    if isinstance(error, StaleVersion):
        clashes = [{"entry": "", "now": error.now}] if error.now else []
        return _refused(error, status.HTTP_409_CONFLICT, clashes=ClashShape(clashes, many=True).data)
    if isinstance(error, NOT_FOUND):
        return _refused(error, status.HTTP_404_NOT_FOUND)
    if isinstance(error, OwnProposal):
        return _refused(error, status.HTTP_403_FORBIDDEN)
    if isinstance(error, InTheWay):
        clashes = [{"entry": address, "now": now} for address, now in error.changed]
        return _refused(error, status.HTTP_409_CONFLICT, clashes=ClashShape(clashes, many=True).data)
    if isinstance(error, (CheckIsOld, NewerVersions, NotNow, HeldByPolicy, Overtaken)):
        return _refused(error, status.HTTP_409_CONFLICT)
    if isinstance(error, REFUSALS):
        return _refused(error, status.HTTP_422_UNPROCESSABLE_ENTITY)
    if isinstance(error, ValidationError):
        problems = list(_problems(error.detail))
        text = _("What was sent is not as described.")
        return Response({"detail": text, "problems": problems}, status=status.HTTP_400_BAD_REQUEST)
    found: Response | None = exception_handler(error, context)
    return found


def _problems(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _problems(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _problems(inner, path)
    else:
        yield {"path": path, "message": str(detail)}


def _refused(error: Exception, code: int, **more: Any) -> Response:
    return Response({"detail": str(error), **more}, status=code)
