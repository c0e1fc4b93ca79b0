"""`clustercheck`: do all members hold the same, and if not, whose version shall hold (SYN-10..SYN-13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.presenting import moment, value_lines
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.links.errors import LinkError
from appliances.machine.comparing import Gathered, gather
from clusters import checking
from clusters.checking import Finding, Held
from clusters.installed import catalogue
from clusters.naming import entry_label
from clusters.sealing import secrets_of
from clusters.side_by_side import ABSENT, side_by_side
from clusters.versions import Address, Version

USAGE = """\
clustercheck                       compare all members and ask what to do with what differs
clustercheck --json                only compare
clustercheck --force newest | HOST make the newest versions hold everywhere, or those of a member"""

Chosen = tuple[Finding, Held]
MOST_ROWS = 20
"""Differences of one entry that are shown; the portal shows all."""


def _clustercheck(session: Session, words: list[str]) -> None:
    if session.state.standalone:
        raise CommandError(_("This machine is in no cluster."))
    wanted = _wanted(session, words)
    if not words and not confirm(
        session.dialogue,
        _("Do you want to check the config consistency across all machines in the cluster?"),
        default=True,
    ):
        return
    gathered = _gathered(session)
    found = checking.compare(gathered.holdings)
    if session.as_json:
        say_json(session.dialogue, _json(session, found, gathered.unreached))
        return
    for name, reason in gathered.unreached.items():
        session.dialogue.warn(_("Not checked: {name}: {reason}").format(name=name, reason=reason))
    if not found:
        session.dialogue.say(_consistent(gathered))
        return
    _resolve(session, found, wanted)


def _consistent(gathered: Gathered) -> str:
    """What may be said where nothing differs: nothing of those that were not checked (TRL-11)."""
    if not gathered.unreached:
        return _("No inconsistencies found.")
    if len(gathered.digests) < 2:
        return _("Nothing was compared: fewer than two machines were checked.")
    return _("No inconsistencies among those that were checked: {names}.").format(
        names=", ".join(gathered.digests)
    )


def _wanted(session: Session, words: list[str]) -> str:
    """Whose versions `--force` names: `newest`, the name of a member, or nobody's."""
    if not words:
        return ""
    if len(words) != 2 or words[0] != "--force":
        raise UsageError(_("clustercheck takes --json, or --force newest, or --force HOST."))
    names = [member.name for member in session.state.machines.values()]
    if words[1] != "newest" and words[1] not in names:
        raise CommandError(_("There is no machine {name}.").format(name=words[1]))
    return words[1]


def _gathered(session: Session) -> Gathered:
    def step(name: str) -> None:
        if not session.as_json:
            session.dialogue.say(_("Checking {name}...").format(name=name))

    serials = {member.name: member.serial for member in session.state.machines.values()}
    return gather(serials, session.host, step)


def _resolve(session: Session, found: Sequence[Finding], wanted: str) -> None:
    """One finding after the other; what is chosen becomes one commit on top of all versions."""
    chosen: list[Chosen] = []
    for finding in found:
        _say(session, finding)
        if finding.behind:
            session.dialogue.say(_("  The next synchronisation brings what is missing; nothing to choose."))
        elif picked := _picked(session, finding, wanted):
            chosen.append((finding, picked))
    if not chosen:
        return
    made = checking.force(
        session.replica_id,
        chosen,
        user=session.user,
        host=session.host.name,
        comment=_("Made consistent by clustercheck"),
    )
    text = _("Changes committed: {time}. Each machine carries the chosen versions as soon as it hears of it.")
    session.dialogue.say(text.format(time=moment(made.time.wall)))


def _say(session: Session, finding: Finding) -> None:
    session.dialogue.say(_("Inconsistency found!"))
    session.dialogue.say(f"{_title(session, finding.address)}:")
    for held in finding.held:
        for name in held.holders:
            session.dialogue.say(f"  {name} {_written(held.version)}")
    for line in _differences(finding):
        session.dialogue.say(f"  {line}")


def _title(session: Session, address: Address) -> str:
    """`SMTP Routes at Cluster Americas`, as the original calls what differs; else the entry's label."""
    if address.mode is None or address.name not in catalogue():
        return entry_label(session.state, address)
    told = {"title": _(catalogue()[address.name].title), "mode": session.label(address.mode)}
    return _("{title} ({name}) at {mode}").format(**told, name=address.name)


def _differences(finding: Finding) -> Iterator[str]:
    """Where the versions differ, each with who holds it: dates alone are no ground to choose on (TRL-11)."""
    values = [held.version.value if held.version else None for held in finding.held]
    rows = side_by_side(values, secrets_of(finding.address))
    if not rows:
        yield _("The values are the same; who wrote them differs, or what lost a conflict.")
    for row in rows[:MOST_ROWS]:
        yield f"{row.text or _('settings')}:"
        for held, value in zip(finding.held, row.values, strict=True):
            shown = _("nothing") if value is ABSENT else value
            yield from (f"  {line}" for line in value_lines(", ".join(held.holders), shown))
    if len(rows) > MOST_ROWS:
        yield _("... and {count} more differences").format(count=len(rows) - MOST_ROWS)


def _written(version: Version | None) -> str:
    if version is None:
        return _("has never heard of it")
    return _("was updated {time} by '{user}' on {host}").format(
        time=moment(version.time.wall), user=version.user, host=version.host
    )


def _picked(session: Session, finding: Finding, wanted: str) -> Held | None:
    if wanted == "newest":
        return finding.held[0]
    if wanted:
        return next((held for held in finding.held if wanted in held.holders), None)
    if not session.dialogue.interactive:
        return None
    choices = [
        _("Force entire cluster to use {names} version.").format(names=", ".join(held.holders))
        for held in finding.held
    ]
    number = choose(
        session.dialogue,
        [*choices, _("Ignore.")],
        question=_("How do you want to resolve this inconsistency?"),
    )
    if 0 < number <= len(choices):
        return finding.held[number - 1]
    session.dialogue.say(_("Ignored: nothing changes, and the next check names it again."))
    return None


def _json(session: Session, found: Sequence[Finding], unreached: Mapping[str, LinkError]) -> dict[str, Any]:
    return {
        "findings": [
            {
                "entry": str(finding.address),
                "label": entry_label(session.state, finding.address),
                "behind": finding.behind,
                "versions": [_held_json(held) for held in finding.held],
                "differs": list(_differences(finding)),
            }
            for finding in found
        ],
        "not_checked": [{"name": name, "reason": str(error)} for name, error in unreached.items()],
    }


def _held_json(held: Held) -> dict[str, Any]:
    by = held.version
    who = {"time": by.time.wall, "user": by.user, "host": by.host, "commit": str(by.id)} if by else None
    return {"holders": list(held.holders), "made": who}


COMMANDS = [
    Command(
        "clustercheck",
        _clustercheck,
        gettext_noop("compare what all members hold, and repair what differs"),
        USAGE,
        Place.CLUSTER,
        Right.EDIT,
        completions=("--force",),
    )
]
