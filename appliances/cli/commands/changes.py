"""Pending changes and commits: look, commit, throw away, go back (CMT-01..CMT-07)."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from appliances.cli import arriving
from appliances.cli.colours import of_difference
from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError, ConflictError, UsageError
from appliances.cli.presenting import (
    all_change_lines,
    coloured_lines,
    impact_json,
    impact_lines,
    moment,
)
from appliances.cli.reaching import is_apart, when_others_follow
from appliances.cli.registry import Command
from appliances.cli.session import Right, Session
from appliances.machine.status import now
from clusters import commits, drafts, rollback
from clusters.catalogue import InvalidDocument
from clusters.commits import Conflict
from clusters.differences import masked
from clusters.drafts import Pending
from clusters.effective import MachineImpact
from clusters.modes import Level
from clusters.naming import authorship_label, entry_label
from clusters.refusals import Overtaken
from clusters.sealing import secrets_of
from clusters.versions import Address, Commit, CommitId, Version
from clusters.visible import hanging

WAIT = 30.0
LOOKING = 5.0
"""Seconds of looking for red flags, after which a commit is held up no longer."""


def _commit(session: Session, words: list[str]) -> None:
    settle = "--settle" in words
    comment, wait = _commit_words([word for word in words if word != "--settle"])
    pending = drafts.pending(session.replica_id, session.user)
    if not pending:
        session.dialogue.say(_("There are no changes to commit."))
        return
    _warn_while_away(session, pending)
    _warn_of_flags(session)
    if comment is None:
        comment = session.dialogue.ask(_("Comment describing the change"))
    try:
        if session.dialogue.interactive and any(found.stale for found in pending):
            pending = _settled_clashes(session, pending)
        settles = _decided(session, pending, settle)
        kept = confirm(session.dialogue, _("Keep the present configuration for a rollback?"), default=True)
        made = commits.commit_pending(
            session.replica_id,
            user=session.user,
            host=session.host.name,
            comment=comment,
            settles=settles,
            shown=_looked_at(session, pending),
        )
        if kept:
            rollback.keep(session.replica_id, made.id)
    except commits.CommitConflict as conflict:
        text = _(
            "`showchanges` compares, `clear` discards all of them; `commit` in a terminal can also discard "
            "those that clash, or commit yours over theirs."
        )
        raise ConflictError(f"{conflict} {text}") from None
    except (commits.SettlesConflict, Overtaken) as conflict:
        raise ConflictError(str(conflict)) from None
    _say_committed(session, made, wait)


def _looked_at(session: Session, pending: list[Pending]) -> str | None:
    """The mark of what was pending when the first question was asked; nobody looked where none is asked."""
    return drafts.mark(pending) if session.dialogue.interactive else None


def _decided(session: Session, pending: list[Pending], settle: bool) -> list[CommitId]:
    """The versions of conflicts that this commit may end, because the person says so (TRL-14).

    Raises ConflictError where a person at a terminal, or a script without `--settle`, does not.
    """
    waiting = [found for found in pending if found.waiting]
    seen = [version.id for found in waiting for version in found.waiting]
    if not waiting or settle:
        return seen
    session.dialogue.warn(_("These wait for a decision, and this commit would settle them with your values:"))
    for found in waiting:
        for version in found.waiting:
            label = entry_label(session.state, found.address)
            session.dialogue.warn(f"  {label}: {version.id} {authorship_label(version)}")
    if session.dialogue.interactive and confirm(
        session.dialogue, _("Settle the conflict with your values?"), default=False
    ):
        return seen
    raise ConflictError(
        _(
            "Nothing was committed; your changes stay pending. Compare with `showconflicts`; "
            "`commit --settle` settles it with your values, `settleconflict` with one of its versions."
        )
    )


def _warn_while_away(session: Session, pending: list[Pending]) -> None:
    """A disconnected machine changes no other one (UPG-06); raises CommandError."""
    if not is_apart(session):
        return
    modes = {found.mode for found in pending} - {None, session.own_mode}
    foreign = [session.state.mode_name(m) for m in modes if m is not None and m.level is Level.MACHINE]
    if foreign:
        raise CommandError(
            _(
                "This machine is disconnected and cannot change {names}. Log in there, or reconnect first."
            ).format(names=", ".join(foreign))
        )
    if modes:
        session.dialogue.warn(
            _("This machine is disconnected: the others get this change when it is reconnected.")
        )


def _warn_of_flags(session: Session) -> None:
    """What a person should know before the commit is made, scripts included; it hinders nothing."""
    end = time.monotonic() + LOOKING
    with suppress(InvalidDocument):
        for found in drafts.impacts(session.replica_id, session.user):
            name = found.machine.name or session.host.name
            for flag in found.red_flags:
                session.dialogue.warn(f"! {name}: {flag.feature}: {flag.message}")
            if time.monotonic() > end:
                text = _("Looking for red flags ended after {seconds:g} s; `showchanges` has all of them.")
                session.dialogue.warn(text.format(seconds=LOOKING))
                return


def _commit_words(words: list[str]) -> tuple[str | None, float | None]:
    """The comment (None: ask) and how many seconds to wait for all members (None: do not wait)."""
    comment, wait, rest = None, None, list(words)
    while rest:
        word = rest.pop(0)
        if word == "-m" and rest:
            comment = rest.pop(0)
        elif word == "--wait":
            wait = float(rest.pop(0)) if rest and rest[0].isdecimal() else WAIT
        else:
            raise UsageError(_("commit takes -m COMMENT, --wait [SECONDS] and --settle."))
    return comment, wait


def _settled_clashes(session: Session, pending: list[Pending]) -> list[Pending]:
    """What is to be committed where the person puts it over the others' (CMT-05).

    Raises CommandError where they discard, ConflictError where they only look, Overtaken where what is
    pending is no longer what they were shown (TRL-09).
    """
    state = session.state
    session.dialogue.warn(_("Your changes clash with what others have committed meanwhile:"))
    for found in pending:
        if found.stale:
            label = entry_label(state, found.address)
            session.dialogue.warn(f"  {label}: {authorship_label(found.stale)}")
    ways = [
        _("Keep all changes pending, commit nothing, and compare with `showchanges`."),
        _("Discard my changes that clash, and commit nothing."),
        _("Discard all my changes."),
        _("Commit mine over what the others have committed."),
    ]
    way = choose(session.dialogue, ways, question=_("What do you want to do?"))
    clashing = [found for found in pending if found.stale]
    if way == 4:
        return _put_over(session, pending)
    if way in (2, 3):
        dropped = clashing if way == 2 else pending
        addresses = [found.address for found in dropped] if way == 2 else None
        drafts.clear(session.replica_id, session.user, addresses, shown=_looked_at(session, dropped))
        raise CommandError(_("Your changes are discarded; nothing was committed."))
    raise ConflictError(_("Nothing was committed; your changes stay pending."))


def _put_over(session: Session, pending: list[Pending]) -> list[Pending]:
    """Puts the person's values upon the versions that they were shown; returns all with their new bases."""
    for found in pending:
        if found.stale is not None:
            shown = _looked_at(session, [found])
            drafts.rebase(session.replica_id, session.user, found.address, found.stale.id, shown=shown)
    put = {found.address: found for found in drafts.pending(session.replica_id, session.user)}
    # The others stay as they were shown: what another window has changed in them meanwhile stops the commit.
    return [put.get(found.address, found) if found.stale else found for found in pending]


def _say_committed(session: Session, made: Commit, wait: float | None) -> None:
    """Raises CommandError when it was waited for and is not in force on every member (TRL-32)."""
    found = None if wait is None else arriving.wait_for(session, made, wait)
    if session.as_json:
        say_json(session.dialogue, _committed_json(made, found))
    else:
        session.dialogue.say(_("Changes committed: {time}").format(time=moment(made.time.wall)))
        for line in arriving.lines(found) if found else ():
            session.dialogue.say(line)
    if found is None and (late := when_others_follow(session)):
        session.dialogue.warn(late)
    if found is not None and not arriving.everywhere(found):
        raise CommandError(_("The changes are committed, but not in force on every machine of the cluster."))


def _committed_json(made: Commit, found: list[arriving.Standing] | None) -> dict[str, Any]:
    said = {"commit": str(made.id), "time": made.time.wall}
    if found is None:
        return {**said, "enforced": None}
    return {**said, "enforced": arriving.everywhere(found), "machines": arriving.as_json(found)}


def _clear(session: Session, words: list[str]) -> None:
    pending = drafts.pending(session.replica_id, session.user)
    if not pending:
        session.dialogue.say(_("There are no changes to clear."))
        return
    if confirm(session.dialogue, _("Clear everything since the last commit?"), default=True):
        count = drafts.clear(session.replica_id, session.user, shown=_looked_at(session, pending))
        text = ngettext(
            "Changes cleared: {time} ({count} change)", "Changes cleared: {time} ({count} changes)", count
        )
        session.dialogue.say(text.format(time=moment(now()), count=count))


def _showchanges(session: Session, words: list[str]) -> None:
    pending = drafts.pending(session.replica_id, session.user)
    impacts = drafts.impact_of(session.replica_id, session.user)
    if session.as_json:
        say_json(
            session.dialogue,
            {
                "changes": [_pending_json(found) for found in pending],
                "impact": [impact_json(found) for found in impacts],
            },
        )
        return
    if not pending:
        session.dialogue.say(_("There are no pending changes."))
        return
    _say_pending(session, pending)
    _say_impacts(session, impacts)


def _say_pending(session: Session, pending: list[Pending]) -> None:
    state = session.draft_state
    for found in pending:
        session.dialogue.say(entry_label(state, found.address))
        if found.stale:
            text = _("  changed meanwhile: {who}").format(who=authorship_label(found.stale))
            session.dialogue.say(text)
            session.dialogue.say(_("  What is marked - or ~ would be lost if yours were committed over it:"))
        if found.settles:
            session.dialogue.say(_("  settles a conflict; see showconflicts"))
        for line in coloured_lines(found.paths, "  "):
            session.dialogue.say(line)


def _say_impacts(session: Session, impacts: list[MachineImpact]) -> None:
    if not impacts:
        session.dialogue.say(_("No machine's settings change."))
    for found in impacts:
        text = _("{name}: fingerprint of the settings {before} -> {after}")
        told = {"name": found.machine.name or session.host.name, "before": found.before, "after": found.after}
        session.dialogue.say(text.format(**told))
        for line in impact_lines(found):
            session.dialogue.say(of_difference(line))


def _pending_json(found: Pending) -> dict[str, Any]:
    return {
        "address": str(found.address),
        "stale": str(found.stale.id) if found.stale else None,
        "lines": all_change_lines(found.paths),
    }


def _commitdetail(session: Session, words: list[str]) -> None:
    ident = CommitId.parse(words[0]) if words else commits.last(session.replica_id).id
    detail = commits.detail(session.replica_id, ident)
    made = detail.commit
    by_serial = {found.machine.serial: found for found in detail.impacts}
    if session.as_json:
        value = {
            **made.authorship_to_wire(),
            "entries": {str(entry.address): all_change_lines(entry.paths) for entry in detail.entries},
            "machines": {
                machine.serial: impact_json(by_serial[machine.serial])
                if machine.serial in by_serial
                else None
                for machine in detail.machines
            },
        }
        say_json(session.dialogue, value)
        return
    say = session.dialogue.say
    say(
        _('Commit {id} at {time} with comments: "{comment}"').format(
            id=made.id, time=moment(made.time.wall), comment=hanging(made.comment)
        )
    )
    say(_("by {user} on {host}").format(user=made.user, host=made.host))
    for entry in detail.entries:
        say(entry_label(detail.state, entry.address))
        for line in coloured_lines(entry.paths, "  "):
            say(line)
    for machine in detail.machines:
        found = by_serial.get(machine.serial)
        say(f"{machine.name or session.host.name}:" + ("" if found else _(" nothing changed")))
        for line in impact_lines(found) if found else ():
            say(of_difference(line))


def _history(session: Session, words: list[str]) -> None:
    if words and not words[0].isdecimal():
        raise UsageError(_("history takes a number of commits."))
    page = commits.history(session.replica_id, per_page=int(words[0]) if words else 20)
    if session.as_json:
        say_json(session.dialogue, [made.authorship_to_wire() for made in page.commits])
        return
    for made in page.commits:
        session.dialogue.say(f"{made.id!s:<16} {hanging(authorship_label(made))}")


def _revertcommit(session: Session, words: list[str]) -> None:
    over = "--over" in words
    ids = [word for word in words if word != "--over"]
    if len(ids) != 1:
        raise UsageError(_("Name one commit, as `history` shows it: revertcommit ID [--over]."))
    pending = drafts.pending(session.replica_id, session.user)
    # With the mark, as what is named as replaced has to be what was replaced.
    edited = commits.revert(
        session.replica_id, session.user, CommitId.parse(ids[0]), over=over, shown=drafts.mark(pending)
    )
    _say_replaced(session, {each.address for each in pending} & {each.address for each in edited})
    _say_drafted(session, sum(each.pending for each in edited))


def _say_replaced(session: Session, addresses: Collection[Address]) -> None:
    """Name the pending changes that were given up; none says nothing (TRL-12)."""
    if addresses:
        labels = sorted(entry_label(session.state, address) for address in addresses)
        said = _("Your pending changes that were replaced: {entries}.").format(entries=", ".join(labels))
        session.dialogue.say(said)


def _rollbackconfig(session: Session, words: list[str]) -> None:
    """Back to what held before a commit: as pending changes, to be looked at and committed."""
    kept = rollback.points(session.replica_id)
    if session.as_json:
        say_json(session.dialogue, [made.authorship_to_wire() for made in kept])
        return
    if not kept:
        session.dialogue.say(_("No configuration is kept for a rollback."))
        return
    if words:
        wanted = CommitId.parse(words[0])
    else:
        lines = [_("before {id}: {who}").format(id=made.id, who=authorship_label(made)) for made in kept]
        number = choose(session.dialogue, lines, default=None, question=_("Back to which one?"))
        if not number:
            return
        wanted = kept[number - 1].id
    edited = rollback.draft_return(session.replica_id, session.user, wanted, over=_given_up(session))
    _say_drafted(session, sum(each.pending for each in edited))


def _given_up(session: Session) -> str | None:
    """The mark of the pending changes that the person gives up for a return, or None where they do not."""
    pending = drafts.pending(session.replica_id, session.user)
    if not pending or not session.dialogue.interactive:
        return None
    question = ngettext(
        "You have {count} pending change, which this replaces. Go on?",
        "You have {count} pending changes, which this replaces. Go on?",
        len(pending),
    ).format(count=len(pending))
    return drafts.mark(pending) if confirm(session.dialogue, question, default=False) else None


def _say_drafted(session: Session, count: int) -> None:
    session.dialogue.say(
        _("{count} change(s) pending; look with `showchanges`, then commit.").format(count=count)
    )


def _shown(version: Version, address: Address) -> dict[str, Any]:
    """A version of an entry for scripts, secrets hidden."""
    value = version.value and masked(version.value, secrets_of(address))
    return {**version.authorship_to_wire(), "value": value}


def _conflicts(session: Session, words: list[str]) -> None:
    found = commits.conflicts(session.replica_id)
    if session.as_json:
        say_json(
            session.dialogue,
            [
                {
                    "address": str(each.address),
                    "waits": each.waits,
                    "in_force": each.in_force and _shown(each.in_force, each.address),
                    "newest": _shown(each.newest, each.address),
                    "others": [_shown(other, each.address) for other in each.others],
                }
                for each in found
            ],
        )
        return
    if not found:
        session.dialogue.say(_("There are no conflicts."))
    for each in found:
        session.dialogue.say(entry_label(session.state, each.address))
        stands = authorship_label(each.in_force) if each.in_force else _("nothing, as before")
        session.dialogue.say(_("  in force: {who}").format(who=stands))
        for kept in (each.newest, *each.others) if each.waits else each.others:
            who = f"{kept.id} {authorship_label(kept)}"
            session.dialogue.say(_("  kept:     {who}").format(who=who))
    if any(each.waits for each in found):
        session.dialogue.say(_("What is in force waits for a decision; see `help settleconflict`."))


def _settleconflict(session: Session, words: list[str]) -> None:
    """SYN-08."""
    found = commits.conflicts(session.replica_id)
    if not found:
        session.dialogue.say(_("There are no conflicts."))
        return
    chosen = _chosen_conflict(session, found, words[:1])
    version = _chosen_version(session, chosen, words[1:])
    commits.settle(
        session.replica_id,
        chosen.address,
        version,
        user=session.user,
        host=session.host.name,
        seen=[each.id for each in chosen.versions],
    )
    session.dialogue.say(_("Settled. This takes effect at once; no commit is needed."))


def _chosen_conflict(session: Session, found: list[Conflict], words: list[str]) -> Conflict:
    if words:
        return commits.conflict_at(session.replica_id, Address.parse(words[0]))
    if not session.dialogue.interactive:
        raise UsageError(_("settleconflict takes the address of an entry, as in showconflicts --json."))
    labels = [entry_label(session.state, each.address) for each in found]
    return found[choose(session.dialogue, labels, question=_("Which conflict?")) - 1]


def _chosen_version(session: Session, conflict: Conflict, words: list[str]) -> CommitId | None:
    if words or not session.dialogue.interactive:
        return CommitId.parse(words[0]) if words else None
    versions = [conflict.newest, *conflict.others]
    labels = [f"{each.id} {authorship_label(each)}" for each in versions]
    number = choose(
        session.dialogue, [_("Keep what is in force"), *labels], question=_("Which version is to hold?")
    )
    return versions[number - 2].id if number > 1 else None


COMMANDS = [
    Command(
        "commit",
        _commit,
        gettext_noop("make all pending changes of all levels effective"),
        "commit [-m COMMENT] [--wait [SECONDS]] [--settle] [--json]",
        right=Right.EDIT,
        completions=("-m", "--wait"),
    ),
    Command(
        "clearchanges",
        _clear,
        gettext_noop("throw all pending changes of all levels away"),
        right=Right.EDIT,
        aliases=("clear",),
    ),
    Command(
        "showchanges",
        _showchanges,
        gettext_noop("what is pending, and what it would change on each machine"),
        "showchanges [--json]",
        right=Right.EDIT,
    ),
    Command(
        "commitdetail",
        _commitdetail,
        gettext_noop("what the last commit (or the named one) changed on each machine"),
        "commitdetail [ID] [--json]",
        most=1,
    ),
    Command("history", _history, gettext_noop("the last commits"), "history [COUNT] [--json]", most=1),
    Command(
        "revertcommit",
        _revertcommit,
        gettext_noop("draft the values from before a commit"),
        "revertcommit ID [--over]",
        right=Right.EDIT,
    ),
    Command(
        "rollbackconfig",
        _rollbackconfig,
        gettext_noop("draft the whole configuration from before a kept commit"),
        "rollbackconfig [ID | --json]",
        most=1,
        right=Right.EDIT,
    ),
    Command(
        "showconflicts",
        _conflicts,
        gettext_noop("settings that were changed in two places at once, and what lost"),
        "showconflicts [--json]",
    ),
    Command(
        "settleconflict",
        _settleconflict,
        gettext_noop("end a conflict: keep what is in force, or put one of its versions in force"),
        "settleconflict [ENTRY [ID]]",
        most=2,
        right=Right.EDIT,
    ),
]
