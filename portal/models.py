"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.api.idempotency import Answered
from portal.jobs import Job, JobLine
from portal.proposals.policy import CommitPolicy
from portal.proposals.proposal import Proposal, ProposalLine
from portal.tenants import ManagedCluster, Member, Tenant
from portal.tokens import ApiToken

__all__ = [
    "Answered",
    "ApiToken",
    "CommitPolicy",
    "Job",
    "JobLine",
    "ManagedCluster",
    "Member",
    "Proposal",
    "ProposalLine",
    "Tenant",
]
