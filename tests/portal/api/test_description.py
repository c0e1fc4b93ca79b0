"""The API is tried by its own description: no failure of the server, no answer that is not described."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.people.tokens import issue
from portal.tenants import ManagedCluster

CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
REAL = {"slug": "europe", "mode": "cluster", "feature": "smtproutes"}
"""What half of the calls put into the address, so that they get beyond it."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_answers_are_as_described(europe: ManagedCluster, alice: User) -> None:
    headers = {"Authorization": f"Bearer {issue(alice, 'script', read_only=False)[1]}"}
    described: Any = schemathesis.openapi.from_wsgi(
        "/api/v1/schema/?format=json", get_wsgi_application(), headers=headers
    )
    tried = 0
    for found in described.get_all_operations():
        operation = found.ok()
        # Its tokens are made in a browser only, and it must not end the one that is used here.
        if "/tokens/" not in operation.path:
            _try(operation, headers)
            tried += 1
    assert tried > 20


def _try(operation: Any, headers: dict[str, str]) -> None:
    @seed(1)
    @settings(
        max_examples=10, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        for real in (False, True):
            if real:
                named = case.path_parameters or {}
                case.path_parameters = {name: REAL.get(name, value) for name, value in named.items()}
            case.call_and_validate(headers=headers, checks=CHECKS)

    check()
