"""What the admin leaves out: the queue of background jobs, whose lists count rows and style
themselves inline. It must never hide anything of the ledger."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin

for model in apps.get_app_config("procrastinate").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
