"""The watch as a periodic job. It must never wait: who finds another watcher looking lets it."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.db import connections
from procrastinate.contrib.django import app

from observers.watch.deliveries import QUEUE
from observers.watch.findings import Kind
from observers.watch.watch import Watch


@app.periodic(cron="* * * * * */30")
@app.task(name="watch", queue=QUEUE, queueing_lock="watch")
def watch(timestamp: int) -> None:
    """Look once, as the watcher of this process."""
    try:
        _watch().look()
    finally:
        connections.close_all()


@cache
def _watch() -> Watch:
    return Watch([Kind(name) for name in settings.PORTAL_WATCH_HALT_ON])
