"""When and from where a session was used last, noted every few minutes and not at every request."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

NOTED = "noted"
EVERY = 300

Respond = Callable[[HttpRequest], HttpResponse]


def note_activity(respond: Respond) -> Respond:
    """Middleware."""

    def answer(request: HttpRequest) -> HttpResponse:
        late = time.time() - request.session.get(NOTED, 0) > EVERY
        if late and request.session.session_key and request.user.is_authenticated and _is_first(request):
            UserSession.objects.create_from_request(request)
            request.session[NOTED] = time.time()
        return respond(request)

    return answer


def _is_first(request: HttpRequest) -> bool:
    """Whether no other request of the session does it: all open pages fetch at the same hint."""
    key = f"activity.{request.session.session_key}.{request.session.get(NOTED, 0)}"
    try:
        return bool(cache.add(key, True, EVERY))
    except RedisError:
        # Without Redis there are no hints either; when a session was used is no reason to fail.
        return True
