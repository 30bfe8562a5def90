"""The filters of events and of drift warnings.

To add a filter of events: its entry in `EVENTS`, a field of that name in the store's `EventFilter`
and its condition in SQL, and its row in `docs/http-api.md`. The page with its chips, the API with
its OpenAPI description, and the export follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from events.store.ledger import EventFilter
from observers.filters.kinds import (
    Conflict,
    Filters,
    Moment,
    Name,
    Names,
    PayloadEquals,
    PayloadPath,
    Seconds,
    SequenceNumber,
    Truth,
)

AUTHORITY_FROM = Moment(
    "authority_from",
    label="Authority time from (UTC)",
    section="time",
    chip="authority time from",
    description="Database's clock, this or later.",
)
AUTHORITY_TO = Moment(
    "authority_to",
    label="to (excluded, UTC)",
    section="time",
    chip="authority time to (excluded)",
    description="Database's clock, before this.",
    not_below="authority_from",
)

SPAN = Filters(
    (
        SequenceNumber(
            "start",
            label="From sequence",
            section="sequence",
            chip="from sequence",
            description="First sequence; 1 if not given.",
        ),
        SequenceNumber(
            "end",
            label="To sequence",
            section="sequence",
            chip="to sequence",
            description="Last sequence; the head if not given.",
            not_below="start",
        ),
    )
)
"""A span of the sequence, both ends included."""


def _event_rule(given: Mapping[str, Any]) -> Iterator[Conflict]:
    if given.get("agent_id") is not None and given.get("system"):
        yield Conflict(
            "system", "The system's events have no agent.", "cannot be true together with agent_id"
        )
    lacking = [n for n in ("payload_field", "payload_alike") if given.get(n) is not None]
    if lacking and "payload_value" not in given:
        yield Conflict(
            "payload_value",
            'Give a value; the empty text is written "".',
            f"is required with {lacking[0]}",
        )
    if given.get("payload_value") is not None and "payload_field" not in given:
        yield Conflict(
            "payload_field",
            "Name the field that has this value.",
            "is required with payload_value",
        )


EVENTS = Filters(
    (
        Names(
            "event_type",
            label="Type",
            chip="type",
            description="Repeatable: any of these types.",
            stored_as="event_types",
        ),
        Name("agent_id", label="Agent", chip="agent", description="Only this agent's events."),
        Truth(
            "system",
            label="Source",
            either="all",
            choices=(("true", "the system"), ("false", "an agent")),
            chip="recorded by",
            description="Only, or none of, the system's own events.",
        ),
        Truth(
            "drifted",
            label="Clock drift",
            choices=(("true", "with drift warning"), ("false", "without drift warning")),
            chip="drift",
            description="Only with, or only without, a drift warning.",
        ),
        *SPAN,
        AUTHORITY_FROM,
        AUTHORITY_TO,
        Moment(
            "local_from",
            label="Local time from (UTC)",
            section="time",
            chip="local time from",
            description="Writer's clock, this or later.",
        ),
        Moment(
            "local_to",
            label="to (excluded, UTC)",
            section="time",
            chip="local time to (excluded)",
            description="Writer's clock, before this.",
            not_below="local_from",
        ),
        PayloadPath(
            "payload_field",
            label="Payload field",
            section="payload",
            description="Path to a field of the payload, such as user.id.",
            stored_as="payload_path",
        ),
        PayloadEquals(
            "payload_value",
            label="equals",
            section="payload",
            description="The value of that field: JSON, or else text.",
        ),
        Truth(
            "payload_alike",
            description="If the value is a number or a word, also match it as text.",
        ),
    ),
    _event_rule,
)


def event_filter(chosen: Mapping[str, Any]) -> EventFilter:
    """The store's filter for the checked values of `EVENTS`; None, or no entry: not set."""
    value = chosen.get("payload_value")
    same = {
        each.stored_as or each.name: chosen.get(each.name)
        for each in EVENTS
        if each.name not in ("payload_value", "payload_alike")
    }
    return EventFilter(
        **same,
        payload_value=value.json if value else None,
        payload_text=value.text if value and chosen.get("payload_alike") else None,
    )


DRIFT_WARNINGS = Filters(
    (
        Name("agent_id", label="Agent", description="Only this agent's warnings."),
        Seconds(
            "min_seconds",
            label="At least (seconds)",
            description="Only drift of at least this many seconds.",
        ),
        AUTHORITY_FROM,
        AUTHORITY_TO,
    )
)
