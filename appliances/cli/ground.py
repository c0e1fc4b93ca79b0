"""What a session stands on: a cluster, or a machine alone; what is said when that has changed (TRL-35)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from appliances.cli.dialogue import Dialogue
from clusters import models


@dataclass(frozen=True)
class Ground:
    """The cluster of a replica; `name` is empty for a machine that is in none."""

    cluster_id: uuid.UUID
    name: str

    @classmethod
    def of(cls, replica_id: int) -> Ground:
        """The ground now."""
        return cls(*models.Replica.objects.values_list("cluster_id", "name").get(pk=replica_id))

    def is_other_than(self, before: Ground) -> bool:
        """Whether the machine has come into a cluster, or out of one, since."""
        return self._cluster != before._cluster

    @property
    def _cluster(self) -> uuid.UUID | None:
        # A machine that is alone may get another id on the way; for people it is alone all the same.
        return self.cluster_id if self.name else None

    def change_since(self, before: Ground) -> str:
        """What has happened, in a sentence."""
        told = {"name": self.name, "before": before.name}
        if not self.name:
            text = _(
                "This machine is no longer in the cluster {before}: it was removed, and goes on alone with "
                "the settings that it had."
            )
        elif before.name:
            text = _("This machine is in the cluster {name} now, no longer in {before}.")
        else:
            text = _("This machine is in the cluster {name} now, no longer on its own.")
        return text.format(**told)


class Grounded:
    """A dialogue whose answers count only on the ground on which they were asked for.

    `require` raises where that is another one by the time of the answer.
    """

    def __init__(self, dialogue: Dialogue, require: Callable[[], None]) -> None:
        self._dialogue = dialogue
        self._require = require

    @property
    def interactive(self) -> bool:
        return self._dialogue.interactive

    def begin(self, *, paged: bool) -> None:
        self._dialogue.begin(paged=paged)

    def say(self, text: str = "") -> None:
        self._dialogue.say(text)

    def warn(self, text: str) -> None:
        self._dialogue.warn(text)

    def ask(self, question: str, default: str = "") -> str:
        return self._answered(self._dialogue.ask(question, default))

    def secret(self, question: str) -> str:
        return self._answered(self._dialogue.secret(question))

    def input_text(self) -> str:
        return self._answered(self._dialogue.input_text())

    def _answered(self, answer: str) -> str:
        self._require()
        return answer
