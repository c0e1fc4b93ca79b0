"""What machines and workers said, to look at: writing here would be lying."""

from __future__ import annotations

from django.contrib import admin

from appliances.models import (
    Applied,
    Fork,
    LinkStatus,
    MachineSample,
    MachineStatus,
    Question,
    TaskRun,
    Worker,
)
from clusters.raw_edits import NeverWritten


class Heard(NeverWritten, admin.ModelAdmin):
    """Rows that only machines and workers write. Deleting one forgets it until it is heard again."""


@admin.register(MachineStatus)
class MachineStatusAdmin(Heard):
    list_display = (
        "name",
        "serial",
        "replica",
        "connection",
        "since",
        "wanted",
        "enforced",
        "queue",
        "heard",
    )
    list_filter = ("connection", "replica")
    list_select_related = ("replica",)
    search_fields = ("name", "serial")


@admin.register(LinkStatus)
class LinkStatusAdmin(Heard):
    list_display = ("observer", "peer", "replica", "state", "since", "reason")
    list_filter = ("state", "replica")
    list_select_related = ("replica",)


@admin.register(MachineSample)
class MachineSampleAdmin(Heard):
    list_display = ("serial", "replica", "at", "queue", "accepted", "rejected", "delivered", "bounced")
    list_filter = ("replica",)
    list_select_related = ("replica",)
    search_fields = ("serial",)


@admin.register(Applied)
class AppliedAdmin(Heard):
    list_display = ("serial", "replica", "at", "enforced", "generation", "error")
    list_filter = ("replica",)
    list_select_related = ("replica",)
    search_fields = ("serial", "enforced")


@admin.register(Fork)
class ForkAdmin(Heard):
    list_display = ("replica", "found", "origin", "fresh", "number", "commits")
    list_filter = ("replica",)
    list_select_related = ("replica",)


@admin.register(Worker)
class WorkerAdmin(Heard):
    list_display = ("name", "links", "seen", "started")


@admin.register(TaskRun)
class TaskRunAdmin(Heard):
    list_display = ("name", "started", "finished", "error")


@admin.register(Question)
class QuestionAdmin(Heard):
    list_display = ("__str__", "replica", "user", "asked", "answered", "error")
    list_filter = ("replica",)
    list_select_related = ("replica",)
