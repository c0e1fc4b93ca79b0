"""The member's side of a join: takes a machine in, or a portal that will follow the cluster.

The request of a machine:  {"machine": {serial, name, address (IP), port, ccs_port, host_key, user_key},
                            "group": NAME or "", "settings": {feature: document},
                            "kept": {feature: document}, "preview": true to change nothing yet}
The request of a portal:   {"portal": {serial, name, user_key}}
The answer to both:        {"cluster": UUID, "name": ..., "serial": of the member, "snapshot": ...,
                            "history": [the last commits]}
"""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliances.features.problems import in_words
from appliances.links import names
from appliances.links.errors import Reason, Refused, Unreachable
from appliances.links.identity import InvalidKey, canonical_key
from appliances.links.peer import Kind, Newcomer, Wire
from appliances.machine import killpoints
from appliances.machine.view import View
from clusters import membership, replicas
from clusters.modes import Level
from clusters.refusals import refusals_and
from clusters.state import Machine, Portal

Text = Field(max_length=4096)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class JoiningMachine(_Strict):
    """How the newcomer is reached and known."""

    serial: str = Text
    name: str = Text
    address: str = Text
    port: int = Field(ge=1, le=65_535)
    ccs_port: int | None = Field(default=None, ge=1, le=65_535)
    host_key: str = Text
    user_key: str = Text


class JoiningPortal(_Strict):
    """Who will follow the cluster."""

    serial: str = Text
    name: str = Text
    user_key: str = Text


class EnrolRequest(_Strict):
    """What a newcomer asks: one of the two."""

    machine: JoiningMachine | None = None
    portal: JoiningPortal | None = None
    group: str = Text
    settings: dict[str, Any] = Field(default_factory=dict)
    kept: dict[str, Any] = Field(default_factory=dict)
    preview: bool = False


def enrol(view: View, raw: Wire, newcomer: Newcomer) -> Wire:
    """Makes the newcomer a member, or a peer, by one commit and answers with the whole cluster.

    Blocks. Raises Refused with the reason; nothing has changed then.
    """
    try:
        request = EnrolRequest.model_validate({"group": "", **raw})
        if newcomer.identity.kind is Kind.PORTAL:
            _take_portal(view, request.portal, newcomer)
        else:
            _take_machine(view, request, newcomer)
    except ValidationError as error:
        told = "; ".join(str(problem) for problem in in_words(error))
        raise Refused(Reason.INVALID, f"what this machine sent does not fit: {told}") from None
    except refusals_and(InvalidKey) as error:
        raise Refused(Reason.INVALID, str(error)) from None
    if not request.preview:
        killpoints.passed("taken-in")
    return _answer(view)


async def require_findable(view: View, raw: Wire) -> None:
    """In a cluster that uses names, a machine is taken in whose name leads somewhere from here (COM-10).

    Raises Refused.
    """
    told = raw.get("machine")
    if view.state.by_address or not isinstance(told, dict):
        return
    name, port = str(told.get("name")), told.get("port")
    try:
        await names.places_of(name, port if isinstance(port, int) else 0)
    except Unreachable as error:
        raise Refused(Reason.NO_NAME, f"{view.name} cannot reach {name}: {error.text}") from None


def _take_machine(view: View, request: EnrolRequest, newcomer: Newcomer) -> None:
    told = request.machine
    if told is None or told.serial != newcomer.identity.serial:
        raise Refused(Reason.INVALID, "a machine tells its own serial number when it joins")
    if newcomer.public_key:
        _require_prepared(view, told, newcomer.public_key)
    group = view.state.mode_named(Level.GROUP, request.group).id if request.group else ""
    if _knows(view, told):
        return
    joiner = Machine(
        told.serial,
        told.name,
        group,
        told.address if view.state.by_address else told.name,
        told.port,
        told.ccs_port,
        canonical_key(told.host_key),
        canonical_key(told.user_key),
    )
    if request.preview:
        membership.require_welcome(view.state, joiner, member=view.serial)
        return
    membership.enrol_machine(
        view.replica_id,
        machine=joiner,
        settings=request.settings,
        kept=request.kept,
        user=newcomer.user or told.serial,
        host=view.name,
    )


def _require_prepared(view: View, told: JoiningMachine, key: str) -> None:
    """A key opens the door for the very host that was prepared (JN-15)."""
    if canonical_key(told.user_key) != key:
        raise Refused(Reason.INVALID, "the key that was prepared is not the one of this machine")
    for waiting in membership.pending_joins(view.state):
        if waiting.serial == told.serial and waiting.host.casefold() != told.name.casefold():
            text = f"this key was prepared for {waiting.host}, not for {told.name}"
            raise Refused(Reason.NOT_PREPARED, text)


def _knows(view: View, told: JoiningMachine) -> bool:
    """Whether this very machine was taken in before and lost the answer: then it only needs it again."""
    known = view.state.machines.get(told.serial)
    keys = (canonical_key(told.host_key), canonical_key(told.user_key))
    return known is not None and (known.host_key, known.user_key) == keys


def _take_portal(view: View, told: JoiningPortal | None, newcomer: Newcomer) -> None:
    if told is None or told.serial != newcomer.identity.serial or not newcomer.user:
        raise Refused(Reason.NOT_ALLOWED, "a portal is let in by an administrator's passphrase")
    portal = Portal(told.serial, told.name, canonical_key(told.user_key))
    membership.enrol_portal(view.replica_id, portal=portal, user=newcomer.user, host=view.name)


def _answer(view: View) -> Wire:
    state = replicas.state(view.replica_id)
    snapshot, history = replicas.for_newcomer(view.replica_id)
    return {
        "cluster": str(uuid.UUID(view.cluster_id)),
        "name": state.name,
        "serial": view.serial,
        "snapshot": snapshot.to_wire(),
        "history": [commit.to_wire() for commit in history],
    }
