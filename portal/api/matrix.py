"""The matrix of features and modes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clusters.matrix import Kind
from clusters.modes import CLUSTER, Mode
from portal.api.base import ClusterView, Pages
from portal.api.shapes import ModeField, Shape
from portal.pages.matrix import Asked, Sight, sight


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


class MatrixPage(Shape):
    """A page of the modes."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ColumnShape(many=True)


class Matrix(ClusterView):
    """What each mode has of each feature, your pending changes included, in the order of inheritance."""

    @extend_schema(
        operation_id="clusters_matrix_list",
        responses=MatrixPage,
        parameters=[
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
            OpenApiParameter("q", str, description="In the name of a group or machine."),
            OpenApiParameter("differing", bool, description="Only modes and features that differ."),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        found = sight(self.place, Asked.of(request.query_params))
        pages = Pages()
        shown: Any = pages.paginate_queryset([CLUSTER, *found.modes], request, view=self)
        return pages.get_paginated_response(ColumnShape(list(columns(found, shown)), many=True).data)


def columns(found: Sight, modes: list[Mode]) -> Any:
    """The matrix by mode."""
    rows = found.rows([mode for mode in modes if mode != CLUSTER])
    by_mode: dict[Mode, list[Any]] = {mode: [] for mode in modes}
    for row in rows:
        for cell in row.cells:
            if cell.mode in by_mode:
                by_mode[cell.mode].append(cell)
    names = {mode: found.draft.mode_name(mode) for mode in modes}
    return (SimpleNamespace(mode=m, name=names[m], cells=cells) for m, cells in by_mode.items())
