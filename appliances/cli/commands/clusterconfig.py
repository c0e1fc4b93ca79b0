"""`clusterconfig`: create and join a cluster, its groups and members; all effective at once (CMT-08)."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli import clustering, communicating, grouping, joining, preflight, preparing
from appliances.cli.dialogue import choose, operation
from appliances.cli.errors import CommandError, GroundChanged, UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.cli.suggesting import suggestion
from appliances.links.errors import LinkError
from clusters.refusals import refusals_and

USAGE = """\
clusterconfig new NAME [--by-name | --by-address]     create a cluster of this machine
clusterconfig join ADDRESS --fingerprint SHA256:...   join one over SSH: [--port 22] [--user admin]
                                                      [--group G] [--passphrase-stdin] [--keep FEATURE,...]
                  [--prepared]                        with the key that a member was prepared for
                  [--ccs]                             the same over CCS, port 2222
                  [--dry-run [--json]]                only what it would do
clusterconfig preflight ADDRESS [--port 22] [--ccs] [--fingerprint SHA256:...] [--json]   what would hinder it
clusterconfig list | listdetail | connstatus [--json]
clusterconfig addgroup NAME | renamegroup OLD NEW | deletegroup NAME [TARGET] | setgroup HOST GROUP
clusterconfig setname NAME
clusterconfig safewait [on | off]                     settings in conflict wait, or the newest holds
clusterconfig disconnect HOST... | reconnect HOST...
clusterconfig removemachine HOST [--yes]              it goes on alone with the settings that it has; --yes:
                                                      also where uncommitted changes there are lost
clusterconfig removeportal NAME                       it no longer follows the cluster
clusterconfig communication [address | name | HOST ADDRESS [PORT]]   how the machines reach one another
clusterconfig prepjoin print                          host, serial number and keys of this machine
clusterconfig prepjoin [new HOST SERIAL KEY | delete HOST]   who may join with a key, once committed"""

ALONE: dict[str, Callable[[Session, list[str]], None]] = {
    "new": clustering.new,
    "join": joining.join,
    "preflight": preflight.run,
    "prepjoin": preparing.prepjoin,
}
MEMBER: dict[str, Callable[[Session, list[str]], None]] = {
    "addgroup": grouping.addgroup,
    "setgroup": grouping.setgroup,
    "renamegroup": grouping.renamegroup,
    "deletegroup": grouping.deletegroup,
    "removemachine": clustering.removemachine,
    "removeportal": clustering.removeportal,
    "setname": grouping.setname,
    "safewait": grouping.safewait,
    "list": clustering.list_members,
    "listdetail": clustering.listdetail,
    "connstatus": clustering.connstatus,
    "communication": communicating.communication,
    "disconnect": clustering.disconnect,
    "reconnect": clustering.reconnect,
    "prepjoin": preparing.prepjoin,
}
WORDLESS = ("list", "listdetail", "connstatus")
OPERATIONS = {
    "addgroup": gettext_noop("Add a cluster group."),
    "setgroup": gettext_noop("Set the group that machines are a member of."),
    "renamegroup": gettext_noop("Rename a cluster group."),
    "deletegroup": gettext_noop("Remove a cluster group."),
    "removemachine": gettext_noop("Remove a machine from the cluster."),
    "setname": gettext_noop("Set the cluster name."),
    "list": gettext_noop("List the machines in the cluster."),
    "listdetail": gettext_noop("List the machines in the cluster with detail."),
    "connstatus": gettext_noop("Show the connections of this machine with the others."),
    "communication": gettext_noop("Set how the machines reach one another."),
    "disconnect": gettext_noop("Temporarily detach machines from the cluster."),
    "reconnect": gettext_noop("Restore connections with machines that were previously detached."),
    "prepjoin": gettext_noop("Prepare the addition of a new machine over SSH or CCS."),
    "safewait": gettext_noop("Set what holds while settings are in conflict."),
    "removeportal": gettext_noop("Remove a portal that follows the cluster."),
}
"""The menu of a member: the operations of the original in its order, then those that are ours."""
LOOKING = frozenset({"list", "listdetail", "connstatus", "preflight"})


def _clusterconfig(session: Session, words: list[str]) -> None:
    if not words:
        return _menu(session)
    verb = words[0].casefold()
    known = ALONE if session.state.standalone else MEMBER
    if verb not in known:
        raise _unknown(session, verb)
    if verb in WORDLESS and len(words) > 1:
        text = _("clusterconfig {verb} takes no words; it does not know {word!r}.")
        raise UsageError(text.format(verb=verb, word=words[1][:60]))
    if verb not in LOOKING and session.right < Right.ADMINISTER:
        raise CommandError(_("clusterconfig {verb} needs the role administrator.").format(verb=verb))
    if (verb in ALONE and verb not in LOOKING) or verb == "removemachine":
        _point_out_sessions(session)
    return known[verb](session, words[1:])


def _point_out_sessions(session: Session) -> None:
    """Others who are logged in here are about to be surprised (JN-22)."""
    others = [f"{login.user} ({login.address})" for login in session.host.sessions.beside(session.user)]
    if others:
        text = _("Logged in here too, better logged out before: {names}")
        session.dialogue.warn(text.format(names=", ".join(sorted(others))))


def _unknown(session: Session, verb: str) -> CommandError:
    if verb in MEMBER:
        return CommandError(_("This machine is in no cluster. Create one, or join one, first."))
    if verb in ALONE:
        return CommandError(
            _("This machine is in the cluster {name} already.").format(name=session.state.name)
        )
    text = _("clusterconfig does not know {verb!r}; see `help clusterconfig`.").format(verb=verb)
    return UsageError(text + suggestion(verb, ALONE if session.state.standalone else MEMBER))


def _menu(session: Session) -> None:
    if not session.dialogue.interactive:
        raise UsageError(_("Say which operation; see `help clusterconfig`."))
    if session.state.standalone:
        _alone(session)
    else:
        _operations(session)


def _alone(session: Session) -> None:
    """The choices of a standalone machine (CR-01)."""
    session.dialogue.say(_("Do you want to join or create a cluster?"))
    number = choose(
        session.dialogue,
        [
            _("No, configure as standalone."),
            _("Create a new cluster."),
            _("Join an existing cluster over SSH."),
            _("Join an existing cluster over CCS."),
        ],
    )
    if number == 2:
        clustering.new(session, [])
    elif number == 3:
        joining.join(session, [])
    elif number == 4:
        joining.join_over_ccs(session)
    if number > 1 and not session.state.standalone:
        _operations(session)


def _operations(session: Session) -> None:
    """The operations of a member, until the person leaves; a mistake does not throw them out."""
    known = {name: _(sentence) for name, sentence in OPERATIONS.items()}
    while not session.state.standalone:
        session.dialogue.say(_("Cluster {name}").format(name=session.state.name))
        try:
            words = operation(session.dialogue, known)
            if not words:
                return
            _clusterconfig(session, words)
        except GroundChanged:
            raise
        except refusals_and(CommandError, LinkError) as error:
            session.dialogue.warn(str(error))


COMMANDS = [
    Command(
        "clusterconfig",
        _clusterconfig,
        gettext_noop("create, join and administer the cluster"),
        USAGE,
        Place.CLUSTER,
        Right.READ,
        from_portal=("reconnect",),
        completions=(*ALONE, *MEMBER),
    )
]
