"""What a command can answer instead of doing its work; each is one plain line and an exit code.

CommandError        1  refused or failed, nothing changed
├── Left            1  the person leaves a question with `exit`
├── UsageError      2  the line is not what the command takes
├── GroundChanged   1  the machine has come into a cluster or out of one, or a mode is gone
└── ConflictError   3  somebody else changed the same settings meanwhile (CMT-04)
Leave                  the person ends the session
"""

from __future__ import annotations


class CommandError(Exception):
    """A refusal or failure; nothing was changed."""

    code = 1


class Left(CommandError):
    """The person leaves a question, and with it what asked it."""


class UsageError(CommandError):
    """Words that the command does not take."""

    code = 2


class GroundChanged(CommandError):
    """What a session stood on is another thing now: what was asked or typed before is void."""


class ConflictError(CommandError):
    """Others changed what this person changed."""

    code = 3


class Leave(Exception):
    """The person ends the session."""
