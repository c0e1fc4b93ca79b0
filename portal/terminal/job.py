"""The job "Terminal of a machine": `portal.terminal` holds it for as long as the page is open."""

from django.utils.translation import gettext_lazy as _

from portal.jobs.kinds import Kind

KIND = Kind("terminal", _("Terminal of a machine"), may_retry=False)
