"""Addresses of other products' protocols, as their senders expect them."""

from __future__ import annotations

from django.urls import path

from events.api.shippers import bulk, hec, otlp

urlpatterns = [
    path("services/collector", hec.CollectorEvent.as_view(), name="hec"),
    path("services/collector/event", hec.CollectorEvent.as_view(), name="hec-event"),
    path("services/collector/event/1.0", hec.CollectorEvent.as_view(), name="hec-event-1"),
    path("services/collector/raw", hec.CollectorRaw.as_view(), name="hec-raw"),
    path("services/collector/raw/1.0", hec.CollectorRaw.as_view(), name="hec-raw-1"),
    path("services/collector/health", hec.CollectorHealth.as_view(), name="hec-health"),
    path("services/collector/health/1.0", hec.CollectorHealth.as_view(), name="hec-health-1"),
    path("elastic", bulk.Info.as_view(), name="elastic"),
    path("elastic/", bulk.Info.as_view(), name="elastic-info"),
    path("elastic/_license", bulk.License.as_view(), name="elastic-license"),
    path("elastic/_xpack", bulk.License.as_view(), name="elastic-xpack"),
    path("elastic/_cluster/health", bulk.Health.as_view(), name="elastic-health"),
    path("elastic/_bulk", bulk.Bulk.as_view(), name="elastic-bulk"),
    path("elastic/<str:index>/_bulk", bulk.Bulk.as_view(), name="elastic-index-bulk"),
    path("v1/logs", otlp.Logs.as_view(), name="otlp-logs"),
]
