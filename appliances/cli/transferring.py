"""CLUSTERSHOW and CLUSTERSET of a feature, and the override notice (SET-01..SET-09, CLI-07)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.session import Session
from clusters import naming, transfers
from clusters.modes import Level, Mode
from clusters.transfers import Action, Plan

VERBS = ("clustershow", "clusterset")
ALL_GROUPS = "all-groups"


def say_overrides(session: Session, mode: Mode, groups: Sequence[Mode], machines: Sequence[Mode]) -> None:
    """Names the groups and machines that an edit at `mode` does not reach (CLI-07)."""
    if not groups and not machines:
        return
    state = session.draft_state
    session.dialogue.warn(
        _("Note: these have settings of their own and stay as they are, whatever changes at {mode}:").format(
            mode=session.label(mode)
        )
    )
    if groups:
        names = ", ".join(state.mode_name(each) for each in groups)
        session.dialogue.warn(_("Groups: {names}").format(names=names))
    if machines:
        names = ", ".join(state.mode_name(each) for each in machines)
        session.dialogue.warn(_("Machines: {names}").format(names=names))


def clustershow(session: Session, feature: Any, words: list[str]) -> None:
    """At which modes the feature is defined (SET-02)."""
    state = session.draft_state
    found = {mode: state.defined(mode, feature.name) is not None for mode in state.modes()}
    if session.as_json:
        say_json(session.dialogue, {str(mode): defined for mode, defined in found.items()})
        return
    session.dialogue.say(_("Configured at mode:"))
    for mode, defined in found.items():
        name = naming.level_word(mode.level)
        label = name if mode.level is Level.CLUSTER else f"{name} {state.mode_name(mode)}"
        session.dialogue.say(f"{label}: " + (_("Yes") if defined else _("No")))


def clusterset(session: Session, feature: Any, words: list[str]) -> None:
    """Copies or moves the feature's settings between modes; pending until commit (SET-03..SET-09)."""
    if session.state.standalone:
        raise CommandError(_("This machine is in no cluster."))
    agreed = "--yes" in words
    action, source, targets = _told(session, [word for word in words if word != "--yes"])
    plan = transfers.plan(session.replica_id, session.user, action, feature.name, source, targets)
    if not agreed and not _agrees(session, plan):
        session.dialogue.say(_("Nothing was changed."))
        return
    transfers.carry_out(session.replica_id, session.user, plan)
    session.dialogue.say(_("Done; nothing is active until you commit."))


def _told(session: Session, words: list[str]) -> tuple[Action, Mode, list[Mode]]:
    if not words and session.dialogue.interactive:
        return _asked(session)
    try:
        action = Action(words[0].casefold())
    except (IndexError, ValueError):
        raise UsageError(_("Say copy, move or delete, and to which mode.")) from None
    modes, rest = _modes(session, words[1:])
    if rest == [ALL_GROUPS] and action is Action.COPY:
        source = modes[0] if modes else session.mode
        return action, source, transfers.all_groups(session.replica_id, source)
    if rest == [ALL_GROUPS]:
        raise UsageError(_("all-groups is for copying alone: clusterset copy [SOURCE] all-groups."))
    if rest or len(modes) > 2 or (action is not Action.DELETE and not modes):
        raise UsageError(_("Name modes as cluster, group NAME or machine NAME: [SOURCE] TARGET."))
    if action is Action.DELETE:
        return action, modes[0] if modes else session.mode, []
    return action, modes[0] if len(modes) == 2 else session.mode, [modes[-1]]


def _modes(session: Session, words: list[str]) -> tuple[list[Mode], list[str]]:
    found: list[Mode] = []
    while words and words[0].casefold() in list(Level):
        length = 1 if words[0].casefold() == Level.CLUSTER else 2
        found.append(session.named_mode(words[:length]))
        words = words[length:]
    return found, words


def _asked(session: Session) -> tuple[Action, Mode, list[Mode]]:
    dialogue, state = session.dialogue, session.draft_state
    number = choose(dialogue, [_("Copy"), _("Move"), _("Delete here")])
    action = list(Action)[number - 1]
    if action is Action.DELETE:
        return action, session.mode, []
    modes = [mode for mode in state.modes() if mode != session.mode]
    labels = [session.label(mode) for mode in modes]
    extra = [_("all groups")] if action is Action.COPY else []
    number = choose(dialogue, [*labels, *extra], default=None, question=_("To which mode?"))
    if not number:
        raise CommandError(_("Nothing was changed."))
    if number > len(modes):
        return action, session.mode, transfers.all_groups(session.replica_id, session.mode)
    return action, session.mode, [modes[number - 1]]


def _agrees(session: Session, plan: Plan) -> bool:
    return all(_agrees_to(session, warning) for warning in _warnings(session, plan))


def _warnings(session: Session, plan: Plan) -> list[str]:
    found: list[str] = []
    if plan.replaced:
        names = ", ".join(session.label(mode) for mode in plan.replaced)
        found.append(
            _("{names} has settings already; they would be replaced as a whole.").format(names=names)
        )
    for broken in plan.broken:
        machine = session.state.machines.get(broken.serial)
        found.append(
            _("On {machine}, {feature} would refer to {item}, which {other} lacks there.").format(
                machine=machine.name if machine else broken.serial,
                feature=broken.feature,
                item=broken.reference.item,
                other=broken.reference.feature,
            )
        )
    if plan.emptied:
        names = ", ".join(machine.name for machine in plan.emptied)
        found.append(
            _("{feature} has no factory default: {names} would get an empty table and may stop mail.").format(
                feature=plan.feature, names=names
            )
        )
    return found


def _agrees_to(session: Session, warning: str) -> bool:
    session.dialogue.warn(warning)
    if not session.dialogue.interactive:
        raise CommandError(_("Add --yes to agree to this."))
    return confirm(session.dialogue, _("Continue?"), default=False)
