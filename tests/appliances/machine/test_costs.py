"""What a login may cost, whatever stands in the document of the users."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from appliances.features.userconfig import User
from appliances.machine.people import hashed, matches

REST = "$c29tZXNhbHQ$aGFzaGVkaGFzaGVkaGFzaGVkaGFzaGVk"


@pytest.mark.parametrize(
    "costs", ["m=262145,t=3,p=4", "m=65536,t=11,p=4", "m=65536,t=3,p=17", "m=999999999,t=9,p=1"]
)
def test_hash_of_any_cost_is_refused(costs: str) -> None:
    """TRU-08: one such document would take the memory of every machine at the first guess."""
    with pytest.raises(ValidationError, match="costs too much"):
        User(name="eve", passphrase_hash=f"$argon2id$v=19${costs}{REST}")
    User(name="eve", passphrase_hash=f"$argon2id$v=19$m=262144,t=10,p=16{REST}")


def test_hash_of_another_member_beyond_all_bounds_is_not_computed() -> None:
    """TRU-08: it came past the check of the settings, and nobody logs in by it."""
    begun = time.process_time()
    assert not matches(f"$argon2id$v=19$m=1048576,t=99999,p=1{REST}", "x")
    assert time.process_time() - begun < 60
    assert matches(hashed("correct horse"), "correct horse")
