"""What a domain name is, and its one form: lower case and ASCII by IDNA 2008 (RFC 5890 to 5892)."""

from __future__ import annotations

import re

import idna

MAX_DOMAIN = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[^a-z]*")
_USUAL = re.compile(rf"(?:{_LABEL.pattern}\.)+[a-z]{{2,63}}")
"""What most names are: in their one form already, below a top level of letters."""


class NotADomain(ValueError):
    """A text that is no domain name; `character` may not stand in one, empty where none is at fault."""

    def __init__(self, character: str = "") -> None:
        self.character = character
        super().__init__(f"no domain name: {character!r}" if character else "no domain name")


class Numeric(NotADomain):
    """Numbers where a name is meant, such as addresses or a range: each top level has a letter."""


def ascii_domain(text: str) -> str:
    """The domain or host name in its one form, without a final dot. Raises NotADomain.

    Capitals, full-width letters and the ideographic full stop are understood as people type them.
    """
    if len(text) <= MAX_DOMAIN and _USUAL.fullmatch(text):
        return text
    name = _mapped(text).removesuffix(".")
    labels = [_ascii_label(label) for label in name.split(".")]
    # Resolvers read such names as addresses, RFC 1123 2.1; Postfix matches them with nobody.
    if _NUMBER.fullmatch(labels[-1]) and any(character.isdigit() for character in labels[-1]):
        raise Numeric
    if len(".".join(labels)) > MAX_DOMAIN or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotADomain(_stranger(name))
    return ".".join(labels)


def understood(text: str) -> str:
    """A name that a person typed to find something: one beyond ASCII in its one form, all else as it is.

    Comparing without regard to case would find fass.de for faß.de.
    """
    try:
        return text if text.isascii() else ascii_domain(text)
    except NotADomain:
        return text


def is_domain(text: str) -> bool:
    """Whether a text is a domain or host name, in any form."""
    try:
        ascii_domain(text)
    except NotADomain:
        return False
    return True


def _mapped(text: str) -> str:
    """ASCII text is only lowered: names with an underscore exist, and IDNA knows none."""
    if text.isascii():
        return text.lower()
    try:
        # Transitional processing would make fass.de of faß.de, which belongs to somebody else.
        return idna.uts46_remap(text, std3_rules=False, transitional=False)
    except idna.IDNAError as error:
        raise NotADomain(_at_fault(error)) from None


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        raise NotADomain(_at_fault(error)) from None


def _at_fault(error: idna.IDNAError) -> str:
    """The character that may not stand there; empty where the label as a whole is wrong."""
    found = getattr(error, "codepoint", None)
    return "" if found is None else chr(found)


def _stranger(name: str) -> str:
    return next((c for c in name if c.isascii() and not (c.isalnum() or c in "-_.")), "")
