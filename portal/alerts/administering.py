"""The tenants whose notifications a person keeps; a test of a channel."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied

from portal.tenants import Right, tenants_with


def administered(person: Any) -> Any:
    """The tenants whose notifications the person keeps; raises PermissionDenied when there are none."""
    found = tenants_with(person, Right.ADMINISTER)
    if not found.exists():
        raise PermissionDenied
    return found
