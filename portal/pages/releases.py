"""The files of releases, as machines fetch them (UPG-07): no secret, hence without a login."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from appliances.releases.artifact import INDEX, ReleaseError
from portal.upgrades.releases import folder, offers


@login_not_required
@require_safe
def release_file(request: HttpRequest, name: str) -> FileResponse:
    """The index, or a file that it lists; nothing else of the folder."""
    try:
        known = {offer.file for offer in offers()} | {INDEX}
        if name in known:
            return FileResponse((folder() / name).open("rb"), content_type="application/octet-stream")
    except (OSError, ReleaseError) as error:
        raise Http404(str(error)) from None
    raise Http404(name)
