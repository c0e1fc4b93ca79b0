"""What a peer may ask of this machine: machine-mode commands (RES-03), and what its replica holds (SYN-10).

{"command": [words], "role": role}      the output of a command, in the name of a user there
{"check": "digest"}                     {"digest": of all entries}
{"check": "entries"}                    {"snapshot": ...}
{"check": "drafts"}                     {"people": [those who have uncommitted changes there]}
{"check": "status"}                     {"status": as this machine tells its neighbours}
{"relay": serial, "hops": left, "request": one of the others}     what that member answers (COM-03)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliances.links.errors import Reason, Refused
from appliances.links.peer import Caller, Kind, Wire
from appliances.machine import routes
from appliances.machine.threads import in_thread
from clusters import drafts, replicas

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon


async def answer(daemon: Daemon, request: Wire, caller: Caller) -> list[Wire]:
    """The pieces of the answer; raises Refused for what is none of these."""
    if (passed := await routes.relay(daemon, request, caller.user)) is not None:
        return passed
    if request.get("check") == "status":
        return [{"status": (await daemon.status()).told.to_wire()}]
    if "check" in request:
        return [await in_thread(_held, daemon.view.replica_id, request["check"])]
    words, role = request.get("command"), request.get("role")
    if not isinstance(words, list) or not all(isinstance(w, str) for w in words) or not isinstance(role, str):
        raise Refused(Reason.INVALID, "a request is a command, as a list of words, and the role of its user")
    portal = caller.peer.kind is Kind.PORTAL
    return await in_thread(
        lambda: daemon.command_line.answer(daemon, words, caller.user, role, portal=portal)
    )


def _held(replica_id: int, what: object) -> Wire:
    if what == "digest":
        return {"digest": replicas.entries_digest(replica_id)}
    if what == "entries":
        return {"snapshot": replicas.snapshot(replica_id).to_wire()}
    if what == "drafts":
        return {"people": drafts.people(replica_id)}
    raise Refused(Reason.INVALID, "a check is of the digest, the entries, the status or of who has drafts")
