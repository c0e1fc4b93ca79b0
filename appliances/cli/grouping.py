"""Groups and the cluster's name: operations of `clusterconfig` (GRP-02..GRP-08)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from appliances.cli.errors import UsageError
from appliances.cli.session import Session
from clusters import membership
from clusters.modes import Level


def needed(session: Session, words: list[str], *questions: str) -> list[str]:
    """The words of an operation; in a terminal the missing ones are asked. Raises UsageError."""
    found = list(words)
    while len(found) < len(questions) and session.dialogue.interactive:
        answer = session.dialogue.ask(questions[len(found)])
        if not answer:
            break
        found.append(answer)
    if len(found) != len(questions):
        raise UsageError(_("Needed: {words}.").format(words=", ".join(questions)))
    return found


def addgroup(session: Session, words: list[str]) -> None:
    """An empty group (GRP-02)."""
    (name,) = needed(session, words, _("name of the group"))
    made = membership.add_group(session.replica_id, name, user=session.user, host=session.host.name)
    session.dialogue.say(_("Group {name} added.").format(name=made.name))


def setgroup(session: Session, words: list[str]) -> None:
    """Machines go to another group (GRP-03); the last word is the group."""
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
    old, new = needed(session, words, _("group"), _("new name"))
    group = session.state.mode_named(Level.GROUP, old)
    membership.rename_group(session.replica_id, group.id, new, user=session.user, host=session.host.name)
    session.dialogue.say(_("Group {old} is now {new}.").format(old=old, new=new))


def deletegroup(session: Session, words: list[str]) -> None:
    """A group goes, its machines to another (GRP-06)."""
    if len(words) != 2:
        words = needed(session, words, _("group"))
    state = session.state
    group = state.mode_named(Level.GROUP, words[0])
    target = words[1] if len(words) > 1 else ""
    if not target and state.members(group.id) and session.dialogue.interactive:
        target = session.dialogue.ask(_("It has machines. Which group receives them?"))
    membership.delete_group(
        session.replica_id,
        group.id,
        target_id=state.mode_named(Level.GROUP, target).id if target else None,
        user=session.user,
        host=session.host.name,
    )
    session.dialogue.say(_("Group {name} deleted.").format(name=words[0]))


def setname(session: Session, words: list[str]) -> None:
    """Another name of the cluster (GRP-08)."""
    (name,) = needed(session, words, _("name of the cluster"))
    membership.set_name(session.replica_id, name, user=session.user, host=session.host.name)
    session.dialogue.say(_("The cluster is now {name}.").format(name=session.state.name))
