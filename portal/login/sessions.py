"""The sessions of a person, and their end."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction

from portal.audit.log import Action, record_person


def living(user: Any) -> list[UserSession]:
    """Those that still work, the one used last first."""
    found = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: (session.last_seen_at, session.pk), reverse=True)


@transaction.atomic
def end(who: Any, user: Any, number: int) -> int:
    """End one session of the person; returns how many that were."""
    found = UserSession.objects.filter(user=user.pk, pk=number)
    return _end(who, user, list(found))


@transaction.atomic
def end_others(request: Any) -> int:
    """End all sessions of the person but the one in which this is asked."""
    found = UserSession.objects.filter(user=request.user.pk).exclude(session_key=request.session.session_key)
    return _end(request, request.user, list(found))


def _end(who: Any, user: Any, found: list[UserSession]) -> int:
    for session in found:
        session.end()
    if found:
        record_person(user, Action.SESSION, who=who, ended=len(found))
    return len(found)
