"""Routes under `/api/v1/` that read the ledger, and `events`, which is also written to."""

from __future__ import annotations

from django.urls import path

from observers.api import views
from observers.api.export import Export
from observers.api.verification import Verification

urlpatterns = [
    path("events", views.Events.as_view(), name="api-events"),
    path("events/<int:sequence>", views.EventBySequence.as_view(), name="api-event"),
    path("events/by-id/<uuid:event_id>", views.EventById.as_view(), name="api-event-by-id"),
    path("head", views.Head.as_view(), name="api-head"),
    path("continuity", views.Continuity.as_view(), name="api-continuity"),
    path("drift-warnings", views.DriftWarnings.as_view(), name="api-drift-warnings"),
    path("verification", Verification.as_view(), name="api-verification"),
    path("keys", views.Keys.as_view(), name="api-keys"),
    path("export", Export.as_view(), name="api-export"),
]
