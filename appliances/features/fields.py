"""Types of single settings: what a name, a domain, an address or a line of text may be.

Everything that a person types ends in a file that Postfix reads, or beside one. So each type says what
it lets through, refuses all else with a sentence that tells how to mend it, and none but `Prose` can
hold a line end. `hint` adds what forms, references and secrets need to know of a field.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from appliances.features import networks
from appliances.features.wording import _, say
from clusters.domains import NotADomain, Numeric, ascii_domain
from clusters.visible import first_invisible, invisible

ALL = "ALL"
MAX_TABLE = 40_000

_LABEL = re.compile(r"\w(?:[\w .+-]*[\w+-])?")
_ATEXT = frozenset(f"{string.ascii_letters}{string.digits}!#$%&'*+-/=?^_`{{|}}~")
_ROUTES = frozenset("%!")
MAX_LOCAL_PART = 64
_KEEP_IN_PROSE = "\n\t"


def hint(**hints: str | bool) -> dict[str, Any]:
    """Extra schema keywords of a field.

    `x-format` names the type of a text, `x-widget` how a form shows it (`textarea`); `x-item` marks the
    name by which other documents refer to a row, `x-reference` the feature to which such a name refers;
    `x-secret` a field that is never shown; `x-first-match` a table in which the first row that matches
    decides, and the field of a row that says whom it matches; `x-likefirst` one that a new row takes from
    the first row.
    """
    return {f"x-{name.replace('_', '-')}": value for name, value in hints.items()}


def _visible(text: str, keep: str = "") -> str:
    if found := first_invisible(text, keep):
        code = f"U+{ord(found):04X}"
        raise ValueError(say(_("contains the character {code}, which is not allowed; remove it"), code=code))
    return text


def _composed(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    # Some characters get longer, and what is checked twice must stay as it is.
    return composed if len(composed) <= len(text) else text


def line(text: str) -> str:
    """One line of visible text; raises ValueError."""
    return _visible(_composed(text))


def ascii_line(text: str) -> str:
    """One line that an SMTP reply can carry; raises ValueError."""
    if not line(text).isascii():
        raise ValueError(say(_("may only contain ASCII characters, because SMTP replies carry no others")))
    return text


def prose(text: str) -> str:
    """Text of several lines, its line ends as LF; raises ValueError."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return _visible(_composed(unix), keep=_KEEP_IN_PROSE)


def label(text: str) -> str:
    """The name of a listener, profile, interface ...; raises ValueError."""
    if not _LABEL.fullmatch(line(text)) or "  " in text:
        raise ValueError(
            say(
                _(
                    "must begin and end with a letter or digit;"
                    " between may stand letters, digits, single spaces, dot, plus, - and _"
                )
            )
        )
    return line(text)


def domain(text: str) -> str:
    """A domain or host name in lower case and ASCII (IDNA 2008), without a final dot; raises ValueError."""
    try:
        return ascii_domain(line(text))
    except Numeric:
        raise ValueError(_about_numbers(text)) from None
    except NotADomain as error:
        raise ValueError(_about_domain(text, error.character)) from None


def _about_numbers(text: str) -> str:
    if networks.is_range(text):
        message = _("{text} is several addresses; a domain name such as example.com belongs here")
    elif networks.address(text) is not None:
        message = _("{text} is an IP address; a domain name such as example.com belongs here")
    else:
        message = _("{text} is not a domain name such as example.com: it ends with a number")
    return say(message, text=_quoted(text))


def _about_domain(text: str, character: str) -> str:
    if networks.address(text) is not None or networks.is_range(text):
        return _about_numbers(text)
    if not character:
        return say(_("{text} is not a domain name such as example.com"), text=_quoted(text))
    message = (
        _("{text} is not a domain name such as example.com: {character} cannot stand in it")
        if character.isascii()
        else _(
            "{text} is not a domain name: IDNA 2008 does not allow {character}. A domain that exists all the"
            " same is written in its ASCII form, xn--..."
        )
    )
    return say(message, text=_quoted(text), character=_named(character))


def _named(character: str) -> str:
    """A character for the middle of a sentence."""
    return say(_("a blank")) if character == " " else f"'{character}' (U+{ord(character):04X})"


def _quoted(text: str) -> str:
    return "'" + "".join("?" if invisible(character) else character for character in text[:60]) + "'"


def host(text: str) -> str:
    """A host name, or an IP address in its usual form; raises ValueError."""
    name = line(text).removeprefix("[").removesuffix("]")
    if (address := networks.address(name)) is not None:
        return address
    if networks.is_range(name):
        message = _("{text} is several addresses; name each host by itself")
        raise ValueError(say(message, text=_quoted(text)))
    try:
        return domain(name)
    except ValueError:
        if networks.is_numeric(name):
            message = _("{text} is neither an IP address nor a host name")
            raise ValueError(say(message, text=_quoted(text))) from None
        raise


def full_host_name(text: str) -> str:
    """A host name with its domain; raises ValueError."""
    name = domain(text)
    if "." not in name:
        raise ValueError(say(_("must be a full host name such as mail1.example.com")))
    return name


def ip_address(text: str) -> str:
    """An IPv4 or IPv6 address in its usual form; raises ValueError."""
    if (address := networks.address(text)) is None:
        raise ValueError(say(_("{text} is not an IP address"), text=_quoted(text)))
    return address


def domain_pattern(text: str) -> str:
    """`example.com`, `.example.com` (its subdomains) or `ALL`; raises ValueError."""
    if text.upper() == ALL:
        return ALL
    return "." + domain(text[1:]) if text.startswith(".") else domain(text)


def takes_all(row: Any, first_match: str) -> bool:
    """Whether a row matches everything; `first_match` is the field that says whom, empty where none does."""
    said = row.get(first_match) if first_match and isinstance(row, dict) else None
    return any(str(each).upper() == ALL for each in (said if isinstance(said, list) else [said]))


def client_pattern(text: str) -> str:
    """A client in the HAT: address, block, range, host, `.example.com` or `ALL`; raises ValueError."""
    return networks.network(text) if networks.is_numeric(line(text)) else domain_pattern(text)


def email_address(text: str) -> str:
    """`user@example.com`, the domain in its usual form; raises ValueError that names a wrong character.

    All that RFC 5321 allows without quotes stands before the @, and dots anywhere: such addresses exist.
    Quotes that only such a part needs are left out, since all servers take both for the same.
    """
    local, at, name = line(text).rpartition("@")
    if not at or not local:
        raise ValueError(say(_("{text} is not an address such as user@example.com"), text=_quoted(text)))
    return f"{_local_part(local, text)}@{domain(name)}"


def _local_part(local: str, text: str) -> str:
    plain = re.sub(r"\\(.)", r"\1", local[1:-1]) if re.fullmatch(r'".+"', local) else local
    for character in plain:
        if character in _ROUTES:
            message = _(
                "{text}: {character} before the @ is a route to mail servers, which this gateway refuses"
            )
            raise ValueError(say(message, text=_quoted(text), character=_named(character)))
        if character != "." and character not in _ATEXT:
            message = _(
                "{text} is not an address such as user@example.com: {character} cannot stand before the @"
            )
            raise ValueError(say(message, text=_quoted(text), character=_named(character)))
    if plain.startswith("#"):
        # Tables of Postfix know no way to write it.
        message = _("{text}: '#' cannot be the first character of an address")
        raise ValueError(say(message, text=_quoted(text)))
    if len(plain) > MAX_LOCAL_PART:
        message = _("{text}: at most {count} characters can stand before the @")
        raise ValueError(say(message, text=_quoted(text), count=MAX_LOCAL_PART))
    return plain


def alias(text: str) -> str:
    """An address, or `@example.com` for all users of a domain; raises ValueError."""
    return "@" + domain(text[1:]) if text.startswith("@") else email_address(text)


def recipient_pattern(text: str) -> str:
    """An address, a domain, `.example.com` or `ALL`; raises ValueError."""
    return email_address(text) if "@" in text else domain_pattern(text)


Label = Annotated[
    str, Field(min_length=1, max_length=63, json_schema_extra=hint(format="label")), AfterValidator(label)
]
Line = Annotated[str, Field(max_length=200, json_schema_extra=hint(format="line")), AfterValidator(line)]
Reply = Annotated[
    str, Field(max_length=200, json_schema_extra=hint(format="reply")), AfterValidator(ascii_line)
]
Prose = Annotated[
    str,
    Field(max_length=20_000, json_schema_extra=hint(format="prose", widget="textarea")),
    AfterValidator(prose),
]
Host = Annotated[
    str, Field(min_length=1, max_length=255, json_schema_extra=hint(format="host")), AfterValidator(host)
]
FullHostName = Annotated[
    str,
    Field(min_length=1, max_length=254, json_schema_extra=hint(format="full_host_name")),
    AfterValidator(full_host_name),
]
IpAddress = Annotated[
    str,
    Field(min_length=2, max_length=45, json_schema_extra=hint(format="ip_address")),
    AfterValidator(ip_address),
]
Domain = Annotated[
    str, Field(min_length=1, max_length=254, json_schema_extra=hint(format="domain")), AfterValidator(domain)
]
DomainPattern = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra=hint(format="domain_pattern")),
    AfterValidator(domain_pattern),
]
ClientPattern = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra=hint(format="client_pattern")),
    AfterValidator(client_pattern),
]
EmailAddress = Annotated[
    str,
    Field(min_length=3, max_length=320, json_schema_extra=hint(format="email_address")),
    AfterValidator(email_address),
]
RecipientPattern = Annotated[
    str,
    Field(min_length=1, max_length=320, json_schema_extra=hint(format="recipient_pattern")),
    AfterValidator(recipient_pattern),
]
Port = Annotated[int, Field(ge=1, le=65_535)]


_FORMS: Mapping[str, Callable[[str], str]] = {
    "host": host,
    "full_host_name": full_host_name,
    "ip_address": ip_address,
    "domain": domain,
    "domain_pattern": domain_pattern,
    "client_pattern": client_pattern,
    "email_address": email_address,
    "recipient_pattern": recipient_pattern,
    "alias": alias,
}


def usual_form(kind: str, text: str) -> str:
    """The form in which a field of that `x-format` keeps a text; the text itself where it would be refused.

    What a person types to name a row finds it so: `faß.de` is xn--fa-hia.de, and never fass.de.
    """
    try:
        return _FORMS[kind](text.strip()) if kind in _FORMS else text
    except ValueError:
        return text
