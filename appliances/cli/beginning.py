"""The question of a mode that has no settings of a feature yet: where to begin (CLI-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from appliances.cli.dialogue import choose
from appliances.cli.errors import CommandError
from appliances.cli.session import Session
from clusters.catalogue import Document
from clusters.modes import CLUSTER, Mode
from clusters.transfers import Start, start_document, starting_points


@dataclass(frozen=True)
class Begun:
    """Settings to edit at a mode: its own, or a beginning; `chosen` says that a person has chosen it here."""

    mode: Mode
    start: Start | None = None
    source: Mode | None = None
    chosen: bool = False

    def document(self, session: Session, feature: Any) -> Document:
        """The document to change, as it is now: read and drafted within `drafts.held` (TRL-09).

        What the mode has got since the person was asked comes first. Raises CommandError where the mode has
        no settings of its own any more.
        """
        own = session.draft_state.defined(self.mode, feature.name)
        if own is not None:
            return own.value
        if self.start is None:
            text = _("{name} is no longer configured at {mode}: somebody has changed that. Look again.")
            raise CommandError(text.format(name=feature.name, mode=session.label(self.mode)))
        return start_document(
            session.replica_id, session.user, self.mode, feature.name, self.start, self.source
        )


def begun(session: Session, feature: Any, how: str | None) -> Begun | None:
    """The settings to edit: those of the mode, or what the person begins with; None if they leave.

    `how` is `--empty`, `--copy` or None to ask. Who cannot be asked begins empty where nobody else defines
    the feature or at the cluster, and has to say how elsewhere: raises CommandError.
    """
    mode = session.mode_for(feature.name)
    own = session.draft_state.defined(mode, feature.name)
    if own is not None:
        return Begun(mode)
    if how is not None:
        return Begun(mode, Start.EMPTY if how == "--empty" else Start.INHERITED)
    points = starting_points(session.replica_id, session.user, mode, feature.name)
    if not points:
        return Begun(mode, Start.EMPTY)
    if session.dialogue.interactive:
        return _asked(session, feature, mode, points)
    if mode == CLUSTER:
        return Begun(mode, Start.EMPTY)
    raise CommandError(
        _(
            "{name} is not configured at {mode}; it is at {others}. Add --empty to begin with nothing, "
            "--copy to begin with a copy of what is inherited, or switch with `clustermode`."
        ).format(
            name=feature.name, mode=session.label(mode), others=", ".join(session.label(m) for m in points)
        )
    )


def _asked(session: Session, feature: Any, mode: Mode, points: list[Mode]) -> Begun | None:
    session.dialogue.say(_("{name} is not configured for the current mode.").format(name=feature.name))
    number = choose(
        session.dialogue,
        [
            _('Switch to mode "{mode}"').format(mode=session.label(points[0])),
            _("Start new, empty settings here ({mode})").format(mode=session.label(mode)),
            _("Copy from another mode to here"),
        ],
    )
    if number == 1:
        session.mode = points[0]
        return begun(session, feature, None)
    if number == 2:
        return Begun(mode, Start.EMPTY, chosen=True)
    return _copied(session, mode, points) if number == 3 else None


def _copied(session: Session, mode: Mode, points: list[Mode]) -> Begun | None:
    number = choose(session.dialogue, [session.label(point) for point in points])
    return Begun(mode, Start.MODE, points[number - 1], chosen=True) if number else None
