"""Which settings Postfix runs with, kept on disk: the generation fence of `clusters.fence` over restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from appliances.machine.home import replace_json
from clusters.fence import Fence


@dataclass(frozen=True)
class KeptFence:
    """The last settings that were confirmed. `since` in milliseconds since 1970 UTC; `digest` names the

    rendered files, `generation` their number.
    """

    cluster: str = ""
    vector: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    digest: str = ""
    generation: int = 0
    since: int = 0

    def forbids(self, cluster: str, vector: Mapping[str, int]) -> bool:
        """Whether settings of that cluster at that vector lack something that is in force already."""
        return cluster == self.cluster and not Fence(self.vector).admits(vector)

    def save(self, path: Path) -> None:
        """Keeps it; raises OSError."""
        replace_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> KeptFence:
        """The kept one; an empty one where there is none or it cannot be read: then nothing is known."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()
