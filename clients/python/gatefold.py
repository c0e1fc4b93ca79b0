"""A client of Gatefold's API for scripts: one file, nothing beside Python's own library.

    from gatefold import Portal

    portal = Portal("https://portal.example", token="gatefold_...")
    europe = portal.cluster("europe")
    routes = europe.settings("cluster", "smtproutes")
    europe.write("cluster", "smtproutes", {"routes": [...]}, version=routes["version"])
    europe.commit("change 4711", key="change-4711")

Answers are dictionaries as `/api/v1/docs/` describes them. Lists are iterators that fetch page after page.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
OVER = frozenset({"done", "failed", "cancelled"})


class ApiError(Exception):
    """The portal did not do it; `detail` says why, `problems` name fields, `clashes` what others changed."""

    def __init__(self, status: int, body: Any) -> None:
        told = body if isinstance(body, dict) else {}
        self.status = status
        self.detail = str(told.get("detail", f"answer {status}"))
        self.problems: list[Row] = told.get("problems", [])
        self.clashes: list[Row] = told.get("clashes", [])
        super().__init__(self.detail)


class NotAllowed(ApiError):
    """401 or 403: log in, or your role or token does not allow it."""


class NotFound(ApiError):
    """404: there is no such thing, or it is not yours."""


class Conflict(ApiError):
    """409: somebody else changed it, it wants `agreed`, or its state or policy does not let it."""


class Refused(ApiError):
    """400 or 422: what was sent does not make sense."""


class Unreachable(ApiError):
    """The portal did not answer, or failed itself; the same call with the same key may be sent again."""


KINDS = {400: Refused, 401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: Conflict, 422: Refused}


class JobUnfinished(Exception):
    """A job was not over in time; it goes on."""


@dataclass(frozen=True)
class Portal:
    """A portal and the token with which it is asked."""

    url: str
    token: str
    timeout: float = 30.0

    def call(self, method: str, path: str, body: Any = None, *, key: str = "", **query: Any) -> Any:
        """One call below `/api/v1/`; its answer, None for an empty one. Raises ApiError."""
        asked = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
        address = f"{self.url.rstrip('/')}/api/v1/{path}" + (f"?{asked}" if asked else "")
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise KINDS.get(error.code, Unreachable)(error.code, _json(error.read())) from None
        except OSError as error:
            raise Unreachable(0, {"detail": str(error)}) from None
        return json.loads(text) if text else None

    def pages(self, path: str, **query: Any) -> Iterator[Row]:
        """The rows of a list, page after page."""
        number = 1
        while True:
            found = self.call("GET", path, page=number, **query)
            yield from found["results"]
            if not found["next"]:
                return
            number += 1

    def clusters(self, tenant: str | None = None) -> Iterator[Row]:
        """Your clusters."""
        return self.pages("clusters/", tenant=tenant)

    def cluster(self, slug: str) -> Cluster:
        """One of them; asks nothing yet."""
        return Cluster(self, slug)

    def search(self, text: str) -> Row:
        """Machines, groups, features, values and commits with the text in them."""
        return dict(self.call("GET", "search/", q=text))

    def alerts(self, **wanted: str) -> Iterator[Row]:
        """Alerts; `state`, `minimum`, `kind`, `machine` and `cluster` narrow them."""
        return self.pages("alerts/", **wanted)

    def acknowledge(self, alert: int, note: str = "", *, key: str = "") -> Row:
        """Take care of an alert."""
        return dict(self.call("POST", f"alerts/{alert}/acknowledge/", {"note": note}, key=key or new_key()))

    def jobs(self, **wanted: str) -> Iterator[Row]:
        """Jobs; `cluster`, `kind`, `state`, `user` and `machine` narrow them."""
        return self.pages("jobs/", **wanted)

    def job(self, number: int) -> Row:
        """One job with its machines and its log."""
        return dict(self.call("GET", f"jobs/{number}/"))

    def wait(self, number: int, *, patience: float = 300.0, every: float = 1.0) -> Row:
        """The job once it is over. Raises JobUnfinished."""
        end = time.monotonic() + patience
        while (found := self.job(number))["state"] not in OVER:
            if time.monotonic() > end:
                raise JobUnfinished(f"job {number} is still {found['state']} after {patience:g} s")
            time.sleep(every)
        return found


@dataclass(frozen=True)
class Cluster:
    """One cluster. A mode is `cluster`, `group/<id>` or `machine/<serial>`."""

    portal: Portal
    slug: str

    def _call(self, method: str, path: str, body: Any = None, *, key: str = "", **query: Any) -> Any:
        return self.portal.call(method, f"clusters/{self.slug}/{path}", body, key=key, **query)

    def _pages(self, path: str, **wanted: str) -> Iterator[Row]:
        return self.portal.pages(f"clusters/{self.slug}/{path}", **wanted)

    def about(self) -> Row:
        """The cluster itself."""
        return dict(self._call("GET", ""))

    def modes(self, **wanted: str) -> Iterator[Row]:
        """The cluster, its groups and its machines, with the mode of each; `q` and `level` narrow them."""
        return self._pages("modes/", **wanted)

    def machines(self, **wanted: str) -> Iterator[Row]:
        """Machines as they were heard last; `q`, `group`, `connection` and `enforcement` narrow them."""
        return self._pages("machines/", **wanted)

    def settings(self, mode: str, feature: str, at: str | None = None) -> Row:
        """Value, origin, story and `version` of a feature at a mode, also as it was `at` a moment."""
        return dict(self._call("GET", f"{mode}/settings/{feature}/", at=at))

    def write(self, mode: str, feature: str, value: Row, *, version: str | None = None) -> Row:
        """Make a value pending. With the `version` that you have seen, a later one raises Conflict."""
        body: Row = {"value": value} if version is None else {"value": value, "version": version}
        return dict(self._call("PUT", f"{mode}/settings/{feature}/", body))

    def delete(self, mode: str, feature: str, *, version: str | None = None) -> Row:
        """Make pending that the mode inherits the feature again."""
        return dict(self._call("DELETE", f"{mode}/settings/{feature}/", version=version))

    def pending(self) -> Row:
        """What you have changed and not committed, with its impact on each machine."""
        return dict(self._call("GET", "pending/"))

    def discard(self) -> None:
        """Forget all of it."""
        self._call("DELETE", "pending/")

    def commit(self, comment: str = "", *, key: str = "", **wish: Any) -> Row:
        """Commit what is pending; a proposal comes back where the policy, or your wish, wants one."""
        body = {"comment": comment, **wish}
        return dict(self._call("POST", "commits/", body, key=key or new_key()))

    def history(self, **wanted: str) -> Iterator[Row]:
        """The commits, the latest first; `text`, `user`, `mode` and `feature` narrow them."""
        return self._pages("commits/", **wanted)

    def revert(self, origin: str, number: int, *, key: str = "") -> Row:
        """Make pending what takes the commit back that has this origin and number."""
        return dict(self._call("POST", f"commits/{origin}/{number}/revert/", {}, key=key or new_key()))

    def proposals(self, **wanted: str) -> Iterator[Row]:
        """Proposals, the latest first; `state` and `user` narrow them."""
        return self._pages("proposals/", **wanted)

    def decide(self, proposal: int, do: str, comment: str = "", *, key: str = "") -> Row:
        """Do one of what the proposal offers, such as `approve`."""
        body = {"do": do, "comment": comment}
        return dict(self._call("POST", f"proposals/{proposal}/", body, key=key or new_key()))

    def synchronise(self, *, key: str = "") -> Row:
        """Start the job that compares and completes all machines."""
        return dict(self._call("POST", "synchronise/", {}, key=key or new_key()))


def new_key() -> str:
    """A key of its own for each call: a call that is repeated by the network happens once."""
    return str(uuid.uuid4())


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
