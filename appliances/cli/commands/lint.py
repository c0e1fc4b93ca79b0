"""`lint`: advice on how the cluster is laid out, each with the command that mends it (BP-01..BP-10)."""

from __future__ import annotations

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
from appliances.links.ssh import ServiceKind
from clusters.installed import catalogue
from clusters.layout import Advice, Facts, Remedy
from clusters.linting import lint
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
    """What this machine knows of the others; where CCS is on, also whose SSH port answers it."""
    releases = {serial: status.release for serial, status in session.host.heard().items()}
    return Facts({**releases, session.host.serial: session.host.release}, _reached(session))


def _reached(session: Session) -> frozenset[str]:
    members = session.state.machines.values()
    if all(member.ccs_port is None for member in members):
        return frozenset()
    others = [member for member in members if member.serial != session.host.serial]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
        answers = list(threads.map(lambda member: _answers(session.host, member), others))
    found = [member.serial for member, answer in zip(others, answers, strict=True) if answer]
    return frozenset([session.host.serial, *found])


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
