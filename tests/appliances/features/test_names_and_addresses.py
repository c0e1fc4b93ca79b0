"""Domains, hosts, clients and mail addresses: what is taken, in which form, and what a refusal says."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.features import networks
from appliances.features.discovery import FEATURES
from appliances.features.fields import client_pattern, domain, email_address, host, usual_form
from appliances.features.rendering import render
from clusters.catalogue import Document, InvalidDocument
from tests.appliances.features.examples import DOCUMENTS, LISTENER
from tests.appliances.features.test_injection import FIELDS, planted

RANGES = ["127.20.50.1-20", "192.168.5.10-192.168.5.20", "10.1.2-3", "192.0.2.7", "10.0.0.300", "1.2.3", "7"]
NAMES = {"domain", "optional_domain", "domain_pattern", "recipient_pattern", "full_host_name"}
IN_ADDRESSES = {"email_address", "optional_email_address", "recipient_pattern", "alias"}


def kept(feature: str, path: str, text: str) -> Any:
    """What the feature makes of a text in the first place that the path names."""
    document: Any = FEATURES[feature].check(planted(feature, path, text))
    for part in path.replace("*", "0").split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def refused(feature: str, path: str, text: str) -> str:
    with pytest.raises(InvalidDocument) as problems:
        FEATURES[feature].check(planted(feature, path, text))
    return "; ".join(problem.message for problem in problems.value.problems)


def with_sender(*hosts: str) -> Document:
    one = copy.deepcopy(LISTENER)
    one["hat"]["sender_groups"][0]["hosts"] = list(hosts)
    return {"listeners": [one]}


def rows_of(*hosts: str) -> list[str]:
    """The addresses and blocks by which Postfix knows a sender group."""
    made = render({**DOCUMENTS, "listenerconfig": with_sender(*hosts)}).configuration
    return [
        key
        for table in made.tables
        if table.kind == "cidr" and "-hat-" in table.name
        for key, verdict in table.rows
        if "Go away" in verdict
    ]


@pytest.mark.parametrize(("feature", "path", "kind"), [field for field in FIELDS if field[2] in NAMES])
@pytest.mark.parametrize("text", RANGES)
def test_field_for_a_domain_refuses_addresses_and_ranges(
    feature: str, path: str, kind: str, text: str
) -> None:
    """TRL-02: no domain ends with a number; such a row would name nobody."""
    assert "domain" in refused(feature, path, text)


@pytest.mark.parametrize(("feature", "path", "kind"), [field for field in FIELDS if field[2] in IN_ADDRESSES])
def test_address_whose_domain_is_numbers_is_refused(feature: str, path: str, kind: str) -> None:
    """TRL-02: a mail address has a domain, too."""
    assert "is an IP address; a domain name" in refused(feature, path, "user@192.0.2.7")


@pytest.mark.parametrize("text", ["192.168.5.10-20", "192.168.5.0/24", "10.0.0.1-10.0.0.9"])
def test_route_to_several_addresses_says_to_name_each(text: str) -> None:
    """TRL-02: a next hop is one host."""
    assert "name each host by itself" in refused("smtproutes", "routes.*.hosts.*.host", text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("127.20.50.1-20", "127.20.50.1-20"),
        ("192.168.5.10 - 192.168.5.20", "192.168.5.10-20"),
        ("10.1.0.0-10.3.255.255", "10.1.0.0-10.3.255.255"),
        ("10.1.1.0-255", "10.1.1.0/24"),
        ("10.1.4-7", "10.1.4.0/22"),
        ("10.1.2-4.", "10.1.2.0-10.1.4.255"),
        ("10.1.", "10.1.0.0/16"),
        ("10/8", "10.0.0.0/8"),
        ("192.0.2.9-9", "192.0.2.9"),
        ("2001:db8::1-2001:DB8::ff", "2001:db8::1-2001:db8::ff"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_sender_group_takes_ranges_as_exports_have_them(text: str, form: str) -> None:
    """TRL-02: what a person brings from another gateway is obeyed."""
    assert client_pattern(text) == form
    assert client_pattern(form) == form


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.1.1", "write 10.1.1.0/24"),
        ("10.1.1.*", "write 10.1.1.0/24"),
        ("10.1.2.3/8", "the block is 10.0.0.0/8"),
        ("192.0.2.20-10", "lower address first"),
        ("192.0.2.1-300", "range such as"),
        ("192.0.2.1-2001:db8::1", "range such as"),
        ("10-20", "range such as"),
        ("7", "range such as"),
        ("mx.1-20", "ends with a number"),
        ("0x7f.1", "letter"),
    ],
)
def test_sender_that_is_neither_host_nor_range_is_refused_with_what_is_meant(text: str, meant: str) -> None:
    """TRL-02: nothing is guessed."""
    with pytest.raises(ValueError, match=meant if meant != "letter" else "ends with a number"):
        client_pattern(text)


def test_range_reaches_postfix_as_its_blocks() -> None:
    """TRL-02: Postfix knows blocks alone."""
    assert rows_of("127.20.50.1-6", "mx.example.com") == [
        "127.20.50.1/32",
        "127.20.50.2/31",
        "127.20.50.4/31",
        "127.20.50.6/32",
    ]


v4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
v6 = st.integers(2**64, 2**128 - 1).map(ipaddress.IPv6Address)


@given(st.one_of(st.tuples(v4, v4, v4), st.tuples(v6, v6, v6)))
def test_range_holds_exactly_the_addresses_between_its_ends(three: tuple[Any, Any, Any]) -> None:
    """TRL-02: a law of ranges and of their usual form."""
    first, last = sorted(three[:2])
    blocks = networks.blocks(client_pattern(f"{first}-{last}"))
    for each in (three[2], first, last):
        assert any(each in block for block in blocks) == (first <= each <= last)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.DE.", "xn--fa-hia.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("ｅxample.com", "example.com"),
        ("mail_in.例え.jp", "mail_in.xn--r8jz45g.jp"),
        ("xn--ls8h.la", "xn--ls8h.la"),
    ],
)
def test_domain_beyond_ascii_is_kept_by_idna_2008(text: str, form: str) -> None:
    """TRL-05: by IDNA 2003 faß.de would be fass.de, which belongs to others."""
    assert domain(text) == form
    assert host(text) == form
    assert client_pattern(f".{text}") == f".{form}"
    assert email_address(f"user@{text}") == f"user@{form}"


@pytest.mark.parametrize(
    ("feature", "path", "kind"),
    [field for field in FIELDS if field[2] in NAMES | {"host", "destination_host", "client_pattern"}],
)
def test_every_field_for_a_domain_takes_one_beyond_ascii(feature: str, path: str, kind: str) -> None:
    """TRL-05: everywhere that a domain may stand."""
    assert kept(feature, path, "faß.de") == "xn--fa-hia.de"


@pytest.mark.parametrize(("feature", "path", "kind"), [field for field in FIELDS if field[2] in IN_ADDRESSES])
def test_every_field_for_an_address_takes_a_domain_beyond_ascii(feature: str, path: str, kind: str) -> None:
    """TRL-05: in mail addresses as well."""
    assert kept(feature, path, "user@例え.jp") == "user@xn--r8jz45g.jp"


def test_domain_that_idna_does_not_know_is_refused_with_the_character_and_the_way_out() -> None:
    """TRL-05: such domains were sold before 2008."""
    with pytest.raises(ValueError, match=r"U\+1F4A9.*xn--"):
        domain("💩.la")


@pytest.mark.parametrize("kind", ["domain", "domain_pattern", "host", "alias", "client_pattern"])
def test_typed_name_finds_its_own_row_alone(kind: str) -> None:
    """TRL-05: comparing without regard to case makes fass of faß."""
    typed = {"alias": "@Faß.de"}.get(kind, "Faß.de")
    assert usual_form(kind, typed).removeprefix("@") == "xn--fa-hia.de"


@pytest.mark.parametrize(
    "local",
    [
        "hanako.yamada.",
        ".hanako",
        "hanako..yamada",
        "-hanako",
        *("!#$%&'*+-/=?^_`{|}~".replace("!", "").replace("%", "").replace("#", "")),
        "a#1",
        "x" * 64,
    ],
)
def test_address_with_all_that_rfc_5321_knows_and_more_is_taken(local: str) -> None:
    """TRL-06: addresses of Japanese carriers end with a dot."""
    assert email_address(f"{local}@Docomo.ne.jp") == f"{local}@docomo.ne.jp"
    assert email_address(f'"{local}"@docomo.ne.jp') == f"{local}@docomo.ne.jp"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('"hanako yamada"@example.jp', "a blank"),
        ("花子@example.jp", "'花'"),
        ("a,b@example.jp", "','"),
        ("a%b@example.jp", "'%'"),
        ("b!a@example.jp", "'!'"),
        ("Hanako <hanako@example.jp>", "a blank"),
        ("<hanako@example.jp", "'<'"),
        ("a@b@example.jp", "'@'"),
        ('""@example.jp', "'\"'"),
        ("#1@example.jp", "'#'"),
        ("x" * 65 + "@example.jp", "at most 64"),
    ],
)
def test_address_that_cannot_be_is_refused_by_the_wrong_character(text: str, named: str) -> None:
    """TRL-06: a person sees what to mend."""
    with pytest.raises(ValueError, match=named):
        email_address(text)


def test_address_with_odd_dots_is_quoted_where_postfix_wants_it() -> None:
    """TRL-06: alias tables are looked up in the quoted form, recipients' tables in the plain one."""
    document = {"aliases": [{"alias": "hanako.@a.jp", "targets": ["b..c@a.jp", "plain@a.jp"]}]}
    made = render({**DOCUMENTS, "aliasconfig": document}).configuration
    rows = next(table.rows for table in made.tables if table.name == "aliases")
    assert rows == (('"hanako."@a.jp', '"b..c"@a.jp, plain@a.jp'),)
