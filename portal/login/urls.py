"""Addresses of one's own account that django-allauth serves; those of signing up are left out."""

from allauth.account import views as account
from django.db import transaction
from django.urls import URLPattern, URLResolver, include, path

from portal.login.keys import RemoveKey

urlpatterns = [
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("passphrase/change/", account.password_change, name="account_change_password"),
    path("passphrase/set/", account.password_set, name="account_set_password"),
    path("2fa/webauthn/keys/<int:pk>/remove/", RemoveKey.as_view(), name="mfa_remove_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
    path("providers/", include("allauth.socialaccount.urls")),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
]


def _in_one_transaction(entries: list[URLPattern | URLResolver]) -> None:
    """A factor or a passphrase changes together with its row in the audit log, or not at all (TRL-25)."""
    for entry in entries:
        if isinstance(entry, URLPattern):
            entry.callback = transaction.atomic(entry.callback)
        else:
            _in_one_transaction(entry.url_patterns)


_in_one_transaction(urlpatterns)
