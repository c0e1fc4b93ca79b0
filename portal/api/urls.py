"""Addresses of the API. Those of settings name the mode (requirements, section 5, row 11)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from portal.api import (
    changes,
    checks,
    clusters,
    config_files,
    conflicts,
    links,
    matrix,
    monitoring,
    proposals,
    settings,
    tasks,
)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    path("features/", clusters.Features.as_view()),
    path("jobs/", tasks.Jobs.as_view()),
    path("jobs/<int:number>/", tasks.OneJob.as_view()),
    path("tokens/", tasks.Tokens.as_view()),
    path("tokens/<int:number>/", tasks.Token.as_view()),
    path("clusters/", clusters.Clusters.as_view()),
    path("clusters/<slug:slug>/", clusters.Cluster.as_view()),
    path("clusters/<slug:slug>/modes/", clusters.Modes.as_view()),
    path("clusters/<slug:slug>/machines/", clusters.Machines.as_view()),
    path("clusters/<slug:slug>/machines/<str:serial>/", clusters.Machine.as_view()),
    path("clusters/<slug:slug>/machines/<str:serial>/monitor/", monitoring.Monitor.as_view()),
    path("clusters/<slug:slug>/links/", links.Links.as_view()),
    path("clusters/<slug:slug>/matrix/", matrix.Matrix.as_view()),
    path("clusters/<slug:slug>/pending/", changes.PendingChanges.as_view()),
    path("clusters/<slug:slug>/commits/", changes.Commits.as_view()),
    path("clusters/<slug:slug>/commits/<str:origin>/<int:number>/", changes.Commit.as_view()),
    path("clusters/<slug:slug>/commits/<str:origin>/<int:number>/revert/", changes.Revert.as_view()),
    path("clusters/<slug:slug>/check/", checks.ClusterCheck.as_view()),
    path("clusters/<slug:slug>/check/resolve/", checks.ResolveCheck.as_view()),
    path("clusters/<slug:slug>/conflicts/", conflicts.Conflicts.as_view()),
    path("clusters/<slug:slug>/policy/", proposals.Policy.as_view()),
    path("clusters/<slug:slug>/proposals/", proposals.Proposals.as_view()),
    path("clusters/<slug:slug>/proposals/<int:number>/", proposals.OneProposal.as_view()),
    path("clusters/<slug:slug>/synchronise/", tasks.Synchronise.as_view()),
    path("clusters/<slug:slug>/backups/", config_files.Backups.as_view()),
    path("clusters/<slug:slug>/configuration-file/load/", config_files.LoadFile.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/configuration-file/", config_files.ConfigurationFile.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/", settings.ModeSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/", settings.FeatureSettings.as_view()),
    path("clusters/<slug:slug>/<mode:mode>/settings/<slug:feature>/transfer/", settings.Transfer.as_view()),
]
