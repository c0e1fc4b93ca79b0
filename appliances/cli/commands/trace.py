"""The way of a message to a recipient, from the tables that Postfix itself reads (RES-02)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import say_json
from appliances.cli.errors import UsageError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.features.expanding import expanded
from appliances.features.fields import ALL, email_address
from appliances.features.patterns import enclosing
from appliances.features.smtproutes import in_words
from appliances.postfix.parts import plain_address, quoted_address

MOST_SHOWN = 20


def _trace(session: Session, words: list[str]) -> None:
    """Whom a message to this recipient reaches, and which way it takes to each of them."""
    if len(words) != 1 or words[0].startswith("-"):
        raise UsageError(_("trace takes the address of a recipient."))
    recipient = _recipient(words[0])
    reached = _reached(session, recipient)
    ways = dict(zip(reached, _ways(session, reached), strict=True))
    if session.as_json:
        rows = [{"recipient": address, "transport": way} for address, way in ways.items()]
        return say_json(session.dialogue, {"recipient": recipient, "reaches": rows})
    if reached != (recipient,):
        session.dialogue.say(_("Aliases: {count} recipient(s)").format(count=len(reached)))
    for address, way in list(ways.items())[:MOST_SHOWN]:
        session.dialogue.say(f"{address}: {in_words(way, address)}")
    if len(ways) > MOST_SHOWN:
        session.dialogue.say(_("... and {count} more").format(count=len(ways) - MOST_SHOWN))
    return None


def _recipient(word: str) -> str:
    try:
        return email_address(word)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _reached(session: Session, recipient: str) -> tuple[str, ...]:
    """The recipients that Postfix makes of one, asked for all of a step at once."""
    rows: dict[str, list[str]] = {}
    waiting = [recipient]
    while waiting:
        found = _looked_up(session, "virtual_alias_maps", {key for each in waiting for key in _keys(each)})
        for each in waiting:
            targets = next((found[key].split(", ") for key in _keys(each) if key in found), [each])
            rows[each] = [plain_address(target) for target in targets]
        reached = dict.fromkeys(target for each in waiting for target in rows[each])
        waiting = [each for each in reached if each not in rows]
    return expanded(rows, recipient)


def _keys(address: str) -> tuple[str, str]:
    return quoted_address(address), "@" + address.rpartition("@")[2]


def _ways(session: Session, addresses: Iterable[str]) -> Iterator[str]:
    """What the transport table says of each; empty where it says nothing."""
    keys = {each: list(_transport_keys(each)) for each in addresses}
    found = _looked_up(session, "transport_maps", (key for several in keys.values() for key in several))
    for several in keys.values():
        yield next((found[key] for key in several if key in found), "")


def _transport_keys(address: str) -> Iterator[str]:
    return ("*" if each == ALL else each for each in enclosing(address))


def _looked_up(session: Session, parameter: str, keys: Iterable[str]) -> dict[str, str]:
    """What a table of the running Postfix has for these keys."""
    engine = session.host.engine
    tables = engine.instance.command("/usr/sbin/postconf", "-h", parameter).stdout.strip()
    table = tables.replace("$config_directory", str(engine.place.etc.resolve()))
    if not table:
        return {}
    asked = "\n".join(dict.fromkeys(keys)) + "\n"
    said = engine.instance.command("/usr/sbin/postmap", "-q", "-", table, stdin=asked).stdout
    return {key: value for key, _tab, value in (line.partition("\t") for line in said.splitlines())}


COMMANDS = [
    Command(
        "trace",
        _trace,
        gettext_noop("the way of a message to a recipient"),
        "trace ADDRESS [--json]",
        Place.MACHINE,
        Right.READ,
        remote=True,
    ),
]
