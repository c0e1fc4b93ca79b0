"""When and from where a session was used last, noted every few minutes and not at every request."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse

NOTED = "noted"
EVERY = 300

Respond = Callable[[HttpRequest], HttpResponse]


def note_activity(respond: Respond) -> Respond:
    """Middleware."""

    def answer(request: HttpRequest) -> HttpResponse:
        late = time.time() - request.session.get(NOTED, 0) > EVERY
        if late and request.session.session_key and request.user.is_authenticated:
            UserSession.objects.create_from_request(request)
            request.session[NOTED] = time.time()
        return respond(request)

    return answer
