"""Headers that keep a browser from running anything that this portal did not serve as a file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.debug import SafeExceptionReporterFilter

from portal.pages.failing import unreadable

logger = logging.getLogger(__name__)

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


def unreadable_requests(respond: Respond) -> Respond:
    """Middleware: what is nested too deeply to be read, or a number beyond any column, is a bad request."""

    def answer(request: HttpRequest) -> HttpResponse:
        return respond(request)

    def failed(request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, (OverflowError, RecursionError)):
            return None
        logger.warning("not readable (%s): %s", type(error).__name__, request.path)
        return unreadable(request, error)

    answer.process_exception = failed  # type: ignore[attr-defined]  # how Django finds it
    return answer


class SilentReports(SafeExceptionReporterFilter):
    """Error reports without what was sent and without values of variables: either may hold a secret.

    Where it failed, and with what error, stays. With GATEFOLD_DEBUG on, for developers, all is shown.
    """

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Names without values."""
        if request is None or not self.is_active(request):
            return dict(super().get_post_parameters(request))
        return dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        """Names without values."""
        if not self.is_active(request):
            return list(super().get_traceback_frame_variables(request, tb_frame))
        return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]
