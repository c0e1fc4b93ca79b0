"""Calling another holder: look what a port is, make a link as a member, or enrol as a newcomer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncssh

from appliances.links.calling import Client, Target, connect, open_channel
from appliances.links.channel import Channel
from appliances.links.errors import (
    Fault,
    HostKeyRejected,
    LinkLost,
    ProtocolError,
    Reason,
    Refused,
    WrongService,
)
from appliances.links.hello import Purpose, call, hello, no
from appliances.links.identity import fingerprint
from appliances.links.link import Hooks, Link
from appliances.links.messages import Bye, Enrol, Enrolled, RefusedMessage
from appliances.links.peer import Holder, Identity, PeerIdentity, Wire
from appliances.links.ssh import CLUSTER_USER, ServiceKind
from appliances.links.timing import Pace, RealTime, Timing, within

HostKey = str | Callable[[str], Awaitable[bool]]
"""The pinned public key, or a question to a person: called with the public key, true accepts it."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """The login of a person; only an administrator's lets a machine join."""

    user: str
    text: str

    def __repr__(self) -> str:
        return f"Passphrase({self.user!r}, ...)"


@dataclass(frozen=True, slots=True)
class Probe:
    """What answers at a port: its kind and its host key."""

    kind: ServiceKind
    host_key: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` of the host key, for a person to compare."""
        return fingerprint(self.host_key)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a newcomer has got: the member's answer, who that member is, and its host key to pin."""

    answer: Wire
    member: Identity
    host_key: str


async def probe(target: Target, timeout: float = 20.0) -> Probe:
    """Looks what answers at a port, without logging in. Raises Unreachable and WrongService."""
    client = Client(target, None, None)
    try:
        conn = await connect(client, CLUSTER_USER, None, timeout)
    except HostKeyRejected:
        return Probe(client.kind or ServiceKind.SSH, client.seen)
    conn.abort()
    raise WrongService(f"{target} is no service of Gatefold")


async def dial(
    target: Target,
    holder: Holder,
    key: asyncssh.SSHKey,
    host_key: str,
    *,
    serial: str = "",
    purpose: Purpose = "member",
    hooks: Hooks | None = None,
    pace: Pace | None = None,
    timing: Timing | None = None,
    room: asyncio.Semaphore | None = None,
) -> Link:
    """Makes a link as a member or portal; the caller starts it with `link.start()`.

    `key` is the user key; `serial` is whom we expect there; a portal's `errand` carries no commits; `room` is
    for the handshakes of one caller. Raises any LinkError.
    """
    pace, timing = pace or Pace(), timing or RealTime()
    conn = await connect(Client(target, host_key, None), CLUSTER_USER, key, pace.answer, room)
    try:
        channel = await open_channel(conn, target, pace)
        ours = hello(await holder.identity(), await holder.vector(), purpose)
        theirs = await call(channel, ours, pace, timing)
        if serial and theirs.serial != serial:
            raise Refused(Reason.OTHER_SERIAL, f"{target} is {theirs.serial}, not {serial}")
    except BaseException:
        conn.abort()
        raise
    peer = PeerIdentity(theirs.serial, theirs.host, theirs.kind)
    return Link(channel, holder, (ours, theirs), peer, dialled=True, hooks=hooks, pace=pace, timing=timing)


async def enrol(
    target: Target,
    identity: Identity,
    credential: asyncssh.SSHKey | Passphrase,
    host_key: HostKey,
    request: Wire,
    *,
    wanted: ServiceKind | None = None,
    pace: Pace | None = None,
    timing: Timing | None = None,
) -> Enrolment:
    """Asks a member to be made a member too (machine joining, portal adopting).

    With a passphrase, or with the user key that a member was prepared for (JN-12, JN-16). The passphrase
    is sent only after the host key was accepted. `wanted` is the kind of service that must answer.
    Raises any LinkError; nothing has changed then.
    """
    pace, timing = pace or Pace(), timing or RealTime()
    pinned = await _pinned(target, host_key, pace.answer)
    user = credential.user if isinstance(credential, Passphrase) else CLUSTER_USER
    secret = credential.text if isinstance(credential, Passphrase) else credential
    try:
        conn = await connect(Client(target, pinned, wanted), user, secret, pace.answer)
    except Refused as error:
        raise _not_prepared(error, target) from None
    try:
        channel = await open_channel(conn, target, pace)
        theirs = await call(channel, hello(identity, {}, "enrol"), pace, timing)
        answer = await _ask(channel, request, identity.release, pace, timing)
        await channel.send(Bye(reason="enrolled"))
    finally:
        conn.close()
    return Enrolment(answer, theirs.identity(), pinned)


async def _ask(channel: Channel, request: Wire, release: str, pace: Pace, timing: Timing) -> Wire:
    await channel.send(Enrol(request=request))
    try:
        message = await within(timing, pace.store, channel.receive())
    except TimeoutError:
        raise LinkLost("the member does not answer") from None
    if isinstance(message, (RefusedMessage, Bye)):
        raise no(message, release)
    if message is None:
        raise LinkLost("the member closed the connection before it answered")
    if not isinstance(message, Enrolled):
        raise ProtocolError(Fault.UNEXPECTED, "no answer to enrol")
    return message.answer


async def _pinned(target: Target, host_key: HostKey, timeout: float) -> str:
    if isinstance(host_key, str):
        return host_key
    seen = await probe(target, timeout)
    if not await host_key(seen.host_key):
        raise HostKeyRejected(f"the host key {seen.fingerprint} of {target} was not accepted")
    return seen.host_key


def _not_prepared(error: Refused, target: Target) -> Refused:
    # One that was removed before is told that as well; but it is joining just now.
    if error.reason not in (Reason.UNKNOWN, Reason.REMOVED):
        return error
    return Refused(Reason.NOT_PREPARED, f"{target} is not prepared for the key of this machine")
