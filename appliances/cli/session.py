"""One login: who it is, where they are, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from appliances.cli.dialogue import Dialogue
from appliances.cli.errors import CommandError, GroundChanged
from appliances.cli.ground import Ground, Grounded
from clusters import drafts, naming, replicas
from clusters.catalogue import Scope
from clusters.installed import catalogue
from clusters.modes import CLUSTER, Level, Mode, machine
from clusters.state import ClusterState, UnknownMode

if TYPE_CHECKING:
    from appliances.cli.login_host import LoginHost


class Right(IntEnum):
    """What a role may do; each includes those before it."""

    GUEST = 0
    READ = 1
    EDIT = 2
    ADMINISTER = 3


RIGHTS = {
    "guest": Right.GUEST,
    "readonly": Right.READ,
    "operator": Right.EDIT,
    "administrator": Right.ADMINISTER,
}


@dataclass
class Session:
    """A person (or script) on a login host. The mode belongs to it alone (CLI-06)."""

    user: str
    role: str
    host: LoginHost
    dialogue: Dialogue
    mode: Mode = CLUSTER
    as_json: bool = False
    visiting: bool = False
    paging: bool = True
    history: list[str] = field(default_factory=list)
    ground: Ground | None = None
    """Known from the first prompt on: a session begins on the event loop, which reads no database."""
    pending: dict[str, str] = field(default_factory=dict)
    """What the person had not committed when last looked at: entries and what they are called."""

    @classmethod
    def begun(cls, user: str, role: str, host: LoginHost, dialogue: Dialogue) -> Session:
        """A new session: in the machine mode of the login host (CLI-01)."""
        session = cls(user, role, host, dialogue, machine(host.serial))
        session.dialogue = Grounded(dialogue, session.require_ground)
        return session

    @property
    def right(self) -> Right:
        return RIGHTS.get(self.role, Right.GUEST)

    @property
    def replica_id(self) -> int:
        return self.host.replica_id

    @property
    def state(self) -> ClusterState:
        """What is in force."""
        return replicas.state(self.replica_id)

    @property
    def draft_state(self) -> ClusterState:
        """What would be in force after this person's commit."""
        return drafts.draft_state(self.replica_id, self.user)

    @property
    def own_mode(self) -> Mode:
        """The machine mode of the login host."""
        return machine(self.host.serial)

    @property
    def host_name(self) -> str:
        """The name of the login host, as commits and prompts give it."""
        return self.host.name

    def settle(self) -> None:
        """After others changed the cluster: the ground may be another, a mode gone, a role another one.

        Raises GroundChanged, once, and CommandError for a user who is gone. Who is `visiting` is known to the
        member they come from.
        """
        if changed := self._moved():
            raise GroundChanged(changed)
        if not self.visiting:
            role = self.host.role_of(self.user)
            if role is None:
                raise CommandError(_("The user {name} is gone.").format(name=self.user))
            self.role = role
        self.remember()

    def stand(self, mode: Mode) -> None:
        """This session itself moved the machine into a cluster, or out of one; it goes on in that mode."""
        self.ground, self.mode, self.pending = Ground.of(self.replica_id), mode, {}

    def remember(self) -> None:
        """Keeps what is pending now, to be told should it go with the ground."""
        if self.ground == Ground.of(self.replica_id):
            state, found = self.draft_state, drafts.changes(self.replica_id, self.user)
            self.pending = {str(each.address): naming.entry_label(state, each.address) for each in found}

    @property
    def overtaken(self) -> bool:
        """Whether the ground is another one, or the mode gone, and the person has not been told."""
        now = Ground.of(self.replica_id)
        return now.is_other_than(self.ground or now) or self._mode_is_gone()

    def require_ground(self) -> None:
        """See that a question is answered on the ground on which it was asked; raises GroundChanged."""
        if changed := self._moved():
            raise GroundChanged(changed + " " + _("The question is void; nothing was done."))

    def _mode_is_gone(self) -> bool:
        # Removed and not alone yet, a machine has no mode of its own; its sessions still stand there.
        state = self.state
        return not state.standalone and self.mode not in (*state.modes(), self.own_mode)

    def _moved(self) -> str:
        """What has changed under the session, said once; it stands on the new ground then."""
        now = Ground.of(self.replica_id)
        before, self.ground = self.ground or now, now
        told = [now.change_since(before)] if now.is_other_than(before) else []
        if told or self._mode_is_gone():
            self.mode = self.own_mode
            told = [*(told or [_("The mode in which you were is gone.")]), *self._what_goes_with_it()]
        return " ".join(told)

    def _what_goes_with_it(self) -> list[str]:
        there = {str(each.address) for each in drafts.changes(self.replica_id, self.user)}
        lost = [label for address, label in self.pending.items() if address not in there]
        self.pending = {}
        found = []
        if lost:
            found.append(_("Your pending changes went with it: {names}.").format(names=", ".join(lost)))
        if not self.state.standalone:
            found.append(_("The mode is {mode}.").format(mode=self.label(self.mode)))
        return found

    def prompt(self) -> str:
        """`(Cluster Americas)> `; only the host's name while standalone (CLI-03)."""
        state = self.state
        if state.standalone:
            return f"{self.host_name}> "
        return f"({naming.mode_label(state, self.mode)})> "

    def label(self, mode: Mode) -> str:
        """`Group Paris`."""
        state = self.state
        if state.standalone:
            return _("this machine")
        return naming.mode_label(state, mode)

    def mode_for(self, feature: str) -> Mode:
        """Where an edit of the feature lands (CLI-04)."""
        if not self.state.standalone:
            return self.mode
        local = catalogue()[feature].scope is Scope.MACHINE
        return self.own_mode if local else CLUSTER

    def named_mode(self, words: list[str]) -> Mode:
        """The mode of `cluster`, `group NAME` or `machine NAME`; raises CommandError (CLI-05)."""
        try:
            level = Level(words[0].casefold())
            if level is Level.CLUSTER and len(words) > 1:
                raise ValueError
            return self.state.mode_named(level, " ".join(words[1:]))
        except (ValueError, IndexError):
            raise CommandError(_("Name a mode: cluster, group NAME or machine NAME.")) from None
        except UnknownMode as error:
            raise CommandError(str(error)) from None
