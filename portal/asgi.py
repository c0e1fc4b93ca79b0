"""The one server that speaks HTTP and WebSocket: `daphne portal.asgi:application`."""

import os
import warnings

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

from portal import entrance

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.portal")
# WhiteNoise gives static files as plain iterators; Django reads them whole, which is fine: they are small.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
with entrance.explained():
    entrance.look_over_server()
    entrance.require_static_files()
http = get_asgi_application()

from portal.live.routing import websocket_urlpatterns  # noqa: E402 - models must be loaded first

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
