"""Everything that can go wrong with a link; each message says what to do.

LinkError
├── Unreachable            nothing answers at that address and port
├── Silent                 something takes the connection and says nothing, or stops answering
├── WrongService           something answers, but not the service that is wanted
├── HostKeyChanged         the service has another host key than the pinned one
├── HostKeyRejected        a person did not accept the host key that was shown
├── AuthenticationFailed   wrong passphrase, or a user or key that the service does not take
├── VersionMismatch        the two ends run different releases (CL-12, JN-08)
├── Refused                the other end refuses this peer and names the reason
├── ProtocolError          what came over the link is no message; the link is closed
└── LinkLost               the link ended in the middle of something
"""

from __future__ import annotations

from enum import StrEnum


def _(remedy: str) -> str:
    """The remedy itself: marks it for the collector of translations; whoever shows it translates it."""
    return remedy


class LinkError(Exception):
    """A link that could not be made or kept. `remedy` says what a person can do."""

    remedy = ""

    def __init__(self, text: str, remedy: str = "") -> None:
        self.text = text
        self.remedy = remedy or self.remedy
        super().__init__(f"{text.rstrip('.')}. {self.remedy}" if self.remedy else text)


class Unreachable(LinkError):
    """Nothing answers at that address and port."""

    remedy = _("Check that the machine is on, its address and port, and the firewalls on the way.")


FAULT = "a fault of the program ended it: the log of this machine has what a report needs"
"""What is told where something failed that nobody has foreseen."""


NO_MEMBER = _('"clusterconfig list" shows the members.')
"""The remedy where somebody names a machine that is none."""


CLOSED_AT_ONCE = _(
    "Its service may have too many callers, or a firewall ends the connection: look at that machine's log."
)
"""The remedy where a connection is taken and ended at once."""


class Silent(LinkError):
    """Something takes the connection and says nothing: it hangs, or waits to be spoken to.

    The kernel takes connections for a program that is stopped; so this is not "nothing answers".
    """

    remedy = _(
        "The program there hangs or is overloaded: look at it on its host, and start it again. "
        'Only if the port was never right, give that of the service named in "interfaceconfig" there.'
    )


class WrongService(LinkError):
    """A port that answers, but not with the service that is wanted (JN-03)."""

    remedy = _('Give the port of the service that is named in "interfaceconfig" of that machine.')


class HostKeyChanged(LinkError):
    """The service shows another host key than the pinned one; `old` and `new` are fingerprints."""

    remedy = _(
        'If the machine was installed anew, remove it with "clusterconfig removemachine" and let it join '
        'again: its new fingerprint is the one that "clusterconfig prepjoin print" shows there. If it was '
        "not, somebody may stand between the machines."
    )

    def __init__(self, where: str, old: str, new: str) -> None:
        self.old, self.new = old, new
        super().__init__(f"{where} shows the host key {new}, but {old} is pinned")


class HostKeyRejected(LinkError):
    """A person did not accept the host key that was shown (JN-04)."""

    remedy = _("Read the fingerprint on the machine itself and try again.")


class AuthenticationFailed(LinkError):
    """A wrong passphrase, or a user or key that the service does not take."""

    remedy = _("Check the user and the passphrase; where a second factor is required, join with keys.")


class VersionMismatch(LinkError):
    """The two ends run different releases (CL-12, JN-08)."""

    remedy = _("Bring both to the same release, then connect again.")

    def __init__(self, ours: str, theirs: str) -> None:
        self.ours, self.theirs = ours, theirs
        super().__init__(f"the other end runs release {theirs}, this one runs {ours}")


class Reason(StrEnum):
    """Why a peer is refused."""

    UNKNOWN = "unknown"
    OTHER_KEY = "other-key"
    REMOVED = "removed"
    DISCONNECTED = "disconnected"
    OTHER_RELEASE = "other-release"
    OTHER_CLUSTER = "other-cluster"
    OTHER_SERIAL = "other-serial"
    NOT_PREPARED = "not-prepared"
    NOT_ALLOWED = "not-allowed"
    BUSY = "busy"
    NO_REVERSE = "no-reverse"
    NO_NAME = "no-name"
    INVALID = "invalid"


REMEDIES = {
    Reason.UNKNOWN: _("Let this machine join the cluster, or wait until the other end has heard of it."),
    Reason.OTHER_KEY: _(
        "The cluster knows another key of this machine, as after a new installation or an old backup. On a "
        'member remove its entry with "clusterconfig removemachine"; then let it join anew.'
    ),
    Reason.REMOVED: _("It was removed from the cluster; join again if that is wanted."),
    Reason.DISCONNECTED: _(
        'It was disconnected on purpose; take it back with "clusterconfig reconnect" on a member.'
    ),
    Reason.OTHER_RELEASE: VersionMismatch.remedy,
    Reason.OTHER_CLUSTER: _("A machine belongs to one cluster at most; remove it from its own first."),
    Reason.OTHER_SERIAL: _(
        'Enter the key under the serial number that "clusterconfig prepjoin print" shows.'
    ),
    Reason.NOT_PREPARED: _(
        'On a member use "clusterconfig prepjoin new" with what "clusterconfig prepjoin print" shows '
        "here, commit there, and try again."
    ),
    Reason.NOT_ALLOWED: _("Use the admin user, or keys that a member has been prepared for."),
    Reason.BUSY: _("Try again in a moment."),
    Reason.NO_REVERSE: _(
        "Mend the DNS of the machine that was called, or write the caller's address into its /etc/hosts."
    ),
    Reason.NO_NAME: _("Enter the name into DNS, or let the cluster use addresses, and try again."),
    Reason.INVALID: "",
}
"""What a person can do. A refusal for an invalid request names it itself: there is nothing to add."""


class Refused(LinkError):
    """The other end refuses this peer (or this end refuses it) and names the reason.

    `commit` is the one that removed it, for REMOVED.
    """

    def __init__(self, reason: Reason, text: str = "", commit: str = "") -> None:
        self.reason = reason
        self.commit = commit
        super().__init__(text or f"the other end refuses this one: {reason}", REMEDIES[reason])


class Fault(StrEnum):
    """What is wrong with bytes that are no message."""

    EMPTY = "empty-frame"
    OVERSIZED = "oversized-frame"
    TRUNCATED = "truncated-frame"
    NOT_JSON = "not-json"
    TOO_DEEP = "too-deep"
    NOT_AN_OBJECT = "not-an-object"
    UNKNOWN_MESSAGE = "unknown-message"
    INVALID_MESSAGE = "invalid-message"
    UNEXPECTED = "unexpected-message"
    TOO_LONG = "too-long"


class ProtocolError(LinkError):
    """What came over the link is no message of ours; the link is closed and nothing was changed."""

    remedy = _("Check that both ends run the same release of Gatefold.")

    def __init__(self, fault: Fault, detail: str = "") -> None:
        self.fault = fault
        super().__init__(f"{fault}: {detail}" if detail else str(fault))


class RequestFailed(LinkError):
    """The other end could not do what it was asked to run; the text is its own."""


class LinkLost(LinkError):
    """The link ended in the middle of something."""

    remedy = _("It is dialled again by itself.")
