"""Why a configuration file is not taken. Nothing has been loaded when one is raised."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clusters.refusals import Refused


class BadFile(Refused):
    """What is wrong, and in which line (LOAD-09); 0 where no line is meant."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        text = _("Line %(line)d: %(reason)s.") if line else _("This file is not taken: %(reason)s.")
        super().__init__(text % {"line": line, "reason": reason})


class MaskedSecret(BadFile):
    """A secret that was masked when the file was saved cannot be loaded (LOAD-10)."""

    def __init__(self, line: int, name: str) -> None:
        reason = _('"%(name)s" is masked: save the file with encrypted secrets to load it') % {"name": name}
        super().__init__(line, reason)


class WrongPassphrase(Refused):
    """The passphrase does not open the file."""


class TooLong(Refused):
    """A configuration that makes a longer file than is ever loaded: it is not saved either."""


class NotForClusters(Refused):
    """A standalone machine's file does not fit into a cluster, nor the other way round (LOAD-02)."""
