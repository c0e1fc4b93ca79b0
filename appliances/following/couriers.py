"""Sends tasks. A courier may be lost, late or come twice: truth is in rows; the sweep needs no message."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task, current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def send(task: Task | str, *arguments: Any, after: float = 0.0) -> bool:
    """Queue a task, `after` so many seconds; False when the broker is away, which the sweep makes up for.

    A task is itself or its name, for rows that stand below the tasks that work on them.
    """
    if isinstance(task, str):
        task = current_app.tasks[task]
    try:
        task.apply_async(arguments, retry=False, countdown=after)
    except (OperationalError, RedisError, OSError, RuntimeError) as error:
        # A RuntimeError is a pool of connections that is closed: this program is ending.
        logger.warning("%s was not queued: %s", task.name, error)
        return False
    return True
