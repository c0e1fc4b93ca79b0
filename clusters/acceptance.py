"""What is checked before anything is committed."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext

from clusters import models, replicas, versions
from clusters.catalogue import Document, InvalidDocument, Problem
from clusters.installed import catalogue
from clusters.modes import Level, Mode, machine
from clusters.phrases import phrase as _
from clusters.refusals import HiddenComment, Leaving, LongComment
from clusters.state import ClusterState, UnknownMode
from clusters.versions import Address, Change, Kind
from clusters.visible import first_invisible


def require_mode(state: ClusterState, holder: str, mode: Mode) -> None:
    """See that the cluster has the mode; a standalone machine has its own. Raises UnknownMode."""
    if not (state.standalone and mode == machine(holder)):
        if state.standalone and mode.level is not Level.CLUSTER:
            raise UnknownMode(_("This machine is in no cluster: it has no groups, and no other machines."))
        state.mode_name(mode)


def require_staying(row: models.Replica) -> None:
    """See that the holder was not removed: what is written before it goes on alone would be lost (TRL-12).

    Raises Leaving.
    """
    own = Address(Kind.MACHINE, row.serial)
    found = replicas.heads(row.pk, [own]).get(own)
    if found and found[0].value is None:
        raise Leaving(
            _("This machine was removed from its cluster and is about to go on alone. Try again in a moment.")
        )


def check_comment(comment: str) -> None:
    """See that a comment is text that everybody can see whole (TRU-04). Raises LongComment, HiddenComment."""
    if hidden := first_invisible(comment.replace("\r\n", "\n"), keep="\n\t"):
        raise HiddenComment(
            _("The comment contains the character %(code)s, which nobody sees; remove it.")
            % {"code": f"U+{ord(hidden):04X}"}
        )
    if len(comment) > versions.MAX_TEXT:
        raise LongComment(
            _("The comment has %(length)d characters; %(most)d are allowed.")
            % {"length": len(comment), "most": versions.MAX_TEXT}
        )


def check_values(replica_id: int, changes: Iterable[Change]) -> None:
    """Check values against the catalogue and the modes of now.

    Raises InvalidDocument, WrongLevel, UnknownFeature, UnknownMode.
    """
    row = models.Replica.objects.get(pk=replica_id)
    state = replicas.state_of(row)
    for change in changes:
        if change.value is not None:
            checked(row, state, change.address, change.value)


def checked(row: models.Replica, state: ClusterState, address: Address, value: object) -> Document:
    """The value of an entry that a person gives, in its normal form; raises what check_values raises."""
    if address.mode is not None:
        require_mode(state, row.serial, address.mode)
        return catalogue().check(address.name, address.mode, value)
    if not isinstance(value, dict):
        raise InvalidDocument(address.kind, [Problem("", gettext("The value of an entry is an object."))])
    return value
