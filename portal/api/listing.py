"""Lists: what may be asked of one, checked, and its pages. Every list of the API is one of these."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from clusters.modes import InvalidMode
from portal.api.shapes import Shape
from portal.modes import ModeConverter

PAGE_SIZE = 50
MOST = 500


class Query(Shape):
    """What may be asked of a list: a page, and what subclasses filter by. An empty word filters nothing."""

    page = serializers.IntegerField(min_value=1, max_value=10**9, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=MOST, default=PAGE_SIZE)


class Words(serializers.CharField):
    """Part of a text to look for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"default": "", "max_length": 200, **kwargs})


class OneOf(serializers.ChoiceField):
    """One of some words, or none."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **{"default": "", **kwargs})


class YesOrNo(serializers.BooleanField):
    """True, false, or either."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"default": None, "allow_null": True, **kwargs})


class ModeWord(serializers.CharField):
    """A mode as addresses write it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default=None, help_text="`cluster`, `group/<id>`, `machine/<serial>`")

    def to_internal_value(self, data: Any) -> Any:
        try:
            return ModeConverter().to_python(super().to_internal_value(data))
        except InvalidMode as error:
            raise ValidationError(str(error)) from None


@cache
def page_shape(shape: type[Shape]) -> type[Shape]:
    """The shape of a page of such rows."""
    fields = {
        "__doc__": "A page of a list; `next` and `previous` are addresses of its neighbours.",
        "__module__": shape.__module__,
        "count": serializers.IntegerField(help_text="On all pages."),
        "next": serializers.CharField(allow_null=True),
        "previous": serializers.CharField(allow_null=True),
        "results": shape(many=True),
    }
    return type(f"{shape.__name__.removesuffix('Shape')}Page", (Shape,), fields)


def lists(
    shape: type[Shape], query: type[Query] = Query, operation_id: str | None = None, **more: Any
) -> Callable[..., Any]:
    """Describes a method that answers with pages of such rows."""
    responses = {200: page_shape(shape), **more.pop("responses", {})}
    return extend_schema(operation_id=operation_id, responses=responses, parameters=[query], **more)


def asked(request: Request, query: type[Shape] = Query) -> dict[str, Any]:
    """What the caller asks of a list, or of anything else by words in the address; raises ValidationError."""
    read = query(data={name: word for name, word in request.query_params.items() if word != ""})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def page_of(
    request: Request,
    found: Any,
    shape: type[Shape],
    wanted: dict[str, Any],
    read: Callable[[list[Any]], list[Any]] = list,
) -> Response:
    """One page of `found`, which has a total order; `read` makes of its rows what the shape shows.

    Raises ValidationError for a page behind the last.
    """
    pages = Paginator(found, wanted["page_size"])
    number = wanted["page"]
    if number > pages.num_pages:
        raise ValidationError({"page": _("The last page is %(last)d.") % {"last": pages.num_pages}})
    page = pages.page(number)
    here = request.build_absolute_uri()
    return Response(
        {
            "count": pages.count,
            "next": replace_query_param(here, "page", number + 1) if page.has_next() else None,
            "previous": replace_query_param(here, "page", number - 1) if page.has_previous() else None,
            "results": shape(read(list(page.object_list)), many=True).data,
        }
    )
