"""What a person likes to see: language, time zone and theme, wherever they log in."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

SESSION = "display"

Respond = Callable[[HttpRequest], HttpResponse]


class Profile(models.Model):
    """Empty means: as the browser says."""

    class Theme(models.TextChoices):
        AUTO = "", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    language = models.CharField(_("language"), max_length=10, blank=True, choices=settings.LANGUAGES)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    theme = models.CharField(_("theme"), max_length=8, blank=True, choices=Theme.choices)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.user)


@cache
def zones() -> list[str]:
    """The time zones of the world, by region and town."""
    regions = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/")
    known = zoneinfo.available_timezones()
    return ["UTC", *sorted(name for name in known if name.startswith((*regions, "Pacific/")))]


def profile_of(user: Any) -> Profile:
    """The person's, saved or not."""
    return Profile.objects.filter(user=user.pk).first() or Profile(user=user)


def keep(request: HttpRequest, user: Any, **changes: str) -> None:
    """Change what the person likes, from this request on in this session, from the next login in others."""
    if changes:
        Profile.objects.update_or_create(user=user, defaults=changes)
    found = profile_of(user)
    names = ("language", "time_zone", "theme")
    request.session[SESSION] = {name: getattr(found, name) for name in names if getattr(found, name)}


def as_the_person_likes(respond: Respond) -> Respond:
    """Middleware: times in the person's zone, words in their language; without a query."""

    def answer(request: HttpRequest) -> HttpResponse:
        likes = request.session.get(SESSION) or {}
        with ExitStack() as stack:
            if likes.get("time_zone"):
                stack.enter_context(timezone.override(zoneinfo.ZoneInfo(likes["time_zone"])))
            if likes.get("language"):
                stack.enter_context(translation.override(likes["language"]))
                request.LANGUAGE_CODE = likes["language"]
            response = respond(request)
        if likes.get("language"):
            response.headers.setdefault("Content-Language", likes["language"])
        return response

    return answer
