"""Django's app config for everything that reads the ledger."""

from django.apps import AppConfig


class ObserversConfig(AppConfig):
    """Reading: ranges, gaps, drift, verification, pages and the watch."""

    name = "observers"
    verbose_name = "Observers"

    def ready(self) -> None:
        """Register the system checks."""
        from observers.guards import look as system_check  # noqa: F401 - registers itself
