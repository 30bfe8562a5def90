"""Unregisters the job queue from the admin: its lists count all rows and use inline styles, which
the content policy forbids."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin

for model in apps.get_app_config("procrastinate").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
