"""Django's entry for the app that writes the ledger. It must never import the app that reads it."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The ledger: event format, keys, writer, store, ingestion API."""

    name = "events"
    verbose_name = "Ledger"
