"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.api.idempotency import Answered
from portal.audit.log import AuditChain, AuditRow
from portal.checks.rows import Check, Finding
from portal.config_files.backups import Backup
from portal.config_files.uploads import Upload
from portal.jobs.rows import Job, JobLine, JobPart
from portal.lint.advice import Dismissal
from portal.login.display import Profile
from portal.people.invitations import Invitation
from portal.people.tokens import ApiToken
from portal.proposals.policy import CommitPolicy
from portal.proposals.proposal import Proposal, ProposalLine
from portal.tenants import ClusterRole, ManagedCluster, Member, Tenant

__all__ = [
    "Alert",
    "Answered",
    "ApiToken",
    "AuditChain",
    "AuditRow",
    "Backup",
    "Channel",
    "Check",
    "ClusterRole",
    "CommitPolicy",
    "Delivery",
    "Digest",
    "Dismissal",
    "Finding",
    "Invitation",
    "Job",
    "JobLine",
    "JobPart",
    "MaintenanceWindow",
    "ManagedCluster",
    "Member",
    "Profile",
    "Proposal",
    "ProposalLine",
    "Subscription",
    "Tenant",
    "Upload",
]
