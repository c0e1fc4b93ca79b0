"""What a peer may ask this machine to do in the name of a user there: machine-mode commands (RES-03)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliances.links.errors import Reason, Refused
from appliances.links.peer import Caller, Wire
from appliances.machine.threads import in_thread

if TYPE_CHECKING:
    from appliances.machine.daemon import Daemon


async def answer(daemon: Daemon, request: Wire, caller: Caller) -> list[Wire]:
    """The output of `{"command": [words], "role": role}`; raises Refused for anything else."""
    words, role = request.get("command"), request.get("role")
    if not isinstance(words, list) or not all(isinstance(w, str) for w in words) or not isinstance(role, str):
        raise Refused(Reason.INVALID, "a request is a command, as a list of words, and the role of its user")
    return await in_thread(daemon.command_line.answer, daemon, words, caller.user, role)
