"""`Idempotency-Key`: a request sent again after a lost answer gets that answer; nothing happens twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.tenants import account_in

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LONGEST_WORK = timedelta(minutes=5)
"""No request is worked on for so long: one that has no answer then lost its process, and has none to come."""
LONGEST = 200

Method = Callable[..., Response]


class Answered(models.Model):
    """A request with a key, and what was answered; `code` is empty while it is worked on."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    key = models.CharField(max_length=LONGEST)
    request = models.CharField(max_length=64)
    code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")
        ]

    def __str__(self) -> str:
        return self.key


class KeyInUse(APIException):
    """The first request with that key has not been answered yet, or was another one."""

    status_code = status.HTTP_409_CONFLICT


def once(method: Method) -> Method:
    """Makes a method of a view answer a repeated request as it did the first."""

    @wraps(method)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER, "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > LONGEST or not key.isprintable():
            raise ParseError(_("An Idempotency-Key has at most %d printable characters.") % LONGEST)
        return _once(method, view, request, key, args, kwargs)

    return answer


def _once(
    method: Method, view: Any, request: Request, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Response:
    Answered.objects.filter(created__lt=timezone.now() - KEPT).delete()
    what = _digest(request)
    try:
        with transaction.atomic():
            row = Answered.objects.create(user=account_in(request), key=key, request=what)
    except IntegrityError:
        if not _taken_over(request, key, what):
            return _repeated(request, key, what)
        row = Answered.objects.get(user=account_in(request), key=key)
    try:
        response = method(view, request, *args, **kwargs)
    except BaseException:
        # What was refused changed nothing: the same key may be tried again.
        row.delete()
        raise
    Answered.objects.filter(pk=row.pk).update(code=response.status_code, body=response.data)
    return response


def _taken_over(request: Request, key: str, what: str) -> bool:
    """Whether this one does the work of a first request whose process is gone; just one of many is."""
    now = timezone.now()
    lost = Answered.objects.filter(
        user=account_in(request), key=key, request=what, code=None, created__lt=now - LONGEST_WORK
    )
    return bool(lost.update(created=now))


def _repeated(request: Request, key: str, what: str) -> Response:
    row = Answered.objects.get(user=account_in(request), key=key)
    if row.request != what:
        raise KeyInUse(_("This Idempotency-Key belongs to another request."))
    if row.code is None:
        raise KeyInUse(_("The first request with this Idempotency-Key is still being worked on."))
    return Response(row.body, status=row.code)


def _digest(request: Request) -> str:
    told = f"{request.method} {request.get_full_path()} {request.data!r}"
    return hashlib.sha256(told.encode()).hexdigest()
