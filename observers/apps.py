"""Django's entry for the app that reads the ledger. It must never write to it but to say what it
saw."""

from django.apps import AppConfig


class ObserversConfig(AppConfig):
    """Questions asked of the ledger: ranges, gaps, drift, verification, pages, the watch."""

    name = "observers"
    verbose_name = "Observers"

    def ready(self) -> None:
        """Register the system checks."""
        from observers.guards import look as system_check  # noqa: F401 - registers itself
