"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.api.idempotency import Answered
from portal.jobs import Job, JobLine, JobPart
from portal.tenants import ManagedCluster, Member, Tenant
from portal.tokens import ApiToken

__all__ = ["Answered", "ApiToken", "Job", "JobLine", "JobPart", "ManagedCluster", "Member", "Tenant"]
