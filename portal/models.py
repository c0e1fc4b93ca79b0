"""The portal's tables, which stand beside the code that keeps their rules."""

from portal.alerts.deliveries import Delivery
from portal.alerts.incidents import Alert
from portal.alerts.routing import Channel, Digest, Subscription
from portal.alerts.windows import MaintenanceWindow
from portal.api.idempotency import Answered
from portal.jobs import Job, JobLine
from portal.tenants import ManagedCluster, Member, Tenant
from portal.tokens import ApiToken

__all__ = [
    "Alert",
    "Answered",
    "ApiToken",
    "Channel",
    "Delivery",
    "Digest",
    "Job",
    "JobLine",
    "MaintenanceWindow",
    "ManagedCluster",
    "Member",
    "Subscription",
    "Tenant",
]
