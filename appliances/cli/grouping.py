"""Groups and the cluster's name: operations of `clusterconfig` (GRP-02..GRP-08)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from appliances.cli.dialogue import choose, choose_several
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.session import Session
from clusters import membership
from clusters.modes import Level


def needed(session: Session, words: list[str], *names: str, ask: str = "", default: str = "") -> list[str]:
    """The words of an operation; in a terminal the missing ones are asked. Raises UsageError.

    `names` say what each is. `ask` is the question for the last one, which has a `default`.
    """
    found = list(words)
    while len(found) < len(names) and session.dialogue.interactive:
        last = len(found) + 1 == len(names)
        answer = session.dialogue.ask(ask if last and ask else names[len(found)], default if last else "")
        if not answer:
            raise CommandError(_("Nothing was changed."))
        found.append(answer)
    if len(found) != len(names):
        raise UsageError(_("Needed: {words}.").format(words=", ".join(names)))
    return found


def picked_machines(session: Session, words: list[str]) -> list[str]:
    """The hosts of an operation; in a terminal, without words, chosen by number or name."""
    if words or not session.dialogue.interactive:
        return words
    names = [member.name for member in session.state.machines.values()]
    question = _("Which machines? Numbers or names, separated by commas")
    found = choose_several(session.dialogue, names, question=question)
    if not found:
        raise CommandError(_("Nothing was changed."))
    return [names[number - 1] for number in found]


def picked_machine(session: Session, words: list[str]) -> list[str]:
    """The one host of an operation, likewise."""
    if words or not session.dialogue.interactive:
        return words
    names = [member.name for member in session.state.machines.values()]
    number = choose(session.dialogue, names, default=None, question=_("Which machine?"))
    if not number:
        raise CommandError(_("Nothing was changed."))
    return [names[number - 1]]


def picked_group(session: Session, question: str, but: str = "") -> str:
    """The name of a group, chosen by number in a terminal; `but` is left out."""
    names = [group.name for group in session.state.groups.values() if group.name != but]
    number = choose(session.dialogue, names, default=None, question=question)
    if not number:
        raise CommandError(_("Nothing was changed."))
    return names[number - 1]


def addgroup(session: Session, words: list[str]) -> None:
    """An empty group (GRP-02)."""
    (name,) = needed(session, words, _("name of the group"), ask=_("Enter the name of the new group."))
    made = membership.add_group(session.replica_id, name, user=session.user, host=session.host.name)
    session.dialogue.say(_("Group {name} added.").format(name=made.name))


def setgroup(session: Session, words: list[str]) -> None:
    """Machines go to another group (GRP-03); the last word is the group."""
    if not words and session.dialogue.interactive:
        words = [*picked_machines(session, words), picked_group(session, _("Into which group?"))]
    if len(words) < 2:
        words = needed(session, words, _("host"), _("group"))
    state = session.state
    *hosts, name = words
    serials = [state.mode_named(Level.MACHINE, host).id for host in hosts]
    group = state.mode_named(Level.GROUP, name)
    membership.set_group(session.replica_id, serials, group.id, user=session.user, host=session.host.name)
    session.dialogue.say(
        _("{hosts} in group {name}.").format(hosts=", ".join(hosts), name=state.mode_name(group))
    )


def renamegroup(session: Session, words: list[str]) -> None:
    """Another name; members and settings stay (GRP-05)."""
    if not words and session.dialogue.interactive:
        words = [picked_group(session, _("Which group?"))]
    old, new = needed(session, words, _("group"), _("new name"), ask=_("Enter the new name of the group."))
    group = session.state.mode_named(Level.GROUP, old)
    membership.rename_group(session.replica_id, group.id, new, user=session.user, host=session.host.name)
    session.dialogue.say(_("Group {old} is now {new}.").format(old=old, new=new))


def deletegroup(session: Session, words: list[str]) -> None:
    """A group goes, its machines to another (GRP-06)."""
    if not words and session.dialogue.interactive:
        words = [picked_group(session, _("Which group?"))]
    if len(words) != 2:
        words = needed(session, words, _("group"))
    state = session.state
    group = state.mode_named(Level.GROUP, words[0])
    target = words[1] if len(words) > 1 else ""
    if not target and state.members(group.id) and session.dialogue.interactive:
        target = picked_group(session, _("It has machines. Which group receives them?"), but=words[0])
    membership.delete_group(
        session.replica_id,
        group.id,
        target_id=state.mode_named(Level.GROUP, target).id if target else None,
        user=session.user,
        host=session.host.name,
    )
    session.dialogue.say(_("Group {name} deleted.").format(name=words[0]))


def safewait(session: Session, words: list[str]) -> None:
    """What holds while settings are in conflict: what was before, or the newest (SYN-08)."""
    if words not in (["on"], ["off"], []):
        raise UsageError(_("safewait takes `on` or `off`."))
    if words:
        membership.set_safe_wait(
            session.replica_id, words == ["on"], user=session.user, host=session.host.name
        )
    if session.state.safe_wait:
        session.dialogue.say(_("Settings changed in two places at once wait for a decision."))
    else:
        session.dialogue.say(_("Of settings changed in two places at once the newest holds."))


def setname(session: Session, words: list[str]) -> None:
    """Another name of the cluster (GRP-08)."""
    question = _("Enter the new name of the cluster.")
    (name,) = needed(session, words, _("name of the cluster"), ask=question, default=session.state.name)
    membership.set_name(session.replica_id, name, user=session.user, host=session.host.name)
    session.dialogue.say(_("The cluster is now {name}.").format(name=session.state.name))
