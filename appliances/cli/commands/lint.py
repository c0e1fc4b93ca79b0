"""`lint`: advice on how the cluster is laid out, each with the command that mends it (BP-01..BP-10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.login_host import LoginHost
from appliances.cli.registry import Command
from appliances.cli.session import Session
from appliances.links.errors import LinkError
from appliances.links.names import addresses_of, is_loopback, names_of
from appliances.links.ssh import ServiceKind
from clusters import risky_steps
from clusters.installed import catalogue
from clusters.layout import Advice, Facts, Layout, Remedy, Step
from clusters.linting import lint
from clusters.member_rules import name_leads_elsewhere
from clusters.modes import Level, Mode
from clusters.state import Machine
from clusters.transfers import Action

ASKED_AT_ONCE = 16


def _lint(session: Session, words: list[str]) -> None:
    if words:
        raise UsageError(_("lint takes --json alone."))
    if session.state.standalone:
        raise CommandError(_("This machine is in no cluster."))
    found = lint(session.state, catalogue(), facts=_facts(session))
    if session.as_json:
        return say_json(session.dialogue, [_json(session, advice) for advice in found])
    for advice in found:
        session.dialogue.say(f"{advice.rule} {advice.severity}: {advice.message}")
        if advice.remedy:
            session.dialogue.say(f"    {_line(session, advice.remedy)}")
    if not found:
        session.dialogue.say(_("No advice: the cluster is laid out well."))
    return None


def _facts(session: Session) -> Facts:
    """What this machine knows of the others, of itself, and of who is logged in here."""
    host, state = session.host, session.state
    releases = {serial: status.release for serial, status in host.heard().items()}
    saved = None if state.portals else host.saved.last_saved()
    run = host.upgrading.run
    operation = (
        _("Guided upgrade to {release}: {step}").format(release=run.release, step=run.step) if run else ""
    )
    hosts = frozenset(m.address for m in state.machines.values())
    leads = {} if state.by_address else addresses_of(hosts)
    places = hosts if state.by_address else frozenset[str]().union(*leads.values())
    return Facts(
        {**releases, host.serial: host.release},
        _reached(session, leads),
        leads,
        frozenset() if state.by_address else hosts - leads.keys(),
        names_of([address for address in places if not is_loopback(address)]),
        () if saved is None else tuple(_steps(session, saved)),
        saved,
        "" if run is None or run.over else operation,
        tuple(f"{login.user} ({login.address})" for login in host.sessions.beside(session.user)),
    )


def _steps(session: Session, saved: int) -> Iterator[Step]:
    """The risky steps that this machine knows of (L18)."""
    host = session.host
    yield from risky_steps.of_log(session.replica_id, saved, host.saved.last_loaded())
    switched = host.upgrading.shelf.last_switch()
    if switched is not None:
        yield Step(_("{name} runs release {release}").format(name=host.name, release=host.release), switched)


def _reached(session: Session, leads: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Whose SSH port answers: of all members where CCS is on (L11), else of those with odd names (L21)."""
    state = session.state
    layout = Layout(state, catalogue(), facts=Facts(leads=leads))
    odd = {mode.id for advice in name_leads_elsewhere(layout) for mode in advice.modes}
    all_of_them = any(member.ccs_port is not None for member in state.machines.values())
    asked = [m for m in state.machines.values() if all_of_them or m.serial in odd]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
        answers = list(threads.map(lambda member: _answers(session.host, member), asked))
    return frozenset(member.serial for member, answer in zip(asked, answers, strict=True) if answer)


def _answers(host: LoginHost, member: Machine) -> bool:
    try:
        return host.probe(member.address, member.port).kind is ServiceKind.SSH
    except LinkError:
        return False


def _json(session: Session, advice: Advice) -> dict[str, Any]:
    return {
        "rule": advice.rule,
        "severity": advice.severity,
        "message": advice.message,
        "modes": [session.label(mode) for mode in advice.modes],
        "feature": advice.feature,
        "remedy": _line(session, advice.remedy) if advice.remedy else None,
    }


def _line(session: Session, remedy: Remedy) -> str:
    """The command that carries it out, as pending changes."""
    source = _words(session, remedy.source)
    if remedy.action is Action.DELETE:
        return f"clustermode {source}; {remedy.feature} inherit"
    targets = " ".join(_words(session, mode) for mode in remedy.targets)
    return f"clustermode {source}; {remedy.feature} clusterset {remedy.action} {targets}"


def _words(session: Session, mode: Mode) -> str:
    return mode.level if mode.level is Level.CLUSTER else f"{mode.level} {session.state.mode_name(mode)}"


COMMANDS = [Command("lint", _lint, gettext_noop("advice on how the cluster is laid out"), "lint [--json]")]
