"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.api.idempotency import Answered
from portal.config_files.backups import Backup
from portal.config_files.uploads import Upload
from portal.jobs import Job, JobLine
from portal.tenants import ManagedCluster, Member, Tenant
from portal.tokens import ApiToken

__all__ = [
    "Answered",
    "ApiToken",
    "Backup",
    "Job",
    "JobLine",
    "ManagedCluster",
    "Member",
    "Tenant",
    "Upload",
]
