"""What a person is called, and where mail for them goes: changed by themselves, seen in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from portal.audit.log import Action, record_person

FIELDS = ("first_name", "last_name", "email")


@transaction.atomic
def rename(who: Any, user: Any) -> None:
    """Save names and e-mail address that the person has given; what is the same as before is no change."""
    before = get_user_model().objects.filter(pk=user.pk).values(*FIELDS).get()
    now = {name: getattr(user, name) for name in FIELDS}
    if now == before:
        return
    user.save(update_fields=FIELDS)
    changed = [name for name in FIELDS if now[name] != before[name]]
    was, after = ([told[name] for name in changed] for told in (before, now))
    record_person(user, Action.ACCOUNT, who=who, was=was, now=after)
