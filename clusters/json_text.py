"""JSON that a person types."""

from __future__ import annotations

import json
from typing import Any


class CarefulDecoder(json.JSONDecoder):
    """Says of a text that is nested too deeply that it is no JSON it can read; forms tell people so."""

    def decode(self, s: str, *more: Any) -> Any:
        """The value; raises JSONDecodeError."""
        try:
            return super().decode(s, *more)
        except RecursionError:
            raise json.JSONDecodeError("nested too deeply", s[:80], 0) from None
