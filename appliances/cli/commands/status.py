"""`status` of this machine or another, and the table of links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.colours import of_state
from appliances.cli.dialogue import announce, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.presenting import moment
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session
from appliances.machine.status import MachineStatus


def _status(session: Session, words: list[str]) -> None:
    found = _status_of(session)
    if session.as_json:
        say_json(session.dialogue, found.to_wire())
        return
    for line in _lines(found):
        session.dialogue.say(line)


def _status_of(session: Session) -> MachineStatus:
    """This machine now; another one as it was heard last (RES-03)."""
    if session.state.standalone or session.mode == session.own_mode:
        return session.host.status()
    found = session.host.heard().get(session.mode.id)
    if found is None:
        label = session.label(session.mode)
        raise CommandError(
            _("Nothing has been heard of {machine} yet; see `connstatus`.").format(machine=label)
        )
    return found


def _lines(found: MachineStatus) -> Iterator[str]:
    yield f"{found.name} (Serial #: {found.serial}), Gatefold {found.release}"
    yield _("as of {time}").format(time=moment(found.as_of))
    yield _("Settings wanted:   {fingerprint}").format(fingerprint=found.wanted or "-")
    since = _("since {time}").format(time=moment(found.enforced_since))
    yield (
        _("Settings enforced: {fingerprint} {since}")
        .format(fingerprint=found.enforced or "-", since=since if found.enforced else "")
        .rstrip()
    )
    if found.error:
        yield _("Error since {time}: {text}").format(time=moment(found.error.since), text=found.error.text)
        yield from (f"  {line}" for line in found.error.detail.splitlines())
    yield from (_("Note: {text}").format(text=note) for note in found.notes)
    yield _("Postfix: {state}, restarted {count} times").format(
        state=_("running since {time}").format(time=moment(found.postfix.since))
        if found.postfix.running
        else _("not running"),
        count=found.postfix.restarts,
    )
    queue = found.queue
    yield _("Queue: {active} active, {deferred} deferred, {hold} on hold").format(
        active=queue.incoming + queue.active, deferred=queue.deferred, hold=queue.hold
    )
    logins = found.logins
    line = _("Logins: {half} half-open, {away} turned away, {wrong} wrong passphrases, {refused} refused")
    yield line.format(
        half=logins.half_open,
        away=logins.turned_away,
        wrong=logins.wrong_passphrases,
        refused=logins.refused,
    )
    if logins.guessed:
        yield _("Since {time}: {text}").format(time=moment(logins.guessed.since), text=logins.guessed.text)
    for link in found.links:
        yield of_state(f"{link.name or link.serial}: {link.state} {link.reason}".rstrip(), link.state)


def connstatus(session: Session, words: list[str]) -> None:
    links = session.host.links()
    if session.as_json:
        say_json(session.dialogue, [link.model_dump(mode="json") for link in links])
        return
    if not links:
        session.dialogue.say(_("There are no other members."))
    for link in links:
        carrier = _(" over {service}").format(service=link.service) if link.service else ""
        trip = "" if link.round_trip is None else f" {link.round_trip:g} ms"
        since = _("since {time}").format(time=moment(link.since))
        line = f"{link.name or link.serial} ({link.kind}): {link.state}{carrier}{trip} {since}"
        session.dialogue.say(of_state(line, link.state))
        if link.state == "connected":
            continue
        over = link.via and _("Requests go over {names}.").format(names=link.via)
        for text in filter(None, (link.reason, link.remedy and _(link.remedy), over)):
            session.dialogue.say(f"    {text}")


def _alerts(session: Session, words: list[str]) -> None:
    """Incidents that last; with `all` those that are over too (SYN-15)."""
    if words not in ([], ["all"]):
        raise UsageError(_("alerts takes `all`."))
    found = session.host.alerts.all() if words else session.host.alerts.open()
    if session.as_json:
        say_json(session.dialogue, [asdict(alert) for alert in found])
        return
    for alert in found:
        until = _("lasts") if alert.until is None else _("over since {time}").format(time=moment(alert.until))
        ended = f" ({alert.ended})" if alert.ended else ""
        who = alert.name or alert.serial
        session.dialogue.say(f"{moment(alert.since)} {alert.severity} {who}: {until}{ended}")
        if alert.count > 1:
            text = _("told {count} times, last {time}").format(count=alert.count, time=moment(alert.last))
            session.dialogue.say(f"    {text}")
        session.dialogue.say(f"    {alert.text}")
    if not found:
        session.dialogue.say(_("There are no alerts."))


def _tryagain(session: Session, words: list[str]) -> None:
    announce(session.dialogue, _("Bringing the settings into force..."))
    session.host.try_again()
    if not session.host.settled(60.0):
        raise CommandError(_("The try has not ended yet; see `status`."))
    found = session.host.status()
    if found.error:
        raise CommandError(found.error.text)
    session.dialogue.say(_("Settings enforced: {fingerprint}").format(fingerprint=found.enforced))


COMMANDS = [
    Command(
        "status",
        _status,
        gettext_noop("settings in force, Postfix, queue and links of a machine"),
        "status [--json]",
        Place.MACHINE,
        Right.GUEST,
        remote=True,
        last_known=True,
    ),
    Command(
        "connstatus",
        connstatus,
        gettext_noop("how this machine is connected with the other members"),
        "connstatus [--json]",
    ),
    Command(
        "alerts",
        _alerts,
        gettext_noop("what is wrong between a machine and the others"),
        "alerts [all] [--json]",
        Place.MACHINE,
        remote=True,
    ),
    Command(
        "tryagain",
        _tryagain,
        gettext_noop("try once more to bring settings into force that were refused here"),
        "tryagain",
        Place.LOGIN_HOST,
        Right.EDIT,
    ),
]
