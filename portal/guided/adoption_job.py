"""The job "Adopt a cluster": `portal.guided.adoption` does it while the person waits with the passphrase."""

from django.utils.translation import gettext_lazy as _

from portal.jobs.kinds import Kind

KIND = Kind("adopt", _("Adopt a cluster"), may_retry=False)
