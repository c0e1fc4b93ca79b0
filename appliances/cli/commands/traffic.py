"""What goes through a machine: rates, top senders and destinations, one destination (RES-02, CL-18)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import Command, Place, Run
from appliances.cli.session import Right, Session
from appliances.machine.traffic import WINDOWS, Rates, domain_of
from appliances.postfix.log import Outcome
from appliances.postfix.queue import QueueError
from clusters.domains import understood

SHOWN = 20


def _rate(session: Session, words: list[str]) -> None:
    engine = session.host.engine
    totals, since = engine.traffic.totals()
    rates = engine.traffic.rates()
    if session.as_json:
        value = {"since": since.isoformat(timespec="seconds"), "totals": totals, "rates": _json(rates)}
        return say_json(session.dialogue, value)
    _table(session, rates)
    session.dialogue.say(
        _("Since {time}: {totals}").format(
            time=f"{since:%Y-%m-%d %H:%M:%S}",
            totals=", ".join(f"{outcome} {count}" for outcome, count in totals.items()) or "0",
        )
    )
    return None


def _json(rates: list[Rates]) -> dict[str, dict[str, int]]:
    return {r.outcome: {f"{m} min": n for m, n in zip(WINDOWS, r.counts, strict=True)} for r in rates}


def _table(session: Session, rates: list[Rates]) -> None:
    session.dialogue.say(f"{'':<12}" + "".join(f"{f'{minutes} min':>10}" for minutes in WINDOWS))
    for found in rates:
        session.dialogue.say(f"{found.outcome:<12}" + "".join(f"{count:>10}" for count in found.counts))


def _domain(words: list[str]) -> str:
    if len(words) != 1:
        raise UsageError(_("Name one destination domain."))
    return understood(words[0]).lower()


def _hostrate(session: Session, words: list[str]) -> None:
    domain = _domain(words)
    rates = session.host.engine.traffic.rates(lambda event: domain_of(event.recipient) == domain)
    if session.as_json:
        return say_json(session.dialogue, _json(rates))
    return _table(session, rates)


def _waiting(session: Session) -> Counter[str]:
    try:
        messages = list(session.host.engine.mail_queue.each())
    except QueueError as error:
        raise CommandError(str(error)) from None
    return Counter(domain_of(r.address) for message in messages for r in message.recipients)


def _hoststatus(session: Session, words: list[str]) -> None:
    domain = _domain(words)
    last = session.host.engine.traffic.last_to(domain)
    found: dict[str, Any] = {
        "domain": domain,
        "waiting": _waiting(session)[domain],
        "last": last
        and {
            "time": last.time.isoformat(),
            "outcome": last.outcome,
            "relay": last.relay,
            "reason": last.reason,
        },
    }
    if session.as_json:
        return say_json(session.dialogue, found)
    session.dialogue.say(_("{domain}: {count} waiting").format(domain=domain, count=found["waiting"]))
    if last is None:
        session.dialogue.say(_("Nothing went there within the last hour."))
    else:
        session.dialogue.say(f"{last.time:%Y-%m-%d %H:%M:%S} {last.outcome} {last.relay or ''} {last.reason}")
    return None


def _tophosts(session: Session, words: list[str]) -> None:
    _say_top(session, _waiting(session).most_common(SHOWN), _("No mail waits."))


def _topin(session: Session, words: list[str]) -> None:
    found = session.host.engine.traffic.top(
        lambda event: event.client or "", (Outcome.ACCEPTED, Outcome.REJECTED), SHOWN
    )
    _say_top(session, found, _("No mail came in within the last hour."))


def _say_top(session: Session, found: list[tuple[str, int]], nothing: str) -> None:
    if session.as_json:
        return say_json(session.dialogue, [{"name": name, "count": count} for name, count in found])
    for name, count in found:
        session.dialogue.say(f"{count:>8}  {name}")
    if not found:
        session.dialogue.say(nothing)
    return None


def _resetcounters(session: Session, words: list[str]) -> None:
    session.host.engine.traffic.reset()
    session.dialogue.say(_("The counters of this machine begin again."))


def _command(name: str, run: Run, summary: str, usage: str, right: Right = Right.READ) -> Command:
    return Command(name, run, summary, usage, Place.MACHINE, right, remote=True)


COMMANDS = [
    _command("rate", _rate, gettext_noop("mail in and out in the last minutes"), "rate [--json]"),
    _command("hostrate", _hostrate, gettext_noop("the same to one destination"), "hostrate DOMAIN [--json]"),
    _command(
        "hoststatus",
        _hoststatus,
        gettext_noop("what waits for a destination, and what happened there last"),
        "hoststatus DOMAIN [--json]",
    ),
    _command(
        "tophosts", _tophosts, gettext_noop("destinations with the most mail waiting"), "tophosts [--json]"
    ),
    _command("topin", _topin, gettext_noop("clients that hand in the most mail"), "topin [--json]"),
    _command(
        "resetcounters",
        _resetcounters,
        gettext_noop("let the counters begin again"),
        "resetcounters",
        Right.EDIT,
    ),
]
