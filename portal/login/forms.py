"""The form of the login."""

from __future__ import annotations

from typing import Any

from allauth.account import forms


class LoginForm(forms.LoginForm):
    """allauth's; its first field is called what browsers and password stores call it."""

    def add_prefix(self, field_name: str) -> Any:
        return "username" if field_name == "login" else super().add_prefix(field_name)
