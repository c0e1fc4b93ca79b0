"""Addresses of the API. Those of settings name the mode (requirements, section 5, row 11)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal.api import changes, clusters, people, settings, tasks

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    path("features/", clusters.Features.as_view()),
    path("jobs/", tasks.Jobs.as_view()),
    path("jobs/<int:number>/", tasks.OneJob.as_view()),
    path("tokens/", people.Tokens.as_view()),
    path("tokens/<int:number>/", people.Token.as_view()),
    path("tenants/", people.Tenants.as_view()),
    path("tenants/<slug:tenant>/", people.OneTenant.as_view()),
    path("tenants/<slug:tenant>/members/", people.Members.as_view()),
    path("tenants/<slug:tenant>/members/<int:number>/", people.OneMember.as_view()),
    path("tenants/<slug:tenant>/invitations/", people.Invitations.as_view()),
    path("tenants/<slug:tenant>/invitations/<int:number>/", people.OneInvitation.as_view()),
    path("tenants/<slug:tenant>/audit/", people.Audit.as_view()),
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
    path("clusters/<slug:slug>/synchronise/", tasks.Synchronise.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/", settings.ModeSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/", settings.FeatureSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/transfer/", settings.Transfer.as_view()),
]
