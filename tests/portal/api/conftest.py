"""Calls of the API by Alice, Bob, Charlie, and by scripts with tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from portal.people.tokens import issue
from tests.portal.conftest import Call

__all__ = ["Call", "script"]


@pytest.fixture
def script() -> Callable[..., APIClient]:
    """A client with a token: `script(alice)` only reads, `script(alice, read_only=False)` writes."""

    def client(user: User, **token: Any) -> APIClient:
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {issue(user, 'script', **token)[1]}")
        return made

    return client
