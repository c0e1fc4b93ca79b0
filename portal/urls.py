"""Every address of the portal. Those of a cluster begin with its name (GUI-02)."""

from allauth.account import views as account_views
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, register_converter
from django.views.generic import TemplateView

from portal.modes import ModeConverter
from portal.pages import (
    account,
    adopting,
    audit,
    checking,
    cluster,
    config_files,
    conflicts,
    fleet,
    history,
    invitations,
    jobs,
    links,
    loading,
    machine,
    matrix,
    pending,
    people,
    policy,
    proposals,
    queues,
    releases,
    settings,
    tokens,
)

register_converter(ModeConverter, "mode")
handler404 = "portal.pages.missing.missing"

urlpatterns = [
    path("", fleet.fleet, name="fleet"),
    path("login/", account_views.login, name="account_login"),
    path("logout/", account_views.logout, name="account_logout"),
    path(
        "healthz",
        login_not_required(TemplateView.as_view(template_name="healthz.txt", content_type="text/plain")),
    ),
    path("i18n/setlang/", account.language, name="set_language"),
    path("account/", account.account, name="account"),
    path("account/theme/", account.theme, name="theme"),
    path("account/sessions/", account.sessions, name="sessions"),
    path("account/tokens/", tokens.tokens, name="tokens"),
    path("account/", include("portal.login.urls")),
    path("invitation/<str:word>/", invitations.invitation, name="invitation"),
    path("people/", people.tenants, name="people"),
    path("people/<slug:tenant>/", people.people, name="people_of"),
    path("people/<slug:tenant>/<int:number>/", people.member, name="member"),
    path("audit/", audit.tenants, name="audit"),
    path("audit/<slug:tenant>/", audit.audit, name="audit_of"),
    path("releases/<str:name>", releases.release_file, name="release_file"),
    path("adopt/", adopting.adopt, name="adopt"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:number>/", jobs.job, name="job"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("portal.api.urls")),
    path("<slug:slug>/", cluster.cluster, name="cluster"),
    path("<slug:slug>/pending/", pending.pending, name="pending"),
    path("<slug:slug>/proposals/", proposals.proposals, name="proposals"),
    path("<slug:slug>/proposals/<int:number>/", proposals.proposal, name="proposal"),
    path("<slug:slug>/policy/", policy.policy, name="policy"),
    path("<slug:slug>/history/", history.history, name="history"),
    path("<slug:slug>/history/<str:origin>/<int:number>/", history.commit, name="commit"),
    path("<slug:slug>/check/", checking.check, name="check"),
    path("<slug:slug>/conflicts/", conflicts.conflicts, name="conflicts"),
    path("<slug:slug>/links/", links.links, name="links"),
    path("<slug:slug>/matrix/", matrix.overview, name="matrix"),
    path("<slug:slug>/synchronise/", jobs.synchronise, name="synchronise"),
    path("<slug:slug>/queues/", queues.queues, name="queues"),
    path("<slug:slug>/suspend/", queues.suspend, name="suspend"),
    path(
        "<slug:slug>/<mode:mode>/system_administration/configuration_file",
        config_files.configuration_file,
        name="configuration_file",
    ),
    path("<slug:slug>/configuration_file/load/<int:number>/", loading.load_file, name="load_file"),
    path("<slug:slug>/configuration_file/backups/<int:number>/", config_files.backup, name="backup"),
    path("<slug:slug>/configuration_file/schema.xsd", config_files.xsd, name="configuration_schema"),
    path("<slug:slug>/<mode:mode>/", cluster.mode, name="mode"),
    path("<slug:slug>/<mode:mode>/monitor/overview", machine.monitor, name="monitor"),
    path("<slug:slug>/<mode:mode>/<slug:tab>/<slug:name>", settings.feature, name="feature"),
]
