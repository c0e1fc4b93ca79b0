"""Hints to browsers: that something changed, never what. The page fetches what it may see by itself."""

from __future__ import annotations

import logging
from typing import Literal

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

About = Literal["status", "settings", "jobs", "answers", "alerts", "access"]


def group_of(replica_id: int) -> str:
    """The channel group of everybody who follows a cluster."""
    return f"cluster.{replica_id}"


def jobs_of(tenant_id: int) -> str:
    """The channel group of everybody of a tenant: its jobs and alerts."""
    return f"jobs.{tenant_id}"


def person_of(user_id: int) -> str:
    """The channel group of all open pages of a person."""
    return f"person.{user_id}"


def hint(group: str, about: About, cluster: str = "") -> None:
    """Tell browsers to look again. Losing a hint costs seconds: pages also look by themselves."""
    send_to(group, {"type": "hint", "about": about, "cluster": cluster})


def send_to(group: str, message: dict[str, str]) -> None:
    """Give the sockets of a group a message of the channel layer, whose `type` names their method."""
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(group, message)
    except Exception as error:  # whatever a broker that is away raises must not undo what just happened
        logger.warning("no hint sent (%s)", error)
