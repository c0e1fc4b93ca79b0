"""Which messages of a queue words mean."""

from datetime import UTC, datetime

import pytest

from appliances.postfix.queue import Queued, Waiting
from appliances.postfix.selecting import alike, selected


def message(*recipients: str) -> Queued:
    return Queued("hold", "x", datetime.now(UTC), 1, "", tuple(map(Waiting, recipients)))


@pytest.mark.parametrize("written", ["faß.de", "FAẞ.DE", "xn--fa-hia.de", "XN--FA-HIA.DE"])
def test_host_is_told_from_the_one_that_looks_like_it_without_case(written: str) -> None:
    """TRL-05: what is deleted belongs to nobody else."""
    meant = selected([f"host={written}"])
    assert meant(message("u@xn--fa-hia.de"))
    assert meant(message("u@faß.de"))
    assert not meant(message("u@fass.de"))
    assert not meant(message("u@sub.xn--fa-hia.de"))


def test_addresses_are_alike_whatever_their_case() -> None:
    """TRL-05: as in the tables of Postfix."""
    assert alike("Ann@Faß.DE") == alike("ann@xn--fa-hia.de")
    assert alike("ann@faß.de") != alike("ann@fass.de")
