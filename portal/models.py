"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.advice import Dismissal
from portal.api.idempotency import Answered
from portal.checks import Check, Finding
from portal.jobs import Job, JobLine
from portal.tenants import ManagedCluster, Member, Tenant
from portal.tokens import ApiToken

__all__ = [
    "Answered",
    "ApiToken",
    "Check",
    "Dismissal",
    "Finding",
    "Job",
    "JobLine",
    "ManagedCluster",
    "Member",
    "Tenant",
]
