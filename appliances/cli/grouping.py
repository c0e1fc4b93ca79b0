"""Groups and the cluster's name: operations of `clusterconfig` (GRP-02..GRP-08)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.utils.translation import gettext as _

from appliances.cli.dialogue import answered, choose, choose_several
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.session import Session
from clusters import membership
from clusters.modes import Level

T = TypeVar("T")


def require_words(words: list[str], count: int, form: str) -> list[str]:
    """The words of an operation, as many as it takes; `form` is how it is typed. Raises UsageError."""
    if len(words) != count:
        raise UsageError(_("This is typed as: clusterconfig {form}").format(form=form))
    return words


def one_word(
    session: Session, words: list[str], form: str, question: str, take: Callable[[str], T], default: str = ""
) -> T:
    """What `take` makes of the one word of an operation.

    In a terminal it is asked for, until it is taken. Raises Left, UsageError, and what `take` raises.
    """
    if not words and session.dialogue.interactive:
        return answered(session.dialogue, question, take, default)
    return take(*require_words(words, 1, form))


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

    def add(name: str) -> str:
        return membership.add_group(session.replica_id, name, user=session.user, host=session.host.name).name

    name = one_word(session, words, "addgroup NAME", _("Enter the name of the new group."), add)
    session.dialogue.say(_("Group {name} added.").format(name=name))


def setgroup(session: Session, words: list[str]) -> None:
    """Machines go to another group (GRP-03); the last word is the group."""
    if not words and session.dialogue.interactive:
        words = [*picked_machines(session, words), picked_group(session, _("Into which group?"))]
    if len(words) < 2:
        require_words(words, 2, "setgroup HOST... GROUP")
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
        old, rest = picked_group(session, _("Which group?")), []
    else:
        old, *rest = require_words(words, 2, "renamegroup OLD NEW")
    group = session.state.mode_named(Level.GROUP, old)

    def rename(new: str) -> str:
        membership.rename_group(session.replica_id, group.id, new, user=session.user, host=session.host.name)
        return new

    form, question = "renamegroup OLD NEW", _("Enter the new name of the group.")
    new = one_word(session, rest, form, question, rename)
    session.dialogue.say(_("Group {old} is now {new}.").format(old=old, new=new))


def deletegroup(session: Session, words: list[str]) -> None:
    """A group goes, its machines to another (GRP-06)."""
    if not words and session.dialogue.interactive:
        words = [picked_group(session, _("Which group?"))]
    if len(words) != 2:
        require_words(words, 1, "deletegroup NAME [TARGET]")
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

    def rename(name: str) -> None:
        membership.set_name(session.replica_id, name, user=session.user, host=session.host.name)

    question = _("Enter the new name of the cluster.")
    one_word(session, words, "setname NAME", question, rename, session.state.name)
    session.dialogue.say(_("The cluster is now {name}.").format(name=session.state.name))
