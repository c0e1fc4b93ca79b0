"""Addresses of the API. Those of settings name the mode (requirements, section 5, row 11)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal.api import alerts, changes, clusters, notifications, settings, tasks

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    path("features/", clusters.Features.as_view()),
    path("alerts/", alerts.Alerts.as_view()),
    path("alerts/<int:number>/", alerts.OneAlert.as_view()),
    path("alerts/<int:number>/acknowledge/", alerts.Acknowledge.as_view()),
    path("notifications/channels/", notifications.Channels.as_view()),
    path("notifications/channels/<int:number>/", notifications.OneChannel.as_view()),
    path("notifications/channels/<int:number>/test/", notifications.TestChannel.as_view()),
    path("notifications/subscriptions/", notifications.Subscriptions.as_view()),
    path("notifications/subscriptions/<int:number>/", notifications.OneSubscription.as_view()),
    path("notifications/digests/", notifications.Digests.as_view()),
    path("notifications/digests/<int:number>/", notifications.OneDigest.as_view()),
    path("notifications/deliveries/", notifications.Deliveries.as_view()),
    path("jobs/", tasks.Jobs.as_view()),
    path("jobs/<int:number>/", tasks.OneJob.as_view()),
    path("tokens/", tasks.Tokens.as_view()),
    path("tokens/<int:number>/", tasks.Token.as_view()),
    path("clusters/", clusters.Clusters.as_view()),
    path("clusters/<slug:slug>/", clusters.Cluster.as_view()),
    path("clusters/<slug:slug>/modes/", clusters.Modes.as_view()),
    path("clusters/<slug:slug>/machines/", clusters.Machines.as_view()),
    path("clusters/<slug:slug>/machines/<str:serial>/", clusters.Machine.as_view()),
    path("clusters/<slug:slug>/pending/", changes.PendingChanges.as_view()),
    path("clusters/<slug:slug>/commits/", changes.Commits.as_view()),
    path("clusters/<slug:slug>/commits/<str:origin>/<int:number>/", changes.Commit.as_view()),
    path("clusters/<slug:slug>/commits/<str:origin>/<int:number>/revert/", changes.Revert.as_view()),
    path("clusters/<slug:slug>/conflicts/", changes.Conflicts.as_view()),
    path("clusters/<slug:slug>/alerts/", alerts.ClusterAlerts.as_view()),
    path("clusters/<slug:slug>/windows/", alerts.Windows.as_view()),
    path("clusters/<slug:slug>/windows/<int:number>/", alerts.Window.as_view()),
    path("clusters/<slug:slug>/synchronise/", tasks.Synchronise.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/", settings.ModeSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/", settings.FeatureSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/transfer/", settings.Transfer.as_view()),
]
