"""What logins and second factors tell: to the audit log, to the session, to open sockets."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import password_changed, password_set
from allauth.mfa import signals as mfa
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_delete, post_save

from portal.audit.log import Action, Outcome, record, record_person
from portal.login import display, policy
from portal.socket_access import changed_for

METHODS = {"password": "passphrase", "socialaccount": "provider"}


def connect() -> None:
    """Listen."""
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)
    user_login_failed.connect(_login_failed)
    for passphrase in (password_changed, password_set):
        passphrase.connect(_passphrase_changed)
    for signal, change in (
        (mfa.authenticator_added, "added"),
        (mfa.authenticator_removed, "removed"),
        (mfa.authenticator_reset, "made anew"),
    ):
        signal.connect(_second_factor_changed(change), weak=False)
    mfa.authentication_failed.connect(_second_factor_failed)
    post_save.connect(_raw_edit, sender=LogEntry)
    post_delete.connect(_session_ended, sender=UserSession)


def _logged_in(sender: Any, request: Any, user: Any, **more: Any) -> None:
    display.keep(request, user)
    policy.check(request, user)
    records = get_authentication_records(request, user)
    methods = [str(each.get("type") or METHODS.get(each["method"], each["method"])) for each in records]
    record_person(user, Action.LOGIN, by=methods)


def _logged_out(sender: Any, user: Any, **more: Any) -> None:
    if user is not None:
        record_person(user, Action.LOGOUT)


def _login_failed(sender: Any, credentials: dict[str, Any], **more: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    known = get_user_model().objects.filter(username=name).first()
    if known is not None:
        record_person(known, Action.LOGIN_FAILED, outcome=Outcome.REFUSED)
    else:
        record(name, Action.LOGIN_FAILED, name, outcome=Outcome.REFUSED)


def _passphrase_changed(sender: Any, user: Any, **more: Any) -> None:
    record_person(user, Action.PASSPHRASE)


def _second_factor_changed(change: str) -> Any:
    def changed(sender: Any, user: Any, authenticator: Any, **more: Any) -> None:
        record_person(user, Action.SECOND_FACTOR, change=change, kind=authenticator.type)

    return changed


def _second_factor_failed(sender: Any, user: Any, **more: Any) -> None:
    record_person(user, Action.SECOND_FACTOR_FAILED, outcome=Outcome.REFUSED)


def _raw_edit(sender: Any, instance: LogEntry, **more: Any) -> None:
    change = {ADDITION: "added", DELETION: "deleted"}.get(instance.action_flag, "changed")
    table = str(instance.content_type and instance.content_type.model)
    facts: dict[str, Any] = {"table": table, "row": instance.object_id, "change": change}
    record(instance.user, Action.RAW_EDIT, instance.object_repr, **facts)


def _session_ended(sender: Any, instance: UserSession, **more: Any) -> None:
    changed_for(instance.user_id)
