"""The generation fence: an older set of settings never replaces a newer one (design, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusters.versions import Vector, covers


class OlderGeneration(Exception):
    """Settings that lack a commit which is applied already; however they came, they are too late."""


@dataclass
class Fence:
    """What one machine has applied: the vector of the replica from which it took the settings.

    A holder keeps `applied` on disk with the settings, so that a restart changes nothing.
    """

    applied: Vector = field(default_factory=dict)

    def admits(self, vector: Vector) -> bool:
        """Whether settings of that vector are at least as new as the applied ones."""
        return covers(vector, self.applied)

    def admit(self, vector: Vector) -> None:
        """Note that settings of that vector are applied; raises OlderGeneration and stays as it was."""
        if not self.admits(vector):
            raise OlderGeneration(f"{dict(self.applied)} is applied, and {dict(vector)} lacks some of it")
        self.applied = dict(vector)
