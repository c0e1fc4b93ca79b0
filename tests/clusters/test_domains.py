"""The one form of a domain name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.addressing import check_address, check_host
from clusters.domains import NotADomain, Numeric, ascii_domain, is_domain, understood
from clusters.membership_refusals import BadAddress


@given(st.text(max_size=40) | st.from_regex(r"[a-zß日ü.-]{1,20}", fullmatch=True))
def test_form_of_a_form_is_itself(text: str) -> None:
    """TRL-05: what is kept is understood again."""
    if is_domain(text):
        form = ascii_domain(text)
        assert form.isascii()
        assert ascii_domain(form) == form
        assert understood(text).lower().removesuffix(".") == form


def test_name_that_no_domain_can_be_is_left_for_the_search_as_it_is() -> None:
    """TRL-05: nothing is found under it, instead of something else."""
    assert understood("a💩.la") == "a💩.la"
    with pytest.raises(NotADomain) as refused:
        ascii_domain("a💩.la")
    assert refused.value.character == "💩"


@pytest.mark.parametrize("host", ["127.20.50.1-20", "192.0.2.7", "10.0.0.300", "mx.7", "0x7f.1"])
def test_member_is_not_called_by_numbers_where_names_are_used(host: str) -> None:
    """TRL-02: a range or an address is no host name of a member."""
    with pytest.raises(Numeric):
        ascii_domain(host)
    with pytest.raises(BadAddress):
        check_host(host)


def test_host_name_of_a_member_beyond_ascii_is_kept_in_its_ascii_form() -> None:
    """TRL-05: host names of the cluster."""
    assert check_host("mx1.faß.de") == "mx1.xn--fa-hia.de"
    assert check_address("mx1.faß.de", by_address=False) == "mx1.xn--fa-hia.de"
