"""Django's entry for the app that reads the ledger. It must never write to it."""

from django.apps import AppConfig


class ObserversConfig(AppConfig):
    """Questions asked of the ledger: ranges, gaps, drift, verification, pages."""

    name = "observers"
    verbose_name = "Observers"
