"""Routes under `/api/v1/` that only accept events, records and keys.

`events` itself, where events are both sent and read, is routed by the reading side: its view adds
reading to `SubmitEvent` (`observers/api/urls.py`).
"""

from __future__ import annotations

from django.urls import path

from events.api.key_rotation import RotateKey
from events.api.shippers.ingest import Ingest, IngestPreset
from events.api.views import SubmitBatch

urlpatterns = [
    path("events/batch", SubmitBatch.as_view(), name="api-batch"),
    path("keys/rotate", RotateKey.as_view(), name="api-rotate-key"),
    path("ingest", Ingest.as_view(), name="api-ingest"),
    path("ingest/<str:preset>", IngestPreset.as_view(), name="api-ingest-preset"),
]
