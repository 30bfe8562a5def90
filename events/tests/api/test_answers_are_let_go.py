"""An answer leaves memory when it was sent, and does not wait for Python's collector: a page may
hold a thousand events."""

from __future__ import annotations

import gc
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from rest_framework.response import Response

from events.tests.support import api
from events.tests.support.ledger import Ledger


def test_nothing_of_it_is_left_without_the_collector(ledger: Ledger) -> None:
    ledger.write(3)
    asked = RequestFactory().get(
        "/api/v1/events", headers={"Authorization": f"Bearer {api.issue('--observer')}"}
    )
    handler, started = WSGIHandler(), []

    def start(status: str, headers: list[Any], *_: Any) -> Any:
        started.append(status)

    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            handler(asked.environ, start).close()
        left = sum(type(each) is Response for each in gc.get_objects())
    finally:
        gc.enable()
    assert started == ["200 OK"] * 3
    assert left == 0
