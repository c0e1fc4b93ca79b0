"""Who is logged in at this machine's command line, and who was since the program began."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from appliances.machine.status import now

MOST = 500


@dataclass(frozen=True)
class Login:
    """A session of a person; times in ms since 1970 UTC, `until` is None while it lasts.

    `door`: the own address and port through which it came.
    """

    user: str
    address: str
    since: int
    until: int | None = None
    door: tuple[str, int] = ("", 0)


class Sessions:
    """The sessions of this machine; used on its event loop and read from threads."""

    def __init__(self) -> None:
        self._present: list[Login] = []
        self._past: deque[Login] = deque(maxlen=MOST)
        self._watching: list[Callable[[], None]] = []

    @contextmanager
    def one(self, user: str, address: str, door: tuple[str, int] = ("", 0)) -> Iterator[None]:
        """Counts a session while it lasts."""
        login = Login(user, address, now(), door=door)
        self._present.append(login)
        try:
            yield
        finally:
            self._present.remove(login)
            self._past.append(replace(login, until=now()))

    @contextmanager
    def watching(self, look: Callable[[], None]) -> Iterator[None]:
        """Calls `look` on the event loop after each change of the cluster, while the session lasts."""
        self._watching.append(look)
        try:
            yield
        finally:
            self._watching.remove(look)

    def followed(self) -> None:
        """The machine has followed a change of the cluster; its sessions may stand on other ground."""
        for look in list(self._watching):
            look()

    def present(self) -> list[Login]:
        """Who is there now."""
        return list(self._present)

    def beside(self, user: str) -> list[Login]:
        """Who is there now beside one session of that user (JN-22)."""
        present = self.present()
        own = next((login for login in present if login.user == user), None)
        return [login for login in present if login is not own]

    def all(self) -> list[Login]:
        """Everybody, the latest first."""
        return sorted([*self._present, *self._past], key=lambda login: -login.since)
