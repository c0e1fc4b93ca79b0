"""What views of the API share: the cluster in the address as the caller may see it."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from portal.place import Place, place_of
from portal.tenants import Right


class ClusterView(APIView):
    """A view of one cluster. `rights` says what each method needs; foreign clusters are not found."""

    rights: ClassVar[dict[str, Right]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.place: Place = place_of(request, kwargs["slug"])
        self.place.require(self.rights.get(request.method or "", Right.SEE_SETTINGS))


def told(shape: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the caller sent, in that shape; raises ValidationError."""
    read = shape(data=request.data)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)
