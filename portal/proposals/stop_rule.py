"""The stop rule: what a machine that tries a change must show, and what speaks against going on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliances.following.freshness import STALE_AFTER, Enforcement, Seen
from appliances.following.samples import gained
from appliances.machine.status import TrafficCounts
from appliances.models import Connection
from clusters.phrases import Text
from clusters.phrases import phrase as _

FEW = 20
"""A share of fewer messages says nothing."""


class Canary(BaseModel):
    """Who tries a change first, for how long, and when it is stopped.

    `machines` are serial numbers; where there are none, `per_group` machines of each group that it reaches.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    machines: tuple[str, ...] = Field(default=(), max_length=1000)
    per_group: int = Field(default=1, ge=1, le=100)
    minutes: int = Field(default=10, ge=0, le=1440)
    enforce_within: int = Field(default=180, ge=10, le=3600)
    queue_growth: int = Field(default=500, ge=1, le=1_000_000)
    deferred_share: int = Field(default=50, ge=1, le=100)
    bounced_share: int = Field(default=20, ge=1, le=100)
    rejected_rise: int = Field(default=30, ge=1, le=100)


class Health(StrEnum):
    """How a machine that tries a change is."""

    HEALTHY = "healthy"
    WAITING = "waiting"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one machine, and why; `reason` is empty for a healthy one."""

    health: Health
    reason: Text = ""


def baseline(seen: Seen) -> dict[str, Any]:
    """What is remembered of a machine from before the try."""
    traffic = _traffic(seen.status.report).model_dump()
    return {"queue": seen.status.queue or 0, "deferred": _deferred(seen), "traffic": traffic}


def _traffic(report: Mapping[str, Any]) -> TrafficCounts:
    try:
        return TrafficCounts.model_validate(report.get("traffic", {}))
    except ValidationError:
        return TrafficCounts()


def _deferred(seen: Seen) -> int:
    found = seen.status.report.get("queue", {}).get("deferred", 0)
    return found if isinstance(found, int) else 0


def judge(
    seen: Seen | None, before: Mapping[str, Any], rule: Canary, began: datetime, now: datetime
) -> Verdict:
    """How a machine does that tries a change since `began`."""
    trouble = _("It is no member any more.") if seen is None else _trouble(seen, before, rule)
    if trouble or seen is None:
        return Verdict(Health.BAD, trouble)
    return _enforcing(seen, rule, began, now)


def _trouble(seen: Seen, before: Mapping[str, Any], rule: Canary) -> Text:
    if seen.status.error:
        return _("It reports: %(error)s") % {"error": seen.status.error}
    if seen.connection is Connection.DOWN:
        return _("It is down: %(reason)s") % {"reason": seen.reason}
    if seen.connection is Connection.DISCONNECTED:
        return _("Somebody has disconnected it.")
    return _queue_trouble(seen, before, rule)


def _queue_trouble(seen: Seen, before: Mapping[str, Any], rule: Canary) -> Text:
    total, deferred = seen.status.queue or 0, _deferred(seen)
    grown = total - before.get("queue", 0)
    if grown > rule.queue_growth:
        text = _("Its queue has grown by %(grown)d messages; %(most)d are allowed.")
        return text % {"grown": grown, "most": rule.queue_growth}
    more = deferred > before.get("deferred", 0)
    if more and total >= FEW and deferred * 100 > rule.deferred_share * total:
        text = _("%(share)d %% of its queue are deferred; %(most)d %% are allowed.")
        return text % {"share": deferred * 100 // total, "most": rule.deferred_share}
    return _traffic_trouble(seen, before, rule)


def _traffic_trouble(seen: Seen, before: Mapping[str, Any], rule: Canary) -> Text:
    """What became of mail since the try began: more comes back, or far more is turned away than before."""
    then = _traffic(before)
    counts = gained(then, _traffic(seen.status.report))
    back = counts["bounced"] + counts["expired"]
    ended = back + counts["delivered"]
    if ended >= FEW and back * 100 > rule.bounced_share * ended:
        text = _("%(share)d %% of its recipients bounced since; %(most)d %% are allowed.")
        return text % {"share": back * 100 // ended, "most": rule.bounced_share}
    handed_in = counts["accepted"] + counts["rejected"]
    usual = then.rejected * 100 // max(then.accepted + then.rejected, 1)
    share = counts["rejected"] * 100 // max(handed_in, 1)
    if handed_in >= FEW and share > usual + rule.rejected_rise:
        text = _("It rejects %(share)d %% of what comes in; before it was %(usual)d %%.")
        return text % {"share": share, "usual": usual}
    return ""


def _enforcing(seen: Seen, rule: Canary, began: datetime, now: datetime) -> Verdict:
    limit = timedelta(seconds=rule.enforce_within)
    # The portal has looked at it, and it has said something: the older is the age of the news.
    heard = min(seen.status.checked or began, seen.status.heard or began)
    if seen.connection is Connection.UNKNOWN or seen.enforcement is Enforcement.LAST_HEARD:
        if now - max(heard, began) > limit + STALE_AFTER:
            return Verdict(Health.BAD, _("There has been no news of it for too long."))
        return Verdict(Health.WAITING, _("There is no fresh news of it."))
    if seen.enforcement is Enforcement.ENFORCED:
        return Verdict(Health.HEALTHY)
    since = max(began, seen.status.wanted_since or began)
    if now - since > limit:
        text = _("It has not enforced the settings within %(limit)d seconds.")
        return Verdict(Health.BAD, text % {"limit": rule.enforce_within})
    return Verdict(Health.WAITING, _("It is applying the settings."))
