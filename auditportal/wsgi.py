"""The WSGI application. It must never do more than hand requests to Django, and have the process
look at the ledger once before it is asked."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
application = get_wsgi_application()

from observers.pages.warming import warm_up_beside  # noqa: E402 - Django must be set up first

warm_up_beside()
