"""Headers that keep a browser from running anything that this portal did not serve as a file."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "manifest-src 'self'",
    )
)
FORMS = "form-action 'self'"
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

Respond = Callable[[HttpRequest], HttpResponse]


def content_security_policy(respond: Respond) -> Respond:
    """Middleware: the policy on every answer; pages of a person are kept in no shared cache."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        # The form of the login leads on to the providers that are configured.
        forms = " ".join((FORMS, *settings.GATEFOLD_FORM_TARGETS))
        response.headers.setdefault("Content-Security-Policy", f"{POLICY}; {forms}")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return answer
