"""The sockets of the portal."""

from django.urls import path

from portal.live.consumers import Live

websocket_urlpatterns = [path("live/", Live.as_asgi(), name="live")]
