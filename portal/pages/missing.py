"""What an address gets that leads nowhere: a page, or JSON below `/api/`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found


def missing(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """The answer 404."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("There is nothing at this address.")}, status=404)
    return page_not_found(request, exception)
