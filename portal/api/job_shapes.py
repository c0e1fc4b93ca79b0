"""The shapes of a job with its machines and its log, and of the background work around it."""

from __future__ import annotations

from rest_framework import serializers

from portal.api.shapes import JobShape, Shape


class JobPartShape(Shape):
    """What a job does to one machine."""

    serial = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    step = serializers.CharField()
    percent = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()


class JobLineShape(Shape):
    """A line of a job's log."""

    at = serializers.DateTimeField()
    text = serializers.CharField()


class JobDetailShape(JobShape):
    """A job with its machines, in their order, and the end of its log."""

    may_retry = serializers.BooleanField(help_text="Whether it can be started again, or resumed.")
    parts = JobPartShape(many=True)
    lines = JobLineShape(many=True, source="last_lines", help_text="The last 500 at most.")


class SkipInput(Shape):
    """Which machine a job leaves out."""

    machine = serializers.CharField(max_length=64)


class WorkerShape(Shape):
    """A process that does background work."""

    name = serializers.CharField()
    alive = serializers.BooleanField()
    seen = serializers.DateTimeField()
    started = serializers.DateTimeField()


class ScheduledShape(Shape):
    """A task of the schedule."""

    name = serializers.CharField()
    every = serializers.FloatField(help_text="Seconds.")
    last = serializers.DateTimeField(allow_null=True)
    next = serializers.DateTimeField(allow_null=True)
    state = serializers.CharField(help_text="`on time`, `late` or `failed`.")


class BackgroundShape(Shape):
    """Who does the work, what runs by the clock, and how much waits."""

    alive = serializers.BooleanField(help_text="Whether any worker is.")
    waiting = serializers.IntegerField(allow_null=True, help_text="In the broker; null: it is away.")
    oldest = serializers.DateTimeField(allow_null=True, help_text="Of your jobs that wait for a worker.")
    workers = WorkerShape(many=True)
    schedule = ScheduledShape(many=True)
