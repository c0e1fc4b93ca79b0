"""Disclaimers: the stamp is there, the text remains, and no attachment byte changes."""

from __future__ import annotations

import base64
import email
import email.policy
import html
import re
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliances.postfix.actions import ChangeHeader, Header, Message
from appliances.postfix.disclaimers import Disclaimer, Stamp, Stamps, stamp, stamp_bytes
from appliances.postfix.mime import split_entity, split_multipart

ABOVE = Disclaimer("Oben: Grüße\nzweite Zeile")
BELOW = Disclaimer("Unten — 免責事項")
BOTH = Stamp(ABOVE, BELOW)
ASCII = Stamp(Disclaimer("above"), Disclaimer("below"))

POLICY = email.policy.default.clone(linesep="\r\n")


def parsed(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=POLICY)
    assert isinstance(found, EmailMessage)
    assert not any(part.defects for part in found.walk())
    return found


def text_of(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode(part.get_content_charset() or "us-ascii")


def message(*lines: str, body: bytes) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


def test_plain_text_gets_both_and_keeps_its_own() -> None:
    content = message("From: a@b.test", "Subject: x", body=b"The text\r\nof the mail")
    found = parsed(stamp_bytes(content, BOTH))
    assert text_of(found) == (
        "Oben: Grüße\r\nzweite Zeile\r\n\r\nThe text\r\nof the mail\r\n\r\nUnten — 免責事項\r\n"
    )
    assert found["Content-Type"] == 'text/plain; charset="utf-8"'
    assert found["Content-Transfer-Encoding"] == "quoted-printable"
    assert found["MIME-Version"] == "1.0"
    assert found["Subject"] == "x"


def test_plain_ascii_needs_no_new_header() -> None:
    content = message("Subject: x", body=b"text\r\n")
    assert stamp_bytes(content, ASCII) == message("Subject: x", body=b"above\r\n\r\ntext\r\n\r\nbelow\r\n")


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "us-ascii"])
def test_encodings_and_charsets(encoding: str, kind: str, charset: str) -> None:
    plain = encoding == "7bit" or charset == "us-ascii"
    own = "plain own text" if plain else "eigener Text mit äöü"
    body = f"<html><body class='x'><p>{own}</p></body></html>\r\n" if kind == "html" else f"{own}\r\n"
    built = EmailMessage(policy=POLICY)
    built.set_content(body, subtype=kind, charset=charset, cte=encoding)
    found = parsed(stamp_bytes(built.as_bytes(), BOTH))
    text = text_of(found)
    if kind == "html":
        text = html.unescape(text)
        assert re.search(r"<body class='x'><div>Oben: Grüße<br>\s*zweite Zeile</div>", text)
        assert re.search(r"</p><div>Unten — 免責事項</div>\s*</body></html>", text)
    else:
        assert text.startswith("Oben: Grüße\r\nzweite Zeile\r\n\r\n")
        assert text.endswith("\r\n\r\nUnten — 免責事項\r\n")
    assert own in text
    if encoding == "base64" or encoding == "quoted-printable":
        assert found["Content-Transfer-Encoding"] == encoding


@pytest.mark.parametrize("charset", ["iso-2022-jp", "shift_jis", "euc-jp", "gb18030", "koi8-r", "utf-16"])
def test_charset_of_the_text_is_kept_when_it_can_hold_the_stamp(charset: str) -> None:
    own = "Привет" if charset == "koi8-r" else "日本語の本文"
    raw = f"{own}\r\n".encode(charset)
    built = EmailMessage(policy=POLICY)
    built["Content-Type"] = f"text/plain; charset={charset}"
    built["Content-Transfer-Encoding"] = "base64"
    content = built.as_bytes().rstrip(b"\r\n") + b"\r\n\r\n" + base64.encodebytes(raw).replace(b"\n", b"\r\n")
    found = parsed(stamp_bytes(content, ASCII))
    assert found.get_content_charset() == charset
    assert text_of(found) == f"above\r\n\r\n{own}\r\n\r\nbelow\r\n"
    found = parsed(stamp_bytes(content, BOTH))
    assert text_of(found).endswith(f"\r\n\r\n{own}\r\n\r\nUnten — 免責事項\r\n")


def test_bytes_that_are_not_what_they_are_declared_stay_as_they_are() -> None:
    body = b"caf\xe9 \xff\xfe\r\n"
    content = message("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", body=body)
    assert body in stamp_bytes(content, ASCII)
    assert stamp_bytes(content, BOTH) == content
    page = message(
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        body=b"<p>caf\xe9</p>\r\n",
    )
    stamped = stamp_bytes(page, BOTH)
    assert b"<p>caf\xe9</p>" in stamped
    assert b"Gr&#252;" in stamped


@pytest.mark.parametrize("charset", ["no-such-charset", "rot13", "x-unknown", "undefined"])
def test_unknown_charset_takes_an_ascii_stamp_only(charset: str) -> None:
    body = b"caf\xe9\r\n"
    content = message(
        f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: 8bit", body=body
    )
    assert b"above\r\n\r\ncaf\xe9\r\n\r\nbelow\r\n" in stamp_bytes(content, ASCII)
    assert stamp_bytes(content, BOTH) == content


def alternative() -> EmailMessage:
    built = EmailMessage(policy=POLICY)
    built["Subject"] = "x"
    built.set_content("own text\r\n")
    built.add_alternative("<html><body><p>own text</p><img src='cid:i'></body></html>\r\n", subtype="html")
    related = built.get_payload()[1]
    related.add_related(b"\x89PNG\r\n\x00\xff", "image", "png", cid="<i>")
    built.add_attachment(b"%PDF\r\n\x00\xff attached", "application", "pdf", filename="a.pdf")
    built.add_attachment("attached text\r\n", subtype="plain", filename="a.txt")
    return built


def test_each_version_is_stamped_and_attachments_are_not() -> None:
    content = alternative().as_bytes()
    found, before = parsed(stamp_bytes(content, BOTH)), parsed(content)
    kinds = [part.get_content_type() for part in found.walk()]
    assert kinds == [part.get_content_type() for part in before.walk()]
    for new, old in zip(found.walk(), before.walk(), strict=True):
        if new.is_multipart():
            continue
        if new.get_content_disposition() == "attachment" or new.get_content_maintype() == "image":
            assert new.as_bytes() == old.as_bytes()
        else:
            assert "own text" in text_of(new)
            assert "Unten" in text_of(new)
            assert "Oben" in text_of(new)


def test_html_comment_and_script_are_no_place_for_a_stamp() -> None:
    page = "<!-- <body> -->"
    page += "<html><head><script>'</body>'</script></head>"
    page += "<BODY\r\n bg=1><p>x</p></BODY ><!-- </body> -->"
    content = message("Content-Type: text/html", body=page.encode())
    text = stamp_bytes(content, ASCII).partition(b"\r\n\r\n")[2].decode()
    assert "bg=1><div>above</div>\r\n<p>x</p><div>below</div>\r\n</BODY >" in text


def test_html_without_body_is_stamped_at_its_ends() -> None:
    content = message("Content-Type: text/html", body=b"<p>x</p>")
    assert stamp_bytes(content, ASCII).endswith(b"<div>above</div>\r\n<p>x</p><div>below</div>\r\n")


def test_own_html_form_is_used() -> None:
    chosen = Stamp(below=Disclaimer("plain & simple", html="<b>bold</b>"))
    content = message("Content-Type: text/html", body=b"<p>x</p>")
    assert b"<div><b>bold</b></div>" in stamp_bytes(content, chosen)
    escaped = Stamp(below=Disclaimer("a < b & c"))
    assert b"a &lt; b &amp; c" in stamp_bytes(content, escaped)


SIGNED = (
    b"--b\r\nContent-Type: text/plain\r\n\r\nsigned text\r\n"
    b"--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
    b"-----BEGIN PGP SIGNATURE-----\r\n--b--\r\n"
)

SIGNED_WITH_FOOTER = (
    b"--a\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
    + SIGNED
    + b"\r\n--a\r\n\r\nfooter of a list\r\n--a--\r\n"
)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ('Content-Type: multipart/signed; boundary="b"; micalg=pgp-sha1; protocol="x/y"', SIGNED),
        ("Content-Type: multipart/encrypted; boundary=b", SIGNED),
        ("Content-Type: multipart/report; boundary=b", SIGNED),
        ("Content-Type: application/pkcs7-mime; smime-type=signed-data", b"MIIB"),
        ("Content-Type: text/plain", b"-----BEGIN PGP SIGNED MESSAGE-----\r\nx\r\n"),
        ("Content-Type: text/plain", b"hi\r\n-----BEGIN PGP MESSAGE-----\r\nx\r\n"),
        ("Content-Type: multipart/mixed; boundary=a", SIGNED_WITH_FOOTER),
        ("Content-Type: application/pdf", b"%PDF"),
        ("Content-Type: message/rfc822", b"Subject: x\r\n\r\ny\r\n"),
        ("Content-Type: text/plain; name=a.txt", b"a file\r\n"),
        ("Content-Disposition: attachment", b"a file\r\n"),
        ("Content-Transfer-Encoding: x-uuencode", b"begin\r\n"),
        ("Content-Type: multipart/mixed", b"--b\r\n\r\nno boundary\r\n--b--\r\n"),
        ("Content-Type: multipart/mixed; boundary=z", b"--b\r\n\r\nother boundary\r\n--b--\r\n"),
        ("Content-Type: text/plain\r\nContent-Type: text/html", b"two types\r\n"),
        ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64", b"%%%\r\n"),
    ],
)  # fmt: skip
def test_what_must_not_be_touched_is_not(header: str, body: bytes) -> None:
    content = message("Subject: x", header, body=body)
    assert stamp_bytes(content, BOTH) == content
    headers = tuple(Header(*line.split(":", 1)) for line in ["Subject: x", *header.split("\r\n")])
    assert stamp(Message("l", "", (), headers, body), BOTH) == []


def test_signed_part_beside_the_text_stays_whole() -> None:
    body = (
        b"--a\r\n\r\nfirst text\r\n--a\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
        + SIGNED
        + b"\r\n--a--\r\n"
    )
    content = message("Content-Type: multipart/mixed; boundary=a", body=body)
    stamped = stamp_bytes(content, ASCII)
    assert b"above\r\n\r\nfirst text\r\n\r\nbelow\r\n" in stamped
    assert SIGNED in stamped


def test_flowed_text_is_not_joined_with_the_stamp() -> None:
    content = message("Content-Type: text/plain; format=flowed", body=b"one \r\ntwo\r\n")
    chosen = Stamp(above=Disclaimer("> quoted? \nFrom here\n-- "))
    body = stamp_bytes(content, chosen).partition(b"\r\n\r\n")[2]
    assert body == b" > quoted?\r\n From here\r\n-- \r\n\r\none \r\ntwo\r\n"


def test_stamp_cannot_close_the_multipart() -> None:
    content = message("Content-Type: multipart/mixed; boundary=b", body=b"--b\r\n\r\ntext\r\n--b--\r\n")
    found = parsed(stamp_bytes(content, Stamp(below=Disclaimer("--b--\n--b"))))
    (part,) = found.iter_parts()
    assert text_of(part) == "text\r\n\r\n--b--\r\n--b\r\n"


def test_nesting_without_end_is_left_alone() -> None:
    body = b"text\r\n"
    for level in range(60):
        body = (
            (
                b"--b%d\r\n\r\n" % level
                if level == 0
                else b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level - 1)
            )
            + body
            + b"\r\n--b%d--\r\n" % level
        )
    content = message("Content-Type: multipart/mixed; boundary=b59", body=body)
    assert stamp_bytes(content, ASCII) == content


def test_only_needed_headers_change() -> None:
    seen = Message("l", "", (), (Header("Subject", " x"), Header("MIME-Version", " 1.0")), b"text\r\n")
    changed = [one.name for one in stamp(seen, BOTH) if isinstance(one, ChangeHeader)]
    assert changed == ["Content-Type", "Content-Transfer-Encoding"]
    assert [type(one) for one in stamp(seen, ASCII) if isinstance(one, ChangeHeader)] == []


def test_listener_without_stamp_is_left_alone() -> None:
    stamps = Stamps({"public": ASCII})
    seen = Message("private", "", (), (), b"text\r\n")
    assert list(stamps(seen)) == []
    assert list(stamps(Message("public", "", (), (), b"text\r\n")))


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
paragraphs = st.lists(texts, max_size=6).map(lambda lines: "".join(f"{line}\r\n" for line in lines))


@st.composite
def mails(draw: st.DrawFn) -> EmailMessage:
    built = EmailMessage(policy=POLICY)
    built.set_content(draw(paragraphs), cte=draw(st.sampled_from(["base64", "quoted-printable", "8bit"])))
    if draw(st.booleans()):
        built.add_alternative(f"<body>{draw(paragraphs)}</body>", subtype="html", cte="base64")
    for _ in range(draw(st.integers(0, 3))):
        built.add_attachment(draw(st.binary(max_size=300)), "application", "octet-stream", filename="f.bin")
    if draw(st.booleans()):
        built.add_attachment(draw(paragraphs), filename="f.txt")
    return built


def attachments(found: EmailMessage) -> list[bytes]:
    return [part.as_bytes() for part in found.walk() if part.get_content_disposition() == "attachment"]


@given(mail=mails(), above=texts.filter(str.strip), below=texts.filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_law_text_remains_and_attachments_do_not_change(mail: EmailMessage, above: str, below: str) -> None:
    content = mail.as_bytes()
    before = email.message_from_bytes(content, policy=POLICY)
    stamped = stamp_bytes(content, Stamp(Disclaimer(above), Disclaimer(below)))
    found = email.message_from_bytes(stamped, policy=POLICY)
    assert isinstance(found, EmailMessage)
    assert isinstance(before, EmailMessage)
    assert attachments(found) == attachments(before)
    assert [p.get_content_type() for p in found.walk()] == [p.get_content_type() for p in before.walk()]
    old, new = before.get_body(("plain",)), found.get_body(("plain",))
    assert isinstance(old, EmailMessage)
    assert isinstance(new, EmailMessage)
    assert text_of(old) in text_of(new)
    assert text_of(new).startswith(above), content
    assert text_of(new).endswith(f"{below}\r\n")


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_law_any_bytes_are_stamped_or_left(content: bytes) -> None:
    for start in (
        b"",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"Content-Type: text/html\r\n\r\n",
    ):
        stamp_bytes(start + content, BOTH)


@given(
    st.lists(
        st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b"text", b"--bb", b" ", b"a: b"]), max_size=25
    )
)
@settings(deadline=None)
def test_law_splitting_loses_no_byte(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    entity = split_entity(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + body)
    try:
        multipart = split_multipart(entity)
    except ValueError:
        return
    assert multipart.as_bytes() == body
