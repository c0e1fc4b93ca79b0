"""What many open pages fetch at the same hint is made once in each web process, and given to all of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.core.cache import cache, caches
from django.utils import timezone, translation
from django.utils.safestring import SafeString, mark_safe
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

LASTS = 2
"""Seconds: what changes without a hint, the age of the last news, may be shown so much later."""

REMEMBERED = 3600


def note_news(replica_id: int) -> None:
    """Something about a cluster changed: what was made before is given to nobody any more."""
    try:
        cache.set(_news_of(replica_id), time.time_ns(), REMEMBERED)
    except RedisError as error:
        logger.warning("could not note that there are news (%s)", error)


def shared(replica_id: int, name: str, make: Callable[[], SafeString]) -> SafeString:
    """A part of a cluster's pages, in the language and time zone of the request.

    `name` says which, and for whom: all else on which the part depends. Without Redis each is made anew.
    """
    try:
        news = cache.get(_news_of(replica_id), 0)
    except RedisError:
        return make()
    zone, language = timezone.get_current_timezone_name(), translation.get_language()
    key = f"part.{replica_id}.{name}.{news}.{language}.{zone}"
    kept = caches["parts"].get(key)
    if kept is None:
        kept = str(make())
        caches["parts"].set(key, kept, LASTS)
    return mark_safe(kept)


def _news_of(replica_id: int) -> str:
    return f"news.{replica_id}"
