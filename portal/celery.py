"""The Celery application: couriers of the portal's background work. The schedule is code.

Start: `celery -A portal.celery worker -B --pool threads`; one process holds the links of its clusters.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init
from django.conf import settings

from portal import entrance

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.portal")

with entrance.explained():
    settings.INSTALLED_APPS  # noqa: B018 - the first look at one reads them, and Celery's would end in a trace

app = Celery("gatefold")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_default_queue="gatefold",
    worker_pool="threads",
    worker_concurrency=8,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    # Else the clock's last sentence, why it cannot start, would go to a log that shows nothing of it.
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
    # Whoever commits must not wait for a broker that is away: the sweep makes up for a lost courier.
    broker_transport_options={
        "visibility_timeout": 600,
        "socket_connect_timeout": 2,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    },
    timezone="UTC",
    beat_schedule={
        "sweep": {"task": "appliances.tasks.sweep", "schedule": 60.0, "options": {"expires": 55}},
        "jobs": {"task": "portal.tasks.sweep_jobs", "schedule": 60.0, "options": {"expires": 55}},
        "check": {"task": "portal.tasks.check_clusters", "schedule": 3600.0, "options": {"expires": 3000}},
        "proposals": {"task": "portal.tasks.sweep_proposals", "schedule": 15.0, "options": {"expires": 14}},
        "backups": {"task": "portal.tasks.back_up", "schedule": 60.0, "options": {"expires": 55}},
        "alerts": {"task": "portal.alerts.tasks.sweep", "schedule": 60.0, "options": {"expires": 55}},
        "visit": {"task": "appliances.tasks.visit", "schedule": 60.0, "options": {"expires": 55}},
        "ping": {"task": "appliances.tasks.ping", "schedule": 60.0, "options": {"expires": 55}},
    },
)
app.autodiscover_tasks()
app.autodiscover_tasks(["portal.alerts"])


@celeryd_init.connect
@beat_init.connect
def _look_over(**_kwargs: Any) -> None:
    with entrance.explained():
        entrance.look_over_server()
