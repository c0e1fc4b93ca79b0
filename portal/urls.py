"""Every address of the portal. Those of a cluster begin with its name (GUI-02)."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, register_converter
from django.views.generic import TemplateView
from django.views.i18n import set_language

from portal.modes import ModeConverter
from portal.pages import (
    adopting,
    cluster,
    config_files,
    creating,
    fleet,
    history,
    jobs,
    joining,
    loading,
    membership,
    pending,
    releases,
    removing,
    settings,
    terminal,
)

register_converter(ModeConverter, "mode")
handler404 = "portal.pages.missing.missing"

urlpatterns = [
    path("", fleet.fleet, name="fleet"),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path(
        "healthz",
        login_not_required(TemplateView.as_view(template_name="healthz.txt", content_type="text/plain")),
    ),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("releases/<str:name>", releases.release_file, name="release_file"),
    path("adopt/", adopting.adopt, name="adopt"),
    path("create/", creating.create, name="create"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:number>/", jobs.job, name="job"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("portal.api.urls")),
    path("<slug:slug>/", cluster.cluster, name="cluster"),
    path("<slug:slug>/pending/", pending.pending, name="pending"),
    path("<slug:slug>/history/", history.history, name="history"),
    path("<slug:slug>/history/<str:origin>/<int:number>/", history.commit, name="commit"),
    path("<slug:slug>/conflicts/", history.conflicts, name="conflicts"),
    path("<slug:slug>/synchronise/", jobs.synchronise, name="synchronise"),
    path("<slug:slug>/machine/<str:serial>/terminal", terminal.terminal, name="terminal"),
    path("<slug:slug>/membership/", membership.membership, name="membership"),
    path("<slug:slug>/membership/join/", joining.join, name="join"),
    path("<slug:slug>/membership/remove/<str:serial>/", removing.remove, name="remove"),
    path(
        "<slug:slug>/<mode:mode>/system_administration/configuration_file",
        config_files.configuration_file,
        name="configuration_file",
    ),
    path("<slug:slug>/configuration_file/load/<int:number>/", loading.load_file, name="load_file"),
    path("<slug:slug>/configuration_file/backups/<int:number>/", config_files.backup, name="backup"),
    path("<slug:slug>/configuration_file/schema.xsd", config_files.xsd, name="configuration_schema"),
    path("<slug:slug>/<mode:mode>/", cluster.mode, name="mode"),
    path("<slug:slug>/<mode:mode>/<slug:tab>/<slug:name>", settings.feature, name="feature"),
]
