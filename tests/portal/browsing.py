"""A person before a running portal: forms and the API over HTTP, without a rendering engine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import requests

from tests.portal.installation import Installation

PATIENCE = 90.0


def wait_for(fact: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """What a fact is once it holds."""
    end = time.monotonic() + patience
    while not (found := fact()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return found


class Browser:
    """Alice, logged in."""

    def __init__(self, portal: Installation) -> None:
        self.session = requests.Session()
        self.url = portal.url
        self.session.get(f"{self.url}/login/")
        told = {"username": "alice", "password": "correct horse battery"}
        assert self.post("/login/", told).status_code == 200

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=30)

    def json(self, path: str) -> Any:
        return self.get(f"/api/v1{path}").json()

    def post(self, path: str, told: dict[str, Any]) -> requests.Response:
        body = {**told, "csrfmiddlewaretoken": self.session.cookies.get("csrftoken")}
        return self.session.post(self.url + path, body, headers={"Referer": self.url}, timeout=30)

    def job(self, answer: requests.Response, patience: float = PATIENCE) -> dict[str, Any]:
        """The job to which an answer has led, once it is over."""
        return self.ended(number_of(answer), patience)

    def ended(self, number: int, patience: float = PATIENCE) -> dict[str, Any]:
        """A job once it is over."""

        def over() -> dict[str, Any] | None:
            found: dict[str, Any] = self.json(f"/jobs/{number}/")
            return found if found["state"] in ("done", "failed", "cancelled") else None

        found: dict[str, Any] = wait_for(over, f"job {number} ends", patience)
        return found


def number_of(answer: requests.Response) -> int:
    """The job on whose page an answer has ended."""
    found = re.search(r"/jobs/(\d+)/", answer.url)
    assert found, answer.text
    return int(found[1])
