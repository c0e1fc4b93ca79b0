"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.jobs import Job, JobLine
from portal.tenants import ManagedCluster, Member, Tenant

__all__ = ["Job", "JobLine", "ManagedCluster", "Member", "Tenant"]
