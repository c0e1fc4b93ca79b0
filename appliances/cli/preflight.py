"""`clusterconfig preflight`: what would hinder a join, without trying one (section 5, row 5)."""

from __future__ import annotations

from dataclasses import asdict

from django.utils.translation import gettext as _

from appliances.cli.dialogue import say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.joining import CCS_PORT, SSH_PORT
from appliances.cli.options import Options, port
from appliances.cli.session import Session
from appliances.links.ssh import ServiceKind
from appliances.machine import preflight
from appliances.machine.preflight import Finding
from clusters.membership_refusals import PendingDrafts
from clusters.operations import require_no_drafts

SIGNS = {preflight.OK: "+", preflight.WARN: "!", preflight.BAD: "-", preflight.UNKNOWN: "?"}


def run(session: Session, words: list[str]) -> None:
    """Looks from this machine at itself and at a member; changes nothing. Fails where something is wrong."""
    parser = Options("clusterconfig preflight")
    parser.add_argument("address", nargs="?", default="")
    parser.add_argument("--port", type=port, default=0)
    parser.add_argument("--ccs", action="store_true")
    parser.add_argument("--fingerprint", default="")
    told = parser.told(words)
    if not told.address:
        raise UsageError(_("Name the address of a member."))
    called = told.port or (CCS_PORT if told.ccs else SSH_PORT)
    here = session.host.as_machine(by_address=True)
    found = [preflight.of_drafts(_refusal(session))]
    found += preflight.of_names(session.host.name, here.address)
    found += preflight.of_member(
        lambda: session.host.probe(told.address, called),
        ServiceKind.CCS if told.ccs else ServiceKind.SSH,
        told.fingerprint,
        here.host_key,
    )
    found.append(preflight.of_welcome())
    _say(session, found)


def _refusal(session: Session) -> str:
    """What the join would refuse before it calls anybody (CR-06)."""
    try:
        require_no_drafts(session.replica_id)
    except PendingDrafts as refusal:
        return str(refusal)
    return ""


def _say(session: Session, found: list[Finding]) -> None:
    if session.as_json:
        say_json(session.dialogue, [asdict(each) for each in found])
    for each in () if session.as_json else found:
        session.dialogue.say(f"{SIGNS[each.verdict]} {each.check:<9} {each.text}")
        if each.remedy:
            session.dialogue.say(f"            {each.remedy}")
    if any(each.verdict == preflight.BAD for each in found):
        raise CommandError(_("A join would fail."))
