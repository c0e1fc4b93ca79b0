"""The vocabulary of alerts: each kind, what it means, where it comes from, and what to do (SYN-15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

MINUTE = timedelta(minutes=1)


class Severity(models.IntegerChoices):
    """How bad it is. Notices heal by themselves or were meant."""

    NOTICE = 1, _("notice")
    WARNING = 2, _("warning")
    CRITICAL = 3, _("critical")


class Kind(models.TextChoices):
    """What can be wrong."""

    DOWN = "down", _("machine down")
    SUSPECT = "suspect", _("link lost, others reach it")
    AWAY = "away", _("disconnected on purpose")
    HOST_KEY = "host-key", _("host key changed")
    AUTHENTICATION = "authentication", _("authentication refused")
    NOT_TAKEN = "not-taken", _("the portal is refused")
    RELEASE = "release", _("other release")
    REFUSED = "refused", _("settings refused")
    RETURNED = "returned", _("went back by itself")
    GUESSING = "guessing", _("passphrases guessed")
    LATE = "late", _("settings late")
    BEHIND = "behind", _("does not take commits")
    INCONSISTENT = "inconsistent", _("inconsistent settings")
    HELD = "held", _("commit held")
    FORKED = "forked", _("restored from an older backup")
    UNSETTLED = "unsettled", _("commits that reach nobody")
    CUT_OFF = "cut-off", _("portal without network")
    WORKER = "worker", _("worker dead")
    TASK = "task", _("scheduled task fails")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What people are told of a kind. `settle`: how long it may last before anybody is told."""

    severity: Severity
    text: Any
    cause: Any
    remedy: Any
    settle: timedelta = timedelta()


MEANINGS: dict[Kind, Meaning] = {
    Kind.DOWN: Meaning(
        Severity.CRITICAL,
        _("Nobody who can be asked reaches the machine. Its mail may have stopped."),
        _("Power, network, the program ended or hangs, or the limit of SSH connections."),
        _("Look at the reason. Its settings wait here; it gets them when it is back."),
        MINUTE,
    ),
    Kind.SUSPECT: Meaning(
        Severity.NOTICE,
        _("The portal has lost its link for ten minutes, and another machine reaches it."),
        _("The network between two sites."),
        _("Nothing: settings reach it through the others. Look at the network between if it lasts."),
    ),
    Kind.AWAY: Meaning(
        Severity.NOTICE,
        _("A person took the machine out for a while."),
        _("An upgrade or a repair."),
        _("Nothing until the work is done; then reconnect it."),
    ),
    Kind.HOST_KEY: Meaning(
        Severity.CRITICAL,
        _("The machine shows another host key than the pinned one. No link is made."),
        _("It was installed anew, or somebody stands between."),
        _("If it was installed anew, remove it and let it join again; if not, look who answers there."),
    ),
    Kind.AUTHENTICATION: Meaning(
        Severity.CRITICAL,
        _("The machine does not accept the portal's key."),
        _("The key was removed there, or the machine was restored from an older backup."),
        _("Look at the cluster's members on that machine; adopt the cluster again if the portal is missing."),
    ),
    Kind.NOT_TAKEN: Meaning(
        Severity.CRITICAL,
        _("The machine refuses the portal as a peer."),
        _("The portal or the machine was removed from the cluster, or belongs to another one."),
        _("Read the reason; adopt the cluster again, or let the machine join again."),
    ),
    Kind.RELEASE: Meaning(
        Severity.WARNING,
        _("The machine runs another release, so no link is made."),
        _("An upgrade is half done."),
        _("Bring the cluster and the portal to the same release."),
    ),
    Kind.REFUSED: Meaning(
        Severity.CRITICAL,
        _("Postfix or the check before it refused new settings. The old ones run on; mail flows."),
        _("A value that this machine cannot take."),
        _("Read the error, correct the value in the mode that defines it, and commit."),
    ),
    Kind.RETURNED: Meaning(
        Severity.CRITICAL,
        _("A change of its interfaces or its name had cut the machine off: it went back to those of before."),
        _("An address, a port or a name at which nobody could reach it."),
        _("Read the reason; commit interfaces or a name that can be reached. It tries nothing by itself."),
    ),
    Kind.GUESSING: Meaning(
        Severity.WARNING,
        _("Somebody tries passphrases at the machine's SSH: those of that name, or from there, are refused."),
        _("A program that guesses, or one of yours with an old passphrase."),
        _("Look at who and where in the reason. Keys go on; let SSH be reached from your own networks only."),
    ),
    Kind.LATE: Meaning(
        Severity.WARNING,
        _("A connected machine has not enforced new settings for five minutes."),
        _("It is busy, or its program is stuck."),
        _("Look at its log; restart the program on the machine if nothing moves."),
    ),
    Kind.BEHIND: Meaning(
        Severity.WARNING,
        _("The machine is connected and does not take the commits it lacks."),
        _("Its disk is full, its history is forked, or commits wait there for their date."),
        _("Read the reason; it is the machine's own."),
    ),
    Kind.INCONSISTENT: Meaning(
        Severity.CRITICAL,
        _("The machine has seen all commits and still holds other settings than the rest."),
        _("Its copy of the settings is damaged."),
        _("Run clustercheck and choose the version that holds."),
    ),
    Kind.HELD: Meaning(
        Severity.WARNING,
        _("A commit is dated ahead of the portal's clock. It waits until it is due; nothing is lost."),
        _("The clock of the machine on which it was made is wrong, or the portal's."),
        _("Compare the clocks; accept the commit on a member if it must hold now."),
    ),
    Kind.FORKED: Meaning(
        Severity.WARNING,
        _("Changes were committed on a restored database before the portal had heard of its later commits."),
        _("A backup of the portal's database that is older than its last commits."),
        _("Nothing is lost: look at Conflicts, and at History for commits that came back from the machines."),
    ),
    Kind.UNSETTLED: Meaning(
        Severity.CRITICAL,
        _("Changes were committed on a restored database, no machine can tell which, and none takes them."),
        _("A backup of the portal's database that is much older than its last commits."),
        _("Restore a newer backup; or make the changes of that time once more: from now on commits arrive."),
    ),
    Kind.CUT_OFF: Meaning(
        Severity.CRITICAL,
        _("The portal lost all machines within the same minute. They go on by themselves."),
        _("The network of the portal, not of the machines."),
        _("Look at the portal's own network. The machines are shown as unknown until a link is back."),
    ),
    Kind.WORKER: Meaning(
        Severity.CRITICAL,
        _("A worker of the portal has gone silent. What it followed may be unknown."),
        _("It was killed, or its host is down."),
        _("Start the worker of the portal again."),
    ),
    Kind.TASK: Meaning(
        Severity.WARNING,
        _("A scheduled task of the portal ended with an error."),
        _("A fault of the portal or of what it stands on."),
        _("Look at Background tasks, or ask those who run the portal."),
    ),
}
"""Every kind has a meaning; `docs/alerts.md` shows the same table."""


def meaning(kind: str) -> Meaning:
    """What people are told of that kind."""
    return MEANINGS[Kind(kind)]


WHY: dict[Kind, Any] = {
    Kind.LATE: _("It runs %(enforced)s, wanted is %(wanted)s."),
    Kind.INCONSISTENT: _("It runs %(enforced)s, wanted is %(wanted)s."),
    Kind.HELD: _("Commit %(commit)s by %(user)s was dated %(seconds)s s ahead when it came."),
    Kind.FORKED: _("After commit %(number)s of %(old)s: commits with new numbers, of %(new)s: %(count)s."),
    Kind.UNSETTLED: _("Commits of %(old)s until %(when)s; later ones are of %(new)s."),
    Kind.WORKER: _("Last seen %(when)s."),
}
"""The reason of kinds that the portal itself finds out; that of others is in the words of who noticed it."""
