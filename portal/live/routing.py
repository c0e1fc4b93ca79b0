"""The sockets of the portal."""

from django.urls import path

from portal.live.consumers import Live
from portal.live.terminal import Terminal

websocket_urlpatterns = [
    path("live/", Live.as_asgi(), name="live"),
    path("live/terminal/<slug:slug>/<str:serial>/", Terminal.as_asgi(), name="live_terminal"),
]
