"""App configuration of the app that writes the ledger, and of the admin.

Invariant: this app never imports `observers`, the app that reads.
"""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class EventsConfig(AppConfig):
    """The ledger: event format, keys, writer, store, ingestion API."""

    name = "events"
    verbose_name = "Ledger"


class PortalAdminConfig(AdminConfig):
    """Django's admin, with the site of the portal."""

    default_site = "events.admin_site.PortalAdminSite"
