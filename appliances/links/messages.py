"""The messages between two holders. Strict: what is not exactly one of these is a ProtocolError."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from appliances.links.errors import Fault, ProtocolError, Reason
from appliances.links.peer import Identity, Kind
from clusters.replication import MOST_TRACED
from clusters.versions import MAX_NUMBER, MAX_ORIGIN

PROTOCOL = 2
"""Changes when these messages do; ends with different numbers do not talk."""

MAX_COMMITS = 1000
MAX_VECTOR = 100_000

Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Serial = Annotated[str, Field(min_length=1, max_length=MAX_ORIGIN, pattern=r"^[^\x00-\x1f]*$")]
Number = Annotated[int, Field(ge=0, lt=MAX_NUMBER)]
VectorField = Annotated[dict[Serial, Number], Field(max_length=MAX_VECTOR)]
Link = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
Body = dict[str, Any]


class Message(BaseModel):
    """One message; `type` tells which."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Hello(Message):
    """The first message of each side. `purpose` of a newcomer is `enrol`; `errand`: only requests."""

    type: Literal["hello"] = "hello"
    protocol: Number
    cluster: Text
    cluster_name: Text
    serial: Serial
    host: Text
    release: Text
    kind: Annotated[Kind, Field(strict=False)]
    purpose: Literal["member", "enrol", "errand"]
    vector: VectorField

    def identity(self) -> Identity:
        """Who says hello."""
        return Identity(self.serial, self.host, self.release, self.kind, self.cluster, self.cluster_name)


class RefusedMessage(Message):
    """Instead of hello, or of an answer: no, and why. `release` is the one of the refusing end."""

    type: Literal["refused"] = "refused"
    reason: Annotated[Reason, Field(strict=False)]
    text: Text
    release: Text = ""


class Ping(Message):
    """Are you there? `digest` is of the sender's vector; `sent_at` in ms since 1970 UTC."""

    type: Literal["ping"] = "ping"
    n: Number
    sent_at: Number
    digest: Text


class Pong(Message):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"
    n: Number
    sent_at: Number


class Sync(Message):
    """What the sender holds: all of it (`full`), or only what is new. `ask`: send me yours."""

    type: Literal["sync"] = "sync"
    vector: VectorField
    full: bool
    ask: bool = False


class Trace(Message):
    """The last commit that the sender has made itself, and its link: is it the one that you know?"""

    type: Literal["trace"] = "trace"
    origin: Serial
    number: Number
    link: Link


class Traced(Message):
    """The answer: nothing where it is; else the links of that origin's commits, from number `first` on."""

    type: Literal["traced"] = "traced"
    origin: Serial
    first: Number = 0
    links: Annotated[list[Link], Field(max_length=MOST_TRACED + 1)] = []


class Commits(Message):
    """Commits that the receiver lacks."""

    type: Literal["commits"] = "commits"
    n: Number
    commits: Annotated[list[Body], Field(max_length=MAX_COMMITS)]


class SnapshotMessage(Message):
    """The whole state, for a receiver that is too far behind."""

    type: Literal["snapshot"] = "snapshot"
    n: Number
    snapshot: Body


class Ack(Message):
    """What became of commits or a snapshot: `vector` is stored here now; `error` says why not."""

    type: Literal["ack"] = "ack"
    n: Number
    vector: VectorField
    held: Number = 0
    error: Text = ""


class Part(Message):
    """A piece of a message too long for one frame. `stream` tells several such messages apart."""

    type: Literal["part"] = "part"
    stream: Number
    last: bool
    text: Annotated[str, Field(min_length=1)]


class Status(Message):
    """The status of a holder, in its own words; `serial` is that holder."""

    type: Literal["status"] = "status"
    serial: Serial
    status: Body


class Ask(Message):
    """A second opinion: do you reach that machine?"""

    type: Literal["ask"] = "ask"
    n: Number
    serial: Serial


class Opinion(Message):
    """The answer: whether a link to that machine is up, and how long ago it was heard (ms)."""

    type: Literal["opinion"] = "opinion"
    n: Number
    reached: bool
    heard_ago: Number | None


class Run(Message):
    """A request to the holder at the other end, in the name of a user here."""

    type: Literal["run"] = "run"
    n: Number
    user: Text
    request: Body


class Result(Message):
    """A piece of a request's answer. The `last` one carries `error` when it went wrong."""

    type: Literal["result"] = "result"
    n: Number
    last: bool
    data: Body = {}
    error: Text = ""


class Cancel(Message):
    """The asker does not want the rest of an answer."""

    type: Literal["cancel"] = "cancel"
    n: Number


class Enrol(Message):
    """A newcomer asks to be made a member."""

    type: Literal["enrol"] = "enrol"
    request: Body


class Enrolled(Message):
    """The newcomer is a member; the answer has what it needs."""

    type: Literal["enrolled"] = "enrolled"
    answer: Body


class Bye(Message):
    """The sender closes the link on purpose."""

    type: Literal["bye"] = "bye"
    reason: Text
    text: Text = ""


AnyMessage = Annotated[
    Hello
    | RefusedMessage
    | Ping
    | Pong
    | Sync
    | Trace
    | Traced
    | Commits
    | SnapshotMessage
    | Ack
    | Part
    | Status
    | Ask
    | Opinion
    | Run
    | Result
    | Cancel
    | Enrol
    | Enrolled
    | Bye,
    Field(discriminator="type"),
]


@cache
def _adapter() -> TypeAdapter[Message]:
    # mypy has no name for a union type.
    union: Any = AnyMessage
    return TypeAdapter(union)


def to_body(message: Message) -> Body:
    """The message as JSON values."""
    return dict(message)


def from_body(body: Body) -> Message:
    """The message in a frame. Raises ProtocolError."""
    try:
        return _adapter().validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"].startswith("union_tag"):
            raise ProtocolError(Fault.UNKNOWN_MESSAGE) from None
        where = ".".join(str(part)[:40] for part in first["loc"][:4])
        raise ProtocolError(Fault.INVALID_MESSAGE, f"{where}: {first['type']}"[:300]) from None
