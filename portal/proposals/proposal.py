"""A proposal: changes of one person that take effect later, and all that happened to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clusters.phrases import Text
from clusters.sealed_columns import SealedChangesField
from clusters.trying import Tried
from clusters.versions import Address, Change, CommitId
from portal.hints import group_of, hint
from portal.phrases import PhraseField
from portal.proposals.stop_rule import Canary
from portal.tenants import ClusterRole, ManagedCluster, Member, Person, Right, Role, Tenant, TenantManager


class State(models.TextChoices):
    """Where a proposal stands."""

    APPROVAL = "approval", _("waits for approval")
    WINDOW = "window", _("waits for its window")
    CANARY = "canary", _("some machines try it")
    COMMITTED = "committed", _("committed")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")
    STOPPED = "stopped", _("stopped")
    STALE = "stale", _("overtaken")


OPEN = (State.APPROVAL, State.WINDOW, State.CANARY)
"""States in which something will still happen by itself or by a decision."""


class Proposal(models.Model):
    """Frozen changes with the versions on which they build, as drafts hold them.

    A state is only left by `move`, which two workers never do both. `trial`, `commit` and `returned` are the
    commits that it made: of the try, of the whole change, of the way back.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    cluster = models.ForeignKey(ManagedCluster, models.CASCADE, related_name="proposals")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    user = models.CharField(_("user"), max_length=255, help_text=_("Makes the commit and holds the drafts."))
    comment = models.TextField(_("comment"), blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.APPROVAL)
    changes = SealedChangesField(_("changes"), default=list)
    settles = models.JSONField(_("versions of conflicts that it may end"), default=list, blank=True)
    canary = models.JSONField(_("machines that try it"), null=True, blank=True)
    at_once = models.TextField(_("reason to pass by the window"), blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided = models.DateTimeField(_("decided"), null=True, blank=True)
    decision = models.TextField(_("comment on the decision"), blank=True)
    tried = SealedChangesField(_("entries of the try"), default=list, blank=True)
    before = models.JSONField(_("machines before the try"), default=dict, blank=True)
    began = models.DateTimeField(_("try began"), null=True, blank=True)
    watched_until = models.DateTimeField(_("watched until"), null=True, blank=True)
    paused = models.BooleanField(_("paused"), default=False)
    trial = models.CharField(_("commit of the try"), max_length=100, blank=True)
    commit = models.CharField(_("commit"), max_length=100, blank=True, db_index=True)
    returned = models.CharField(_("commit of the return"), max_length=100, blank=True)
    reason = PhraseField(_("reason"), blank=True)
    taken_back = models.BooleanField(_("changes are pending again"), default=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    everything = models.Manager()
    objects = TenantManager()

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["cluster", "state"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["cluster"], condition=models.Q(state=State.CANARY), name="one_try_per_cluster"
            )
        ]

    def __str__(self) -> str:
        return self.comment or f"#{self.pk}"

    @property
    def replica_id(self) -> int:
        return int(self.cluster.replica_id)

    @property
    def open(self) -> bool:
        """Whether something will still happen to it."""
        return self.state in OPEN

    @property
    def may_be_taken_back(self) -> bool:
        """Whether its changes still lie here and nowhere else."""
        return self.state == State.STALE and not self.taken_back

    @property
    def frozen(self) -> list[Change]:
        """The changes."""
        return [Change.from_wire(raw) for raw in self.changes]

    @property
    def rule(self) -> Canary | None:
        """Who tries it first; None where nobody does."""
        return None if self.canary is None else Canary.model_validate(self.canary)

    @property
    def trying(self) -> list[Tried]:
        """The entries that the machines that try it got for the time of the try."""
        return [Tried(Address.parse(t["address"]), t["had"], t["value"]) for t in self.tried]

    @property
    def trial_id(self) -> CommitId | None:
        """The commit that began the try."""
        return CommitId.parse(self.trial) if self.trial else None

    def move(self, before: str, after: str, /, **columns: Any) -> bool:
        """Leave the state `before`; False when somebody else was faster. Browsers are told."""
        ends = {} if after in OPEN else {"ended": timezone.now()}
        rows = Proposal.everything.filter(pk=self.pk, state=before)
        if not rows.update(state=after, **{**ends, **columns}):
            return False
        self.refresh_from_db()
        self.announce()
        return True

    def note(self, **columns: Any) -> None:
        """Write columns that are no state."""
        Proposal.everything.filter(pk=self.pk).update(**columns)
        self.refresh_from_db()

    def say(self, text: Text, user: str = "") -> None:
        """Add a line to its log; `user` is who did it, empty for what happened by itself."""
        ProposalLine(proposal=self, text=text, user=user).save()

    def announce(self) -> None:
        """Tell browsers to look again, once it is true."""
        group, slug = group_of(self.replica_id), self.cluster.slug
        transaction.on_commit(lambda: hint(group, "settings", slug))


class ProposalLine(models.Model):
    """One line of a proposal's log."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="lines")
    at = models.DateTimeField(_("at"), auto_now_add=True)
    user = models.CharField(_("user"), max_length=255, blank=True)
    text = PhraseField(_("text"))

    class Meta:
        verbose_name = _("line of a proposal")
        verbose_name_plural = _("lines of proposals")
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return str(self.text)


APPROVING = [role for role in Role if role.may(Right.APPROVE)]


def waiting_for(person: Person) -> models.QuerySet[Any]:
    """Proposals that wait for the person: to be decided on, or overtaken and to be taken back."""
    here = ClusterRole.objects.filter(member__user=person.pk, cluster=models.OuterRef("cluster"))
    everywhere = Member.objects.filter(user=person.pk, tenant=models.OuterRef("tenant"), role__in=APPROVING)
    approver = models.Exists(here.filter(role__in=APPROVING)) | (
        models.Exists(everywhere) & ~models.Exists(here)
    )
    to_decide = models.Q(approver) & _of_others(person)
    return Proposal.objects.seen_by(person).filter(to_decide | _overtaken(person))


def waiting_in(cluster: ManagedCluster, person: Person, role: Role) -> models.QuerySet[Any]:
    """Those of one cluster, in which the person has the role."""
    waits = _overtaken(person)
    if role.may(Right.APPROVE):
        waits |= _of_others(person)
    return Proposal.everything.filter(waits, cluster=cluster)


def _of_others(person: Person) -> models.Q:
    return models.Q(state=State.APPROVAL) & ~models.Q(author=person)


def _overtaken(person: Person) -> models.Q:
    return models.Q(author=person, state=State.STALE, taken_back=False)


def of_commits(cluster: ManagedCluster, commits: Sequence[str]) -> dict[str, Proposal]:
    """The proposals that made these commits, by the ids of all commits that each made; one query."""
    made = models.Q(commit__in=commits) | models.Q(trial__in=commits) | models.Q(returned__in=commits)
    rows = cluster.proposals.filter(made).select_related("author", "decided_by")
    return {ident: row for row in rows for ident in (row.trial, row.returned, row.commit) if ident}
