"""`/healthz`, `/readyz` and `/metrics`: liveness, readiness for writes, and figures for Prometheus.

Invariant: a scrape costs a few index lookups and bounded counts, and exposes figures and states
only.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from events.access.view_marks import no_second_factor, not_logged
from events.api.problems import PROBLEMS
from events.errors import LedgerError
from events.format.timestamps import parse_canonical
from events.models import WatchAlert, WatchLook
from events.store import access_log
from events.store.connection import takes_writes
from events.store.imports import recent_drift
from events.store.ledger import PostgresEventStore
from events.store.locks import Holder, holders
from observers.continuity import find_ends, tail_is_head
from observers.replica.reading import has_replica, lag_of, why_left
from observers.replica.trust import Why
from observers.watch.findings import Kind

log = structlog.get_logger(__name__)

PREFIX = "audit_portal"


@not_logged
@no_second_factor
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answers 200 as long as this process runs; checks nothing else."""
    return _json({"status": "alive"}, 200)


@not_logged
@no_second_factor
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answers 200 when events can be appended, otherwise 503 with the name of what fails. A failed
    replica is reported but does not fail readiness, because the primary serves reads in its
    place."""
    checks, holder = check_readiness()
    ready = all(state == "ok" for state in checks.values())
    if not ready:
        log.warning("not_ready", **checks)
    if has_replica() and checks["database"] == "ok":
        checks["replica"] = _replica_state()
    body: dict[str, object] = {"status": "ready" if ready else "not ready", "checks": checks}
    if holder is not None and holder.is_long:
        body["lock_holder"] = holder.as_dict()
    return _json(body, 200 if ready else 503)


@not_logged
@no_second_factor
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answers figures for Prometheus, read from the database at each scrape, so that they do not
    depend on the worker that answers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def check_readiness() -> tuple[dict[str, str], Holder | None]:
    """Returns `ok`, `failed` or `unknown` for the database, writes, the ledger's lock, the halt
    state and the head; and the holder of the lock."""
    store = PostgresEventStore()
    names = ("database", "writes", "lock", "halt", "head")
    checks = dict.fromkeys(names, "unknown") | {"database": "failed"}
    holder = None
    try:
        checks["writes"] = _state(takes_writes(store.using))
        checks["database"] = "ok"
        holder = holders.look(store.using)
        checks["lock"] = _state(holder is None or not holder.is_long)
        if holder is None or not holder.blocks_readers:
            checks["head"] = _state(tail_is_head(store, find_ends(store)))
            checks["halt"] = _state(not store.halt().halted)
    except (LedgerError, DatabaseError) as error:
        log.error("readiness_check_failed", reason=str(error).splitlines()[0])
        failed = "halt" if checks["head"] != "unknown" else "database"
        checks[failed] = "failed"
    return checks, holder


def _state(is_so: bool) -> str:
    return "ok" if is_so else "failed"


def _replica_state() -> str:
    """Returns `ok` while the replica serves; `away` or `behind` while the primary does."""
    try:
        left = why_left()
    except (LedgerError, DatabaseError):  # it went away since its connection was looked at
        return Why.AWAY.value
    return left.why.value if left else "ok"


class LedgerCollector(Collector):
    """The ledger's figures at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        """Readiness always; the figures while the database answers."""
        checks, holder = check_readiness()
        ready = all(state == "ok" for state in checks.values())
        yield _gauge("ready", "1 if events can be written", ready)
        yield _gauge("halted", "1 if the ledger is halted", checks["halt"] == "failed")
        yield _gauge("database_up", "1 if the database answers", checks["database"] == "ok")
        if checks["database"] == "ok":
            yield from _lock(holder)
            yield _refusals()
        if checks["database"] == "ok" and checks["head"] != "unknown":
            yield from _figures(PostgresEventStore())
            yield from _watch()
            if has_replica():
                yield from _replica_figures()


def _lock(holder: Holder | None) -> Iterator[Metric]:
    """Reports the holder of the ledger's lock once it is held longer than any append takes."""
    held = GaugeMetricFamily(
        f"{PREFIX}_lock_held_seconds",
        "Seconds that one transaction has held the ledger's lock",
        labels=["pid", "gid"],
    )
    if holder is not None and holder.is_long:
        held.add_metric([str(holder.pid or ""), holder.gid or ""], holder.seconds)
    else:
        held.add_metric(["", ""], 0.0)
    yield held


def _refusals() -> Metric:
    """Counts refused API requests since the ledger was created."""
    counted = access_log.counted("default")
    refused = CounterMetricFamily(
        f"{PREFIX}_refusals", "Requests that were refused, by kind of problem", labels=["problem"]
    )
    for problem in PROBLEMS:
        refused.add_metric([problem.name], counted.get(problem.name, 0))
    return refused


def _figures(store: PostgresEventStore) -> Iterator[Metric]:
    ends = find_ends(store)
    head = ends.head
    yield CounterMetricFamily(f"{PREFIX}_events", "Events appended", value=head.event_count)
    yield _gauge("head_sequence", "Sequence of the head", head.max_sequence)
    yield _gauge("tail_sequence", "Sequence of the last existing event", ends.last_event)
    yield _gauge(
        "missing_sequences",
        "Numbers up to the head that no append used, by the appends' count",
        head.max_sequence - head.event_count,
    )
    if head.authority_timestamp:
        moment = parse_canonical(head.authority_timestamp).timestamp()
        yield _gauge("head_timestamp_seconds", "Authority time of the last append", moment)
    drift = GaugeMetricFamily(
        f"{PREFIX}_drift_warnings", "Drift warnings of the last hour or day", labels=["window"]
    )
    origins = GaugeMetricFamily(
        f"{PREFIX}_drift_warnings_by_origin",
        "Drift warnings of the last hour or day, of running clocks and of imports",
        labels=["window", "origin"],
    )
    for window, recent in zip(
        ("1h", "24h"), recent_drift(store.using, timezone.now()), strict=True
    ):
        drift.add_metric([window], recent.clocks + recent.imports)
        origins.add_metric([window, "clock"], recent.clocks)
        origins.add_metric([window, "import"], recent.imports)
    yield drift
    yield origins


def _watch() -> Iterator[Metric]:
    """Reports the last look of the watch; nothing before the first one."""
    last = WatchLook.objects.order_by("-pk").first()
    if last is None:
        return
    moment = last.began_at.timestamp()
    yield _gauge("watch_last_look_timestamp_seconds", "Time of the watch's last look", moment)
    yield _gauge("watch_verified_sequence", "Verified by the watch", last.verified_through)
    yield _gauge("watch_round_sequence", "Verified again in this round", last.rolled_through)
    yield _gauge("watch_round_end_sequence", "Sequence at which this round ends", last.round_end)
    if last.round_seconds is not None:
        yield _gauge("watch_round_seconds", "Duration of the last round", float(last.round_seconds))
    yield _gauge(
        "watch_verified_since_timestamp_seconds",
        "Every event that existed then has been verified since",
        last.verified_since.timestamp(),
    )
    yield _gauge(
        "watch_promised_seconds",
        "Promised time within which every event is verified again",
        last.promised_seconds,
    )
    findings = GaugeMetricFamily(
        f"{PREFIX}_watch_open_findings", "Findings of the watch that are open", labels=["kind"]
    )
    for kind in Kind:
        findings.add_metric([kind], last.open_findings.get(kind, 0))
    yield findings
    yield _gauge("watch_unrecorded", "Findings not written into the ledger", len(last.unrecorded))
    alerts = GaugeMetricFamily(f"{PREFIX}_watch_alerts", "Alerts not delivered", labels=["state"])
    for state in ("waiting", "failed"):
        alerts.add_metric([state], WatchAlert.objects.filter(state=state).count())
    yield alerts


def _replica_figures() -> Iterator[Metric]:
    serves = _replica_state() == "ok"
    yield _gauge("replica_serves", "1 if observers read from the replica", serves)
    lag = lag_of(settings.LEDGER_READ_ALIAS) if serves else None
    if lag and lag.seconds is not None:
        yield _gauge("replica_lag_seconds", "Seconds the replica has lacked an append", lag.seconds)
        yield _gauge("replica_events_behind", "Events the replica lacks", lag.events or 0)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", what, value=float(value))


def _json(body: dict[str, object], status: int) -> HttpResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
