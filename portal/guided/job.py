"""The job "Cluster administration": `portal.guided` does it while the person waits with the passphrase."""

from django.utils.translation import gettext_lazy as _

from portal.jobs.kinds import Kind

KIND = Kind("guided", _("Cluster administration"), may_retry=False, operates=True)
