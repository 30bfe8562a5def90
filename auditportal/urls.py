"""Which address leads where. It must never hold a view; the apps bring their own."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
if find_spec("events.urls"):
    urlpatterns.append(path("api/v1/", include("events.urls")))
if find_spec("observers.urls"):
    urlpatterns.append(path("", include("observers.urls")))
