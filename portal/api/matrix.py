"""The matrix of features and modes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clusters.matrix import Kind
from clusters.modes import CLUSTER, Mode
from portal.api.base import ClusterView
from portal.api.listing import Query, Words, YesOrNo, asked, lists, page_of
from portal.api.shapes import ModeField, Shape
from portal.editing.matrix import Asked, Sight, sight


class CellShape(Shape):
    """A feature in a mode; `origin` is null for the factory default."""

    feature = serializers.CharField()
    kind = serializers.ChoiceField(choices=[str(kind) for kind in Kind])
    origin = ModeField(allow_null=True)
    pending = serializers.BooleanField()


class ColumnShape(Shape):
    """A mode and what it has of each feature."""

    mode = ModeField()
    name = serializers.CharField()
    cells = CellShape(many=True)


class MatrixQuery(Query):
    """Which modes, and which features of them."""

    q = Words(max_length=100, help_text="In the name of a group or machine.")
    differing = YesOrNo(help_text="Only modes and features that differ.")


class Matrix(ClusterView):
    """What each mode has of each feature, your pending changes included, in the order of inheritance."""

    @lists(ColumnShape, MatrixQuery, "clusters_matrix_list")
    def get(self, request: Request, slug: str) -> Response:
        wanted = asked(request, MatrixQuery)
        found = sight(self.place, Asked(wanted["q"], bool(wanted["differing"])))
        return page_of(request, [CLUSTER, *found.modes], ColumnShape, wanted, lambda ms: columns(found, ms))


def columns(found: Sight, modes: list[Mode]) -> Any:
    """The matrix by mode."""
    rows = found.rows([mode for mode in modes if mode != CLUSTER])
    by_mode: dict[Mode, list[Any]] = {mode: [] for mode in modes}
    for row in rows:
        for cell in row.cells:
            if cell.mode in by_mode:
                by_mode[cell.mode].append(cell)
    names = {mode: found.draft.mode_name(mode) for mode in modes}
    return [SimpleNamespace(mode=m, name=names[m], cells=cells) for m, cells in by_mode.items()]
