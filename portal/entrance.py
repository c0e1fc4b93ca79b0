"""The door of every process: what it needs is looked over first, and what is lost is one sentence (TRL-29).

`gatefold`, the web server and the worker come through here. Nothing is made in the place of what is lost.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
import redis
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from appliances.links.identity import KeyTrouble
from clusters import sealed_columns
from clusters.kept_files import database_fault
from clusters.sealing import KeyMissing
from portal.settings.environment import BadEnvironment, used

logger = logging.getLogger(__name__)

NEED_ALL = frozenset(
    {"", "adopt", "changepassword", "clearsessions", "createsuperuser", "dumpdata", "rotate_keys"}
    | {"runserver", "shell", "verify_audit"}
)
"""Commands of `gatefold portal` that work with the portal's rows; without a name, a server."""

MAKE_TABLES = frozenset({"demo", "migrate"})
"""Commands of `gatefold portal` that may find a database without tables, or with those of another release."""

REDIS_PATIENCE = 2.0
"""Seconds to wait for a Redis before a server says that it is away."""


class Unready(Exception):
    """A part of the portal that is lost or away; the message names it and says what to do."""


@contextmanager
def explained() -> Iterator[None]:
    """Ends the process with one sentence and 1 where something that it needs is lost, damaged or away."""
    try:
        yield
    except (BadEnvironment, KeyMissing, KeyTrouble, Unready) as error:
        sys.exit(str(error))
    except redis.RedisError as error:
        sys.exit(_redis_away(error))
    except (DatabaseError, InterfaceError) as error:
        # What else is derived from DatabaseError, such as a broken rule of a table, is a mistake of ours.
        if type(error) is not DatabaseError and not isinstance(error, OperationalError | InterfaceError):
            raise
        sys.exit(_database_away(error))


def look_over(command: str = "") -> None:
    """See that database and keys are there and belong together.

    `command` is one of `gatefold portal`, none for a server.
    Raises BadEnvironment, Unready, KeyMissing, KeyTrouble and DatabaseError.
    """
    if command not in NEED_ALL | MAKE_TABLES:
        return
    django.setup()
    _require_file(command)
    missing = _missing_migrations()
    if missing and command in NEED_ALL:
        raise Unready(
            f"The database {database_name()} lacks {missing} migrations of this release: back it up and run"
            " `gatefold portal migrate`, or restore a backup where it has lost what it held"
        )
    if not missing:
        _require_keys()


def look_over_server() -> None:
    """The same for a web server or a worker, which also need a Redis; one that is away is logged."""
    look_over()
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=REDIS_PATIENCE).ping()
    except redis.RedisError as error:
        # No reason to end: it may start after us, and whoever is logged in can go on.
        logger.error("%s; this process goes on and tries again by itself", _redis_away(error))


def require_static_files() -> None:
    """See that the list of the collected files can be read. Raises Unready."""
    try:
        staticfiles_storage.url("gatefold/base.css")
    except ValueError as error:
        raise Unready(
            f"{settings.STATIC_ROOT} does not hold the files of this release ({error}): run"
            " `gatefold portal collectstatic`"
        ) from None


def database_name() -> str:
    """Which database it is, without user and passphrase."""
    told = connection.settings_dict
    place = ":".join(str(told[part]) for part in ("HOST", "PORT") if told.get(part))
    return f"{told['NAME']} at {place}" if place else str(told["NAME"])


def _require_file(command: str) -> None:
    if connection.vendor != "sqlite":
        return
    file = Path(connection.settings_dict["NAME"])
    why = database_fault(file)
    new = not used(settings.GATEFOLD_PORTAL_HOME) and why in ("is missing", "is empty", "holds nothing")
    if why and not new:
        raise Unready(
            f"{file} {why}. It holds the portal's people, clusters and history: restore it from a backup."
            f" Only to begin anew, without them, move {settings.GATEFOLD_PORTAL_HOME} away and run"
            " `gatefold portal migrate`"
        )
    if new and command not in MAKE_TABLES:
        raise Unready(f"{file} {why}, as before the first start: run `gatefold portal migrate`")


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _require_keys() -> None:
    from appliances.following import identity  # its rows are known only after `django.setup`

    sealed_columns.require_keys()
    identity.require_known()


def _database_away(error: Exception) -> str:
    said = " ".join(str(error).split())
    return (
        f"The database {database_name()} cannot be used ({said}): start it or mend GATEFOLD_DATABASE_URL,"
        " look at its disk, or restore a backup of it"
    )


def _redis_away(error: Exception) -> str:
    parts = urlsplit(settings.REDIS_URL)
    place = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
    return f"Redis at {place} does not answer ({error}): start it, or mend GATEFOLD_REDIS_URL"
