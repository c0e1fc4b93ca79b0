"""What a person asked for and the cluster will not do.

    Refused
      NothingPending  CommitConflict  UnknownCommit  InTheWay  PastIsGone      (drafts, commits)
      Leaving  Overtaken                                                       (a machine; transfers)
      NothingToTransfer  SameMode                                              (transfers)
      MembershipRefused, with one class per reason                             (membership)

The text of each is a sentence that says what to do. Nothing has changed when one is raised.
"""

from __future__ import annotations

from clusters.catalogue import InvalidDocument, UnknownFeature, WrongLevel
from clusters.modes import InvalidMode
from clusters.state import UnknownMode
from clusters.versions import MalformedCommit


class Refused(Exception):
    """The root of the refusals; callers show its text as it is."""


class NotADraft(Refused):
    """No draft can be, or is, of this entry: most that is not settings changes at once (CMT-08)."""


class NothingPending(Refused):
    """There is nothing to commit."""


class Leaving(Refused):
    """The machine was removed, and its replica is about to be replaced by one of its own."""


class Overtaken(Refused):
    """What a person was shown, and agreed to, would be something else by now (TRL-09)."""


class LongComment(Refused):
    """A comment above the limit of versions.MAX_TEXT characters."""


class HiddenComment(Refused):
    """A comment with controls, or with characters that turn or hide what is read."""


REFUSALS: tuple[type[Exception], ...] = (
    Refused,
    InvalidDocument,
    UnknownFeature,
    WrongLevel,
    UnknownMode,
    InvalidMode,
    MalformedCommit,
)
"""Everything a caller should show to the person instead of failing."""


def refusals_and(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """REFUSALS and those of the caller's own floor, for one `except`."""
    return (*others, *REFUSALS)
