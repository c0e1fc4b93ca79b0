"""How two ends begin: who is there, do both run the same release, is the caller who its key says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from appliances.links.channel import Channel
from appliances.links.errors import (
    Fault,
    LinkError,
    LinkLost,
    ProtocolError,
    Reason,
    Refused,
    VersionMismatch,
)
from appliances.links.messages import PROTOCOL, Bye, Hello, Message, RefusedMessage
from appliances.links.peer import Holder, Identity, Kind, Login, PeerIdentity, Standing
from appliances.links.timing import Pace, Timing, within

Purpose = Literal["member", "enrol", "errand"]
"""An errand carries requests and no commits: a portal's, to a machine that is disconnected or runs another
release too."""
LookBack = Callable[[str], Awaitable[None]]
"""Sees that the name servers answer for a caller's address; raises Refused."""


async def nobody_looks(address: str) -> None:
    """For clusters whose members call one another by name."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller has proven to the server: its key, or an admin's passphrase."""

    peer: PeerIdentity | None = None
    public_key: str = ""
    login: Login | None = None


def hello(identity: Identity, vector: dict[str, int], purpose: Purpose) -> Hello:
    """The first message of an end."""
    return Hello(
        protocol=PROTOCOL,
        cluster=identity.cluster,
        cluster_name=identity.cluster_name,
        serial=identity.serial,
        host=identity.host,
        release=identity.release,
        kind=identity.kind,
        purpose=purpose,
        vector=vector,
    )


async def call(channel: Channel, ours: Hello, pace: Pace, timing: Timing) -> Hello:
    """The caller's side: says hello and returns the answer.

    Raises VersionMismatch, Refused, ProtocolError, LinkLost.
    """
    await channel.send(ours)
    theirs = await first_message(channel, pace, timing)
    if isinstance(theirs, (RefusedMessage, Bye)):
        raise no(theirs, ours.release)
    if not isinstance(theirs, Hello):
        raise ProtocolError(Fault.UNEXPECTED, "something before hello")
    _require_same_release(ours, theirs, ours.purpose)
    if ours.purpose != "enrol" and ours.cluster != theirs.cluster:
        raise Refused(Reason.OTHER_CLUSTER, f"{theirs.host} belongs to another cluster")
    return theirs


async def answer(
    channel: Channel,
    holder: Holder,
    credential: Credential,
    pace: Pace,
    timing: Timing,
    look_back: LookBack = nobody_looks,
) -> tuple[Hello, Hello]:
    """The server's side: hears the caller's hello, judges it, says its own; returns both (ours, theirs).

    A machine's address is looked up by `look_back` (COM-09). A caller that is not welcome is told why. Raises
    Refused, VersionMismatch, ProtocolError, LinkLost.
    """
    identity = await holder.identity()
    ours = hello(identity, await holder.vector(), "member")
    try:
        theirs = await first_message(channel, pace, timing)
        if not isinstance(theirs, Hello):
            raise ProtocolError(Fault.UNEXPECTED, "something before hello")
        judge(ours, theirs, credential)
        if theirs.kind is Kind.MACHINE:
            await look_back(channel.address)
    except LinkError as error:
        await refuse(channel, error, identity.release)
        raise
    await channel.send(ours)
    return ours, theirs


async def first_message(channel: Channel, pace: Pace, timing: Timing) -> Message:
    """What the other end says first, in one frame and in time. Raises LinkLost, ProtocolError."""
    try:
        message = await within(timing, pace.answer, channel.receive(parts=False))
    except TimeoutError:
        raise LinkLost("the other end does not say hello") from None
    if message is None:
        raise LinkLost("the other end closed the connection before saying hello")
    return message


def judge(ours: Hello, theirs: Hello, credential: Credential) -> None:
    """Whether a caller is welcome. Raises Refused and VersionMismatch."""
    _require_same_release(ours, theirs, theirs.purpose)
    if theirs.serial == ours.serial:
        raise Refused(Reason.OTHER_SERIAL, f"both ends have the serial number {ours.serial}")
    peer = credential.peer
    if peer is not None and (peer.serial, peer.kind) != (theirs.serial, theirs.kind):
        raise Refused(Reason.OTHER_SERIAL, f"this key belongs to {peer.serial}, not to {theirs.serial}")
    if theirs.purpose == "enrol":
        _judge_newcomer(ours, theirs, credential)
    else:
        _judge_member(ours, theirs, credential)
    if theirs.purpose == "errand" and theirs.kind is not Kind.PORTAL:
        raise Refused(Reason.NOT_ALLOWED, "only a portal runs errands")


def _judge_newcomer(ours: Hello, theirs: Hello, credential: Credential) -> None:
    if theirs.cluster and theirs.cluster != ours.cluster:
        raise Refused(Reason.OTHER_CLUSTER, f"{theirs.host} belongs to a cluster already")
    if credential.peer is None and not (credential.login and credential.login.administrator):
        raise Refused(Reason.NOT_ALLOWED, "only an administrator's passphrase lets a machine join")


def _judge_member(ours: Hello, theirs: Hello, credential: Credential) -> None:
    if credential.peer is None or credential.peer.standing is not Standing.MEMBER:
        raise Refused(Reason.UNKNOWN, f"{theirs.host} is no member of this cluster")
    if theirs.cluster != ours.cluster or not ours.cluster:
        raise Refused(Reason.OTHER_CLUSTER, f"{theirs.host} and {ours.host} are not in one cluster")


def _require_same_release(ours: Hello, theirs: Hello, purpose: Purpose) -> None:
    """Whoever exchanges commits runs the same release (CL-12); a portal's errand also reaches another one."""
    if ours.protocol != theirs.protocol or (purpose != "errand" and ours.release != theirs.release):
        raise VersionMismatch(_version(ours), _version(theirs))


def _version(end: Hello) -> str:
    return end.release if end.protocol == PROTOCOL else f"{end.release} (protocol {end.protocol})"


async def refuse(channel: Channel, error: LinkError, release: str) -> None:
    """Tells the other end why nothing comes of it; a broken connection is not worth a second error."""
    if isinstance(error, Refused):
        message: Message = RefusedMessage(reason=error.reason, text=clip(error.text))
    elif isinstance(error, VersionMismatch):
        text = f"release {error.theirs} cannot connect to release {error.ours}"
        message = RefusedMessage(reason=Reason.OTHER_RELEASE, text=clip(text), release=clip(release))
    else:
        message = Bye(reason="protocol-error", text=clip(error.text))
    try:
        await channel.send(message)
    except LinkError:
        return


def no(message: RefusedMessage | Bye, our_release: str) -> LinkError:
    """The error that a refusal is at the refused end."""
    if isinstance(message, Bye):
        return LinkLost(message.text or f"the other end closed the link: {message.reason}")
    if message.reason is Reason.OTHER_RELEASE and message.release:
        return VersionMismatch(our_release, message.release)
    return Refused(message.reason, message.text)


def clip(text: str) -> str:
    """A text that fits into a message."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:1000]
