"""Configuration: text of people stays literal, and the directory is complete and cool."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliances.postfix.configuration import Configuration
from appliances.postfix.parts import ConfigurationError, Place, Raw, complaints, literal_pcre, word
from appliances.postfix.shadow import troubles

PLACE = Place(Path("/nowhere/home"))


def written(configuration: Configuration, directory: Path) -> Path:
    target = directory / "etc"
    configuration.write(target, PLACE, generation=7)
    return target


def postconf(etc: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["/usr/sbin/postconf", "-c", str(etc), *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


def test_value_with_dollars_is_literal_for_postfix(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.set("mail_name", "costs $5 and ${myhostname} $$")
    etc = written(configuration, tmp_path)
    assert postconf(etc, "-xh", "mail_name") == "costs $5 and ${myhostname} $$"


def test_listener_option_with_braces_and_dollars_is_literal(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.inet_service(
        "127.0.0.1", 2525, name="public-1", options={"smtpd_banner": "} $x { -o a=b, c }"}
    )
    etc = written(configuration, tmp_path)
    assert postconf(etc, "-xh", "gf_public_1_smtpd_banner") == "} $x { -o a=b, c }"
    assert postconf(etc, "-n")


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "\x1b[0m", "a\ud800"])
def test_control_characters_are_refused_everywhere(value: str) -> None:
    configuration = Configuration()
    for act in (
        lambda: configuration.set("myhostname", value),
        lambda: configuration.set_raw("myhostname", value),
        lambda: configuration.append("relay_domains", value),
        lambda: configuration.table("t", "texthash", [("key", value)]),
        lambda: configuration.table("t", "texthash", [(value, "x")]),
        lambda: configuration.inet_service("127.0.0.1", 1, name="x", options={"smtpd_banner": value}),
        lambda: word(value),
    ):
        with pytest.raises(ConfigurationError):
            act()
    assert configuration.preview() == Configuration().preview()


@pytest.mark.parametrize("value", ["{", "a {b", "{{}", "} {"])
def test_open_brace_is_refused(value: str) -> None:
    """Postfix's own reader would complain of it, and refuse the whole generation."""
    with pytest.raises(ConfigurationError, match="brace"):
        Configuration().set("smtpd_banner", value)


@pytest.mark.parametrize("name", ["queue_directory", "syslog_name", "maillog_file", "gf_x", "a b", "", "a=b"])
def test_parameter_of_the_place_cannot_be_set(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Configuration().set(name, "x")


def test_parameter_has_one_writer() -> None:
    configuration = Configuration()
    configuration.set("myhostname", "a.test")
    configuration.set("myhostname", "a.test")
    with pytest.raises(ConfigurationError, match="set twice"):
        configuration.set("myhostname", "b.test")
    with pytest.raises(ConfigurationError):
        configuration.append("myhostname", "b.test")


def test_baseline_can_be_replaced() -> None:
    configuration = Configuration()
    configuration.set("mynetworks", "10.0.0.0/8")
    assert configuration.parameters["mynetworks"] == "10.0.0.0/8"


def test_appended_items_keep_order_without_doubles() -> None:
    configuration = Configuration()
    for item in ("b", "a", "b", "c"):
        configuration.append("relay_domains", item)
    assert configuration.parameters["relay_domains"] == "b, a, c"


@pytest.mark.parametrize(
    "value", ["", "a b", "a,b", "{a", "static:x", "/etc/passwd", "!a", "-o", "a\tb", '"a"', "<a"]
)
def test_word_refuses_what_postfix_would_read_otherwise(value: str) -> None:
    with pytest.raises(ConfigurationError):
        word(value)


def test_word_escapes_dollars() -> None:
    assert word("a$b.test") == "a$$b.test"


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("texthash", "", "OK"),
        ("texthash", "a b", "OK"),
        ("texthash", "#a", "OK"),
        ("texthash", '"a', "OK"),
        ("texthash", "a", ""),
        ("texthash", "a", " OK"),
        ("cidr", "10.0.0.1/8", "OK"),
        ("cidr", "if 10.0.0.0/8", "OK"),
        ("cidr", "example.test", "OK"),
        ("pcre", "if /x/", "OK"),
        ("pcre", "/a/b/", "OK"),
        ("pcre", "plain", "OK"),
    ],
)
def test_row_that_postfix_would_skip_is_refused(kind: str, key: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match="table t"):
        Configuration().table("t", kind, [(key, value)])  # type: ignore[arg-type]  # kinds come as texts


def test_key_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        Configuration().table("t", "texthash", [("a.test", "1"), ("A.test", "2")])


def test_table_of_each_kind_answers_in_postfix(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.table("hash", "texthash", [("a.test", "$x 1")])
    configuration.table("net", "cidr", [("10.0.0.0/8", "$x 2"), ("2001:db8::/32", "6")])
    configuration.table(
        "re", "pcre", [(literal_pcre("a.b"), "$x 3"), (literal_pcre("c", prefix="(z+)"), Raw("got $1"))]
    )
    configuration.table("big", "lmdb", [("b.test", "$x 4")])
    etc = written(configuration, tmp_path)

    def ask(key: str, table: str) -> str:
        done = subprocess.run(
            ["/usr/sbin/postmap", "-c", str(etc), "-q", key, table],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.strip()

    maps = etc / "maps"
    assert ask("a.test", f"texthash:{maps}/hash") == "$x 1"
    assert ask("10.1.2.3", f"cidr:{maps}/net") == "$x 2"
    assert ask("2001:db8::1", f"cidr:{maps}/net") == "6"
    assert ask("a.b", f"pcre:{maps}/re") == "$x 3"
    assert ask("axb", f"pcre:{maps}/re") == ""
    assert ask("zzc", f"pcre:{maps}/re") == "got zz"
    assert ask("b.test", f"lmdb:{maps}/big") == "$x 4"


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(text=printable, other=printable)
def test_literal_pcre_matches_its_text_and_no_other(text: str, other: str) -> None:
    import re

    pattern = literal_pcre(text)[1:-1].replace("\\/", "/")
    assert re.search(pattern, text)
    assert bool(re.search(pattern, other)) == (text == other)


@given(st.text(max_size=40))
def test_any_text_is_refused_or_stays_on_one_line(text: str) -> None:
    configuration = Configuration()
    try:
        configuration.set("mail_name", text)
    except ConfigurationError:
        return
    (line,) = [line for line in configuration.preview() if line.startswith("mail_name")]
    assert line.replace("$$", "").count("$") == 0
    assert not set(line) & {"\n", "\r", "\0"}


def test_files_are_old_enough_for_postfix(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.table("t", "texthash", [("a", "b")])
    configuration.table("big", "lmdb", [("a", "b")])
    etc = written(configuration, tmp_path)
    for path in (etc / "main.cf", etc / "master.cf", etc / "maps" / "t", etc / "maps" / "big.lmdb"):
        assert time.time() - path.stat().st_mtime > 5
    assert (etc / "maps" / "big.lmdb").stat().st_mtime > (etc / "maps" / "big").stat().st_mtime


def test_secret_is_masked_in_preview_and_readable_by_root_only(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.table("passwords", "texthash", [("a.test", "user:geheim")], secret=True)
    configuration.file("key.pem", "geheim\n", secret=True)
    etc = written(configuration, tmp_path)
    assert "geheim" not in "\n".join(configuration.preview())
    assert (etc / "maps" / "passwords").stat().st_mode & 0o777 == 0o600
    assert (etc / "files" / "key.pem").stat().st_mode & 0o777 == 0o600
    other = Configuration()
    other.table("passwords", "texthash", [("a.test", "user:anders")], secret=True)
    other.file("key.pem", "geheim\n", secret=True)
    assert other.digest() != configuration.digest()


def test_preview_names_no_place_and_is_the_same_again() -> None:
    def build() -> Configuration:
        configuration = Configuration()
        table = configuration.table("rat", "texthash", [("a@b.test", "OK")])
        configuration.append("smtpd_recipient_restrictions", f"check_recipient_access {table}")
        configuration.inet_service("192.0.2.1", 25, name="public", maxproc=9, options={"smtpd_banner": "hi"})
        configuration.transport("dc1", controls={"destination_concurrency_limit": "2"})
        return configuration

    lines = build().preview()
    assert lines == build().preview()
    assert build().digest() == build().digest()
    assert "smtpd_recipient_restrictions = check_recipient_access texthash:maps/rat" in lines
    assert "maps/rat: a@b.test OK" in lines
    assert "listener public: 192.0.2.1 port 25" in lines
    assert "listener public: at most 9 at once" in lines
    assert "dc1_destination_concurrency_limit = 2" in lines
    assert not [line for line in lines if "config_directory" in line]


def test_listener_is_refused_for_bad_address_port_or_double() -> None:
    configuration = Configuration()
    configuration.inet_service("127.0.0.1", 25, name="one")
    for address, port, name in (
        ("host.test", 25, "x"),
        ("127.0.0.1", 0, "x"),
        ("127.0.0.1", 70000, "x"),
        ("127.0.0.1", 25, "x"),
        ("127.0.0.2", 25, "one"),
        ("127.0.0.2", 25, "O-N E"),
    ):
        with pytest.raises(ConfigurationError):
            configuration.inet_service(address, port, name=name)
    assert [one.name for one in configuration.listeners] == ["one"]


def test_recipient_limit_of_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="recipient limit"):
        Configuration().transport("dc1", controls={"destination_recipient_limit": "1"})


def test_both_protocols_are_spoken_whatever_listens(tmp_path: Path) -> None:
    """TRL-03: what is dialled is not known from here; a host with both is dialled by IPv4, as ever."""
    configuration = Configuration()
    configuration.inet_service("::1", 2525, name="six")
    etc = written(configuration, tmp_path)
    assert postconf(etc, "-h", "inet_protocols") == "all"
    assert postconf(etc, "-h", "smtp_address_preference") == "ipv4"
    assert "[::1]:2525 inet" in (etc / "master.cf").read_text()


def test_kernel_without_ipv6_is_no_complaint_about_settings() -> None:
    """TRL-03: each program of Postfix says it there, and the rest of its words still count."""
    said = (
        "postmap: warning: inet_protocols: disabling IPv6 name/address support: Address family not supported"
    )
    assert complaints(f"{said}\n") == []
    assert complaints(f"{said}\npostmap: fatal: bad\n") == ["postmap: fatal: bad"]
    assert troubles([f"Nov 30 18:00:00 host gf1/smtp[7]: {said.partition(' ')[2]}"]) == []


def test_writing_over_a_directory_is_refused(tmp_path: Path) -> None:
    etc = written(Configuration(), tmp_path)
    before = (etc / "main.cf").read_bytes()
    with pytest.raises(FileExistsError):
        Configuration().write(etc, PLACE)
    assert (etc / "main.cf").read_bytes() == before


def test_relative_home_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="absolute"):
        Place(Path("home"))
