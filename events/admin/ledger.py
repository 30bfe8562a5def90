"""Events, appends, drift warnings, ceremonies and the ledger's two single rows in the admin.

Invariant: search and sort only by indexed columns.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events.admin.base import ReadOnlyAdmin, SequencePaginator, utc
from events.errors import CanonicalJSONError
from events.format.canonical import canonicalize
from events.format.canonical_layout import pretty
from events.format.event import FIELDS, MAX_SEQUENCE
from events.format.names import show
from events.models import (
    Append,
    CeremonyStep,
    ClockDriftWarning,
    HaltState,
    LedgerConfig,
    LedgerEvent,
)
from events.store.ledger import PostgresEventStore

AUTHORITY_TIME = utc("authority_timestamp")
LOCAL_TIME = utc("local_timestamp")
LOGGED_AT = utc("logged_at")
RECORDED_AT = utc("recorded_at")
HALTED_AT = utc("halted_at")
SHOWN_AS = {
    "payload": "exact_payload",
    "local_timestamp": LOCAL_TIME,
    "authority_timestamp": AUTHORITY_TIME,
}
"""Columns of an event that the admin's default formats would round."""


def as_sequence(term: str) -> int | None:
    """Parse a search term as a sequence, if it is one."""
    number = int(term) if term.isascii() and term.isdigit() and len(term) <= 19 else None
    return number if number is not None and number <= MAX_SEQUENCE else None


def as_event_id(term: str) -> uuid.UUID | None:
    """Parse a search term as an event id, if it is one."""
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def event_search(term: str, prefix: str = "") -> Q:
    """Events by sequence, id, type or agent, each by its index; `prefix` leads to the event."""
    if (sequence := as_sequence(term)) is not None:
        return Q(**{f"{prefix}sequence": sequence})
    if (event_id := as_event_id(term)) is not None:
        return Q(**{f"{prefix}event_id": event_id})
    return Q(**{f"{prefix}event_type": term}) | Q(**{f"{prefix}agent_id": term})


def preformatted(text: str) -> SafeString:
    """Text with its own line breaks."""
    return format_html('<pre class="exact-payload">{}</pre>', text)


@admin.register(LedgerEvent)
class LedgerEventAdmin(ReadOnlyAdmin):
    """Events, newest first, paged by windows of the sequence."""

    list_display = ("sequence", "event_type", "agent_id", AUTHORITY_TIME, LOCAL_TIME)
    sortable_by = ("sequence",)
    ordering = ("-sequence",)
    paginator = SequencePaginator
    search_fields = ("event_id",)  # shows the search box; get_search_results does the search
    search_help_text = "A sequence number, an event id, or a whole event type or agent name."
    fields = tuple(SHOWN_AS.get(name, name) for name in FIELDS)
    readonly_fields = tuple(SHOWN_AS.values())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Defer the payloads: those of one page may be 100 MB."""
        return super().get_queryset(request).defer("payload")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(event_search(term)) if term else queryset), False

    @admin.display(description="payload")
    def exact_payload(self, event: LedgerEvent) -> SafeString:
        """Return the payload from the store: the model's JSON field turns some doubles into
        integers.
        """
        event_id = str(event.event_id)
        found = PostgresEventStore(event._state.db or "default").get_events_by_id([event_id])
        stored = found.get(event_id)
        if stored is None:
            return preformatted(
                "This row is not the ledger's event of that number; see verify_ledger."
            )
        try:
            return preformatted(pretty(stored.canonical_payload.decode()))
        except CanonicalJSONError as error:
            return preformatted(f"{error}\n\n{show(stored.payload)}")


@admin.register(Append)
class AppendAdmin(ReadOnlyAdmin):
    """Append transactions, newest first."""

    list_display = (
        "last_sequence",
        "first_sequence",
        "event_count",
        AUTHORITY_TIME,
        "content_hash",
    )
    sortable_by = ("last_sequence",)
    ordering = ("-last_sequence",)
    search_fields = ("last_sequence",)
    search_help_text = (
        "A sequence number finds the append that wrote it. Listed: the newest 10,000."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        sequence = as_sequence(term)
        if sequence is None:
            return queryset.none(), False
        above = Append.objects.filter(last_sequence__gte=sequence).order_by("last_sequence")
        last = above.values_list("last_sequence", flat=True).first()
        return queryset.filter(last_sequence=last, first_sequence__lte=sequence), False


@admin.register(ClockDriftWarning)
class ClockDriftWarningAdmin(ReadOnlyAdmin):
    """Drift warnings, newest first."""

    list_display = (
        "id",
        "sequence",
        "agent",
        "drift_seconds",
        LOCAL_TIME,
        AUTHORITY_TIME,
    )
    list_select_related = ("event",)
    sortable_by = ("id",)
    ordering = ("-id",)
    search_fields = ("event__event_id",)
    search_help_text = (
        "A sequence number, an event id, or a whole event type or agent name. "
        "Listed: the newest 10,000."
    )
    fields = (
        "id",
        "sequence",
        "event_id",
        "agent",
        "drift_seconds",
        LOCAL_TIME,
        AUTHORITY_TIME,
        LOGGED_AT,
    )
    readonly_fields = ("sequence", "agent", "event_id", LOCAL_TIME, AUTHORITY_TIME, LOGGED_AT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("event").defer("event__payload")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(event_search(term, "event__")) if term else queryset), False

    @admin.display(description="sequence")
    def sequence(self, warning: ClockDriftWarning) -> int:
        return warning.event.sequence

    @admin.display(description="agent", empty_value="system")
    def agent(self, warning: ClockDriftWarning) -> str | None:
        return warning.event.agent_id


@admin.register(CeremonyStep)
class CeremonyStepAdmin(ReadOnlyAdmin):
    """Proposed, approved and recorded ceremonies, step by step."""

    list_display = ("id", "ceremony_id", "kind", "step", "person", RECORDED_AT)
    sortable_by = ("id",)
    ordering = ("-id",)
    fields = ("ceremony_id", "kind", "step", "person", "exact_content", "event_id", RECORDED_AT)
    readonly_fields = ("exact_content", "event_id", RECORDED_AT)

    @admin.display(description="content")
    def exact_content(self, step: CeremonyStep) -> SafeString:
        return preformatted(pretty(canonicalize(step.content).decode()))


@admin.register(HaltState)
class HaltStateAdmin(ReadOnlyAdmin):
    """The one row of the halt state."""

    list_display = ("__str__", HALTED_AT)
    fields = ("halted", "reason", HALTED_AT)
    readonly_fields = (HALTED_AT,)


@admin.register(LedgerConfig)
class LedgerConfigAdmin(ReadOnlyAdmin):
    """The one row of the ledger's configuration."""

    list_display = ("__str__",)
    fields = ("drift_threshold_seconds",)
