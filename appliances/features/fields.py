"""Types of single settings: what a name, a domain, an address or a line of text may be.

Everything that a person types ends in a file that Postfix reads, or beside one. So each type says what
it lets through, refuses all else with a sentence that tells how to mend it, and none but `Prose` can
hold a line end. `hint` adds what forms, references and secrets need to know of a field.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from appliances.features.wording import _, say

ALL = "ALL"
MAX_DOMAIN = 253
MAX_TABLE = 40_000

_LABEL = re.compile(r"\w(?:[\w .+-]*[\w+-])?")
_DNS_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL_PART = re.compile(r"[A-Za-z0-9_+=~'&/]+(?:[.-]+[A-Za-z0-9_+=~'&/]+)*-?")
_KEEP_IN_PROSE = "\n\t"


def hint(**hints: str | bool) -> dict[str, Any]:
    """Extra schema keywords of a field.

    `x-format` names the type of a text, `x-widget` how a form shows it (`textarea`); `x-item` marks the
    name by which other documents refer to a row, `x-reference` the feature to which such a name refers;
    `x-secret` a field that is never shown.
    """
    return {f"x-{name}": value for name, value in hints.items()}


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _visible(text: str, keep: str = "") -> str:
    if text.isprintable():
        return text
    for character in text:
        if _invisible(character) and character not in keep:
            code = f"U+{ord(character):04X}"
            raise ValueError(
                say(_("contains the character {code}, which is not allowed; remove it"), code=code)
            )
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
    """A domain or host name in lower case, without a final dot; raises ValueError."""
    name = line(text).lower().removesuffix(".")
    if not name.isascii():
        raise ValueError(_ascii_form(name))
    labels = name.split(".")
    if not name or len(name) > MAX_DOMAIN or not all(_DNS_LABEL.fullmatch(part) for part in labels):
        raise ValueError(say(_("{text} is not a domain name such as example.com"), text=_quoted(text)))
    return name


def _ascii_form(name: str) -> str:
    try:
        ascii_name = name.encode("idna").decode("ascii")
    except UnicodeError:
        return say(_("{text} is not a domain name such as example.com"), text=_quoted(name))
    return say(_("write the domain in its ASCII form: {name}"), name=ascii_name)


def _quoted(text: str) -> str:
    return "'" + "".join("?" if _invisible(character) else character for character in text[:60]) + "'"


def _is_number_like(name: str) -> bool:
    return name.rpartition(".")[2].isdigit()


def _as_address(text: str) -> str | None:
    """The usual form of an IP address, None for anything else; what follows a % could be any text."""
    try:
        return None if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def host(text: str) -> str:
    """A host name, or an IP address in its usual form; raises ValueError."""
    name = line(text).removeprefix("[").removesuffix("]")
    if (address := _as_address(name)) is not None:
        return address
    if _is_number_like(name):
        raise ValueError(say(_("{text} is neither an IP address nor a host name"), text=_quoted(text)))
    return domain(name)


def full_host_name(text: str) -> str:
    """A host name with its domain; raises ValueError."""
    name = domain(text)
    if "." not in name or _is_number_like(name):
        raise ValueError(say(_("must be a full host name such as mail1.example.com")))
    return name


def ip_address(text: str) -> str:
    """An IPv4 or IPv6 address in its usual form; raises ValueError."""
    if (address := _as_address(text)) is None:
        raise ValueError(say(_("{text} is not an IP address"), text=_quoted(text)))
    return address


def domain_pattern(text: str) -> str:
    """`example.com`, `.example.com` (its subdomains) or `ALL`; raises ValueError."""
    if text.upper() == ALL:
        return ALL
    return "." + domain(text[1:]) if text.startswith(".") else domain(text)


def network(text: str) -> str:
    """An address or CIDR block in its usual form; raises ValueError with the block that was meant."""
    try:
        block = ipaddress.ip_network("" if "%" in text else text)
    except ValueError:
        raise ValueError(_about_network(text)) from None
    return str(block.network_address) if block.num_addresses == 1 else str(block)


def _about_network(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return say(_("{text} is not an IP address or CIDR block"), text=_quoted(text))
    return say(_("{text} has host bits set; the block is {block}"), text=_quoted(text), block=meant)


def client_pattern(text: str) -> str:
    """A client in the HAT: address, CIDR block, host, `.example.com` or `ALL`; raises ValueError."""
    if "/" in text or ":" in text or re.fullmatch(r"[0-9.]+", text):
        return network(text)
    return domain_pattern(text)


def email_address(text: str) -> str:
    """`user@example.com`, the domain in lower case; raises ValueError."""
    local, at, name = line(text).rpartition("@")
    if not at or len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        raise ValueError(say(_("{text} is not an address such as user@example.com"), text=_quoted(text)))
    return f"{local}@{domain(name)}"


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
