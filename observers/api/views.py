"""The observers' endpoints: ranges, single events, head, gaps, drift, keys. `Events` also answers
POST, through the view of `events`."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.access.request_context import note_events
from events.api.authentication import narrow, only_agent
from events.api.problems import NOT_FOUND, UNREADABLE_EVENT, Refused
from events.api.rendering import encode
from events.api.schema import READING, refusals
from events.api.views import ApiView, SubmitEvent
from events.format.event import MAX_SEQUENCE, Event
from events.store.drift import DriftFilter, DriftWarning, list_warnings
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.registry import ledger_id
from observers.api.paging import read_page
from observers.api.parameters import (
    DriftParameters,
    NoParameters,
    RangeParameters,
    SpanParameters,
)
from observers.api.schema import (
    ContinuityShape,
    DriftPageShape,
    EventShape,
    HeadShape,
    KeysShape,
    RangeShape,
)
from observers.api.status import SaysStatus
from observers.continuity import Ends, check_continuity, find_ends, look
from observers.filters.definitions import event_filter
from observers.replica.lag import PRIMARY
from observers.replica.reading import alias_reaching, find_by_id, lag_of
from observers.verification.keyring import public_keys


def reading_store(*, reaching: int | None = None) -> PostgresEventStore:
    """Returns the store observers read: the replica, if there is one and it has reached the
    requested number."""
    return PostgresEventStore(alias_reaching(reaching))


class Events(SaysStatus, SubmitEvent):
    """The ledger's events: read a range, or record one."""

    narrows = True

    @extend_schema(
        operation_id="read_range",
        tags=["read"],
        parameters=[RangeParameters],
        responses={200: RangeShape, **refusals(UNREADABLE_EVENT, *READING)},
    )
    def get(self, request: Request) -> Response:
        """A page of a range in sequence order."""
        asked = RangeParameters.read(request.query_params)
        store = reading_store()
        ends = find_ends(store)
        chosen = narrow(request, _filter(asked))
        page = read_page(store, chosen, ends, limit=asked["limit"])
        whole = look(store, ends, start=page.start, end=page.end)
        note_events(request._request, len(page.events))
        following = following_page(request, drop="start", after=page.end) if page.more else None
        return Response({"events": page.events, "next": following, "completeness": whole.as_dict()})


class EventBySequence(SaysStatus, ApiView):
    """One event by its sequence."""

    narrows = True

    @extend_schema(
        operation_id="read_event",
        tags=["read"],
        responses={200: EventShape, **refusals(NOT_FOUND, UNREADABLE_EVENT, *READING)},
    )
    def get(self, request: Request, sequence: int) -> Response:
        """The event, with every field of the format."""
        NoParameters.read(request.query_params)
        store = reading_store(reaching=min(sequence, MAX_SEQUENCE))
        found = store.get_event(sequence) if 1 <= sequence <= MAX_SEQUENCE else None
        _see(request, found, f"has sequence {sequence}")
        if found is None:
            raise Refused(NOT_FOUND, _why_missing(sequence, find_ends(store)))
        return _event(request, found)


class EventById(SaysStatus, ApiView):
    """One event by the id that its writer gave it."""

    narrows = True

    @extend_schema(
        operation_id="read_event_by_id",
        tags=["read"],
        responses={200: EventShape, **refusals(NOT_FOUND, UNREADABLE_EVENT, *READING)},
    )
    def get(self, request: Request, event_id: uuid.UUID) -> Response:
        """The event, with every field of the format."""
        NoParameters.read(request.query_params)
        found = find_by_id(str(event_id))
        _see(request, found, f"has the event_id {event_id}")
        if found is None:
            raise Refused(NOT_FOUND, f"no event has the event_id {event_id}")
        return _event(request, found)


class Head(SaysStatus, ApiView):
    """The head of the ledger."""

    narrows = True

    @extend_schema(
        operation_id="read_head",
        tags=["read"],
        responses={200: HeadShape, **refusals(*READING)},
    )
    def get(self, request: Request) -> Response:
        """Returns the head, always the primary's: one that went back, as from the primary to a
        replica, would be mistaken for a truncated ledger."""
        NoParameters.read(request.query_params)
        head = asdict(PostgresEventStore(PRIMARY).head())
        return Response(head | {"ledger_id": ledger_id(PRIMARY)})


class Continuity(SaysStatus, ApiView):
    """The gaps of a span."""

    narrows = True

    @extend_schema(
        operation_id="check_continuity",
        tags=["read"],
        parameters=[SpanParameters],
        responses={200: ContinuityShape, **refusals(*READING)},
    )
    def get(self, request: Request) -> Response:
        """Returns every gap of the span as a range, page by page."""
        asked = SpanParameters.read(request.query_params)
        store = reading_store(reaching=asked["end"])
        head = store.head().max_sequence
        found = check_continuity(store.using, asked["start"] or 1, asked["end"])
        more = found.gap_count > len(found.listed)
        following = following_page(request, start=found.listed[-1].gap.end + 1) if more else None
        lag = lag_of(store.using)
        place = {"head_sequence": head, "replica": lag.as_dict() if lag else None}
        return Response(found.as_dict() | place | {"next": following})


class DriftWarnings(SaysStatus, ApiView):
    """Events whose two clocks differ by more than the threshold."""

    narrows = True

    @extend_schema(
        operation_id="list_drift_warnings",
        tags=["read"],
        parameters=[DriftParameters],
        responses={200: DriftPageShape, **refusals(*READING)},
    )
    def get(self, request: Request) -> Response:
        """A page of warnings in order of their id."""
        asked = DriftParameters.read(request.query_params)
        after, limit = asked.pop("after"), asked.pop("limit")
        chosen = narrow(request, DriftFilter(**asked))
        found = list_warnings(settings.LEDGER_READ_ALIAS, chosen, after=after, limit=limit + 1)
        page = found[:limit]
        note_events(request._request, len(page))
        more = len(found) > limit
        following = following_page(request, after=page[-1].id) if more else None
        return Response({"warnings": [_warning(w) for w in page], "next": following})


class Keys(SaysStatus, ApiView):
    """Every public key that can verify a signature of the ledger."""

    narrows = True

    @extend_schema(
        operation_id="list_keys",
        tags=["read"],
        responses={200: KeysShape, **refusals(*READING)},
    )
    def get(self, request: Request) -> Response:
        """Returns agents' keys and witnesses, with retired ones."""
        NoParameters.read(request.query_params)
        return Response(public_keys(settings.LEDGER_READ_ALIAS, only_agent=only_agent(request)))


def _filter(asked: dict[str, Any]) -> EventFilter:
    start = asked["start"] if asked["after"] is None else asked["after"] + 1
    return replace(event_filter(asked), start=start)


def _event(request: Request, event: Event) -> Response:
    note_events(request._request, 1)
    return Response(orjson.Fragment(encode(event)))


def _see(request: Request, found: Event | None, what: str) -> None:
    """Answers another agent's event as if it did not exist."""
    own = only_agent(request)
    if own is not None and (found is None or found.agent_id != own):
        raise Refused(NOT_FOUND, f"no event of {own} {what}")


def _why_missing(sequence: int, ends: Ends) -> str:
    if sequence > ends.last or sequence < 1:
        return f"the ledger goes from 1 to {ends.last}" if ends.last else "the ledger is empty"
    return f"sequence {sequence} is missing; /api/v1/continuity tells whether that is documented"


def following_page(request: Request, *, drop: str = "", **changed: int) -> str:
    """Returns the address of the next page: the same query with `changed` applied."""
    query = request.query_params.copy()
    query.pop(drop, None)
    for name, value in changed.items():
        query[name] = str(value)
    return f"{request.path}?{query.urlencode()}"


def _warning(warning: DriftWarning) -> dict[str, Any]:
    members = asdict(warning) | {"direction": warning.direction}
    del members["ahead"]
    members["drift_seconds"] = orjson.Fragment(f"{warning.drift_seconds:f}".encode())
    return members
