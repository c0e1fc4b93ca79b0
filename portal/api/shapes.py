"""The shapes of what the API takes and gives; each is rendered from the domain's own values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.modes import ModeConverter


@extend_schema_field({"type": "object", "additionalProperties": True})
class Document(serializers.JSONField):
    """Settings of a feature, as its JSON schema has them."""


@extend_schema_field({"type": "string", "example": "machine/NW-0001"})
class ModeField(serializers.CharField):
    """A mode as addresses write it: `cluster`, `group/<id>`, `machine/<serial>`."""

    def to_representation(self, value: Any) -> str:
        return ModeConverter().to_url(value)


class RemedyField(serializers.CharField):
    """What to do, kept as a message id, in the language of the caller."""

    def to_representation(self, value: str) -> str:
        return gettext(value) if value else ""


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field):
    """The wall time of a commit."""

    def to_representation(self, value: Any) -> str:
        return datetime.fromtimestamp(value.wall / 1000, UTC).isoformat()


class Shape(serializers.Serializer[Any]):
    """A value of the domain, for reading."""


class AuthorshipShape(Shape):
    """Who wrote something, when, where and why."""

    commit = serializers.CharField(source="id", help_text="Origin and number, as in the commit's address.")
    time = Moment()
    user = serializers.CharField()
    host = serializers.CharField()
    comment = serializers.CharField()


class ProblemShape(Shape):
    """What is wrong with a document, and where."""

    path = serializers.CharField()
    message = serializers.CharField()


class ClashShape(Shape):
    """An entry that somebody else has changed meanwhile."""

    entry = serializers.CharField()
    now = AuthorshipShape()


class PathShape(Shape):
    """One difference inside a document; secrets are hidden."""

    path = serializers.CharField(source="text")
    kind = serializers.ChoiceField(choices=["added", "removed", "changed"])
    before = serializers.JSONField(source="old", allow_null=True)
    after = serializers.JSONField(source="new", allow_null=True)


class ClusterShape(Shape):
    """A cluster that the portal follows."""

    slug = serializers.CharField()
    name = serializers.CharField(source="replica.name")
    tenant = serializers.CharField(source="tenant.slug")
    state = serializers.CharField()
    adopted = serializers.DateTimeField()


class NamedMode(Shape):
    """A mode and what people call it."""

    mode = ModeField()
    level = serializers.CharField(source="mode.level")
    name = serializers.CharField()


class MachineShape(Shape):
    """A machine as it was heard last; every state says of when it is."""

    serial = serializers.CharField(source="status.serial")
    name = serializers.CharField(source="status.name")
    group = serializers.CharField(source="status.group", help_text="Id of its group.")
    connection = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    remedy = RemedyField()
    enforcement = serializers.CharField()
    wanted = serializers.CharField(source="status.wanted", help_text="Fingerprint of what should hold.")
    enforced = serializers.CharField(source="status.enforced", help_text="Fingerprint of what mail sees.")
    error = serializers.CharField(source="status.error")
    queue = serializers.IntegerField(source="status.queue", allow_null=True)
    release = serializers.CharField(source="status.release")
    heard = serializers.DateTimeField(source="status.heard", allow_null=True)
    fresh = serializers.BooleanField()


class FeatureShape(Shape):
    """A feature of the catalogue with the JSON schema of its settings."""

    name = serializers.CharField()
    title = serializers.CharField()
    scope = serializers.CharField()
    tab = serializers.CharField()
    schema = Document()
    factory_default = Document(allow_null=True)


class LayerShape(Shape):
    """A mode that defines a feature; `by` is null for a pending change."""

    mode = ModeField()
    by = AuthorshipShape(allow_null=True)


class SettingSummary(Shape):
    """A feature in a mode, without its value."""

    feature = serializers.CharField()
    defined = serializers.BooleanField(help_text="Whether this mode itself defines it.")
    pending = serializers.BooleanField(help_text="Whether you have changed it here and not committed it.")
    origin = ModeField(allow_null=True, help_text="The mode whose settings hold; null: the factory default.")


class SettingShape(SettingSummary):
    """What holds in a mode, where it comes from, what it hides, whom it reaches."""

    mode = ModeField()
    value = Document(help_text="Secrets read ********; sent back so, they stay what they are.")
    version = serializers.CharField(
        allow_blank=True, help_text="The commit of what this mode defines in force; empty where it does not."
    )
    story = LayerShape(many=True, help_text="Who defines it, the one that holds first.")
    reached = serializers.ListField(child=serializers.CharField(), help_text="Serial numbers.")
    overrides = serializers.ListField(child=ModeField(), help_text="Modes below with settings of their own.")
    flags = serializers.ListField(
        child=serializers.CharField(),
        help_text="What a machine says of them: a listener that is disabled on it, for instance.",
    )


class SettingInput(Shape):
    """Settings to keep as a pending change."""

    value = Document()
    version = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="The version that you have seen; another one in force is answered with 409.",
    )


class EditedShape(Shape):
    """What came of an edit."""

    pending = serializers.BooleanField(help_text="False where it is in force already.")
    reached = serializers.ListField(child=serializers.CharField(), help_text="Serial numbers.")
    overrides = serializers.ListField(child=ModeField())
    settles = AuthorshipShape(many=True, help_text="Versions of a conflict that committing this ends.")


class MarkField(serializers.CharField):
    """What the caller has seen; None where nobody looked."""

    def __init__(self, help_text: str = "Of your pending changes as you have seen them.") -> None:
        super().__init__(required=False, allow_blank=True, default=None, max_length=64, help_text=help_text)


class TransferInput(Shape):
    """Copy or move what this mode defines to another; without `agreed` a risk is answered with 409."""

    action = serializers.ChoiceField(choices=["copy", "move"])
    target = serializers.CharField(help_text="`cluster`, `group/<id>` or `machine/<serial>`")
    agreed = serializers.BooleanField(default=False)
    version = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="The version of these settings that you have seen; another one is answered with 409.",
    )
    mark = MarkField("Of the 409 that told the risks: you agree to these and to no others.")


class PendingShape(Shape):
    """One of your uncommitted changes."""

    entry = serializers.CharField(source="address")
    mode = ModeField(allow_null=True)
    changes = PathShape(source="paths", many=True)
    stale = AuthorshipShape(allow_null=True, help_text="What somebody else has committed meanwhile.")
    waiting = AuthorshipShape(
        many=True, help_text="Versions of a conflict that waits: committing needs their ids in `settles`."
    )
    updated = serializers.DateTimeField()
    mark = serializers.CharField(help_text="Names this change as it is.")


class LineShape(Shape):
    """A line of Postfix's configuration that goes (`-`) or comes (`+`)."""

    sign = serializers.CharField()
    line = serializers.CharField()


class FlagShape(Shape):
    """A consequence that somebody should look at."""

    feature = serializers.CharField()
    message = serializers.CharField()


class ImpactShape(Shape):
    """What a change does on one machine."""

    serial = serializers.CharField(source="machine.serial")
    name = serializers.CharField(source="machine.name")
    before = serializers.CharField(help_text="Fingerprint before.")
    after = serializers.CharField(help_text="Fingerprint after.")
    features = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    red_flags = FlagShape(many=True)

    def get_features(self, impact: Any) -> list[str]:
        return [each.feature for each in impact.differences if each.value_changed]

    @extend_schema_field(LineShape(many=True))
    def get_lines(self, impact: Any) -> list[dict[str, str]]:
        return [{"sign": sign, "line": line} for sign, line in impact.lines]


class PendingAnswer(Shape):
    """Everything you have changed and not committed, and what it would do on each machine."""

    changes = PendingShape(many=True)
    impact = ImpactShape(many=True)
    mark = serializers.CharField(
        allow_blank=True,
        help_text="Names all of it as it is: send it with a commit, a revert or DELETE, and what you have not"
        " seen is neither committed nor discarded, but answered with 409.",
    )


class CommitInput(Shape):
    """Why."""

    comment = serializers.CharField(required=False, allow_blank=True, default="")


class CommitShape(AuthorshipShape):
    """A commit of the history."""

    origin = serializers.CharField(source="id.origin")
    number = serializers.IntegerField(source="id.number")
    entries = serializers.SerializerMethodField(help_text="What it changed.")

    def get_entries(self, commit: Any) -> list[str]:
        return [str(change.address) for change in commit.changes]


class EntryChangeShape(Shape):
    """What a commit did to one entry."""

    entry = serializers.CharField(source="address")
    changes = PathShape(source="paths", many=True)


class CommitDetailShape(Shape):
    """A commit, its changes, and what they meant on each machine."""

    commit = CommitShape()
    entries = EntryChangeShape(many=True)
    impact = ImpactShape(source="impacts", many=True)


class RevertInput(Shape):
    """`over`: also where others have changed the same since, or you have other plans; `entry`: it alone."""

    over = serializers.BooleanField(
        default=False, help_text="Replaces the versions that `seen` names, and your own pending changes."
    )
    seen = serializers.ListField(
        child=serializers.CharField(max_length=100),
        default=list,
        help_text="Ids of the versions in the way, as `clashes` of the 409 names them; newer ones are again"
        " answered with 409.",
    )
    entry = serializers.CharField(required=False, allow_blank=True, default="")
    mark = MarkField()


class JobShape(Shape):
    """A piece of work that somebody started."""

    number = serializers.IntegerField(source="pk")
    kind = serializers.CharField()
    title = serializers.CharField()
    cluster = serializers.CharField(source="cluster.slug", allow_null=True, default=None)
    state = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField()
    created = serializers.DateTimeField()
    ended = serializers.DateTimeField(allow_null=True)
