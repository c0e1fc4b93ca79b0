"""What a caller shows to the person instead of failing."""

from __future__ import annotations

import pytest

from clusters.refusals import REFUSALS, Leaving, refusals_and


class CannotBeReached(Exception):
    """Of a floor that `clusters` knows nothing of."""


@pytest.mark.parametrize("error", [Leaving("it goes on alone"), CannotBeReached("mx2 is away")])
def test_refusals_and_those_of_the_callers_floor_are_caught_by_one_except(error: Exception) -> None:
    with pytest.raises(refusals_and(CannotBeReached)) as caught:
        raise error
    assert caught.value is error


def test_what_a_caller_does_not_name_is_no_refusal() -> None:
    assert not issubclass(CannotBeReached, refusals_and(TimeoutError))
    assert issubclass(Leaving, refusals_and())
    assert refusals_and() == REFUSALS
