"""The URLs of the site; the views are in the apps."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from auditportal.api_description import ApiDescription
from events.access.view_marks import no_second_factor, not_logged
from observers import health
from observers.pages.api_docs import api_docs
from observers.pages.sign_in import SignIn

urlpatterns: list[URLPattern | URLResolver] = [
    # Most requested first: patterns are tried in this order.
    path("api/v1/", include("events.urls")),
    path("api/v1/", include("observers.api.urls")),
    path("", include("events.api.shippers.urls")),
    path("", include("observers.urls")),
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", not_logged(no_second_factor(LogoutView.as_view())), name="logout"),
    # Admin sign-in goes through our view; the admin's own form bypasses the rate limits.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("api/schema", ApiDescription.as_view(), name="api-schema"),
    path("api/docs", api_docs, name="api-docs"),
    path("api/docs/", RedirectView.as_view(pattern_name="api-docs")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

handler400 = "observers.api.errors.bad_request"
handler403 = "observers.api.errors.permission_denied"
handler404 = "observers.api.errors.page_not_found"
handler500 = "observers.api.errors.server_error"
