"""The views that the access log, the second factor and session limits treat specially."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from events.access.view_marks import Mark, has_mark

MARKED = {
    Mark.NOT_LOGGED: {
        "login",
        "logout",
        "admin:logout",
        "admin:jsi18n",
        "account",
        "change-password",
        "second-factor",
        "set-up-second-factor",
        "recovery-codes",
        "remove-second-factor",
        "sign-out-everywhere",
        "verification-progress",
        "api-schema",
        "api-docs",
        "document",
        "healthz",
        "readyz",
        "metrics",
        "hec-health",
        "hec-health-1",
        "elastic",
        "elastic-info",
        "elastic-license",
        "elastic-xpack",
        "elastic-health",
    },
    Mark.WRITES_EVENTS: {
        "api-events",
        "api-batch",
        "api-ingest",
        "api-ingest-preset",
        "api-rotate-key",
        "hec",
        "hec-event",
        "hec-event-1",
        "hec-raw",
        "hec-raw-1",
        "elastic-bulk",
        "elastic-index-bulk",
        "otlp-logs",
    },
    Mark.NO_SECOND_FACTOR: {
        "second-factor",
        "set-up-second-factor",
        "login",
        "logout",
        "admin:logout",
        "api-schema",
        "api-docs",
        "document",
        "healthz",
        "readyz",
        "metrics",
    },
    Mark.POLLED: {"events-live", "verification-progress"},
}
"""Every marked route. A view that gets a mark by accident, by inheritance say, shows here."""


def test_exactly_these_routes_are_marked() -> None:
    routes = list(_routes(get_resolver(), ""))
    found = {mark: {name for name, view in routes if has_mark(view, mark)} for mark in Mark}
    assert found == MARKED


def _routes(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, object]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield f"{namespace}{each.name}", each.callback
        else:
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from _routes(each, inner)
