"""Bodies that are sent drop by drop hold their own agent's places, and nobody else's."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from events.api import bodies
from events.api.throttling import Arrivals
from events.tests.support import api
from events.tests.support.ledger import Ledger


class Dripping(io.BytesIO):
    """A body during whose arrival something else happens."""

    def __init__(self, body: bytes, meanwhile: Callable[[], None]) -> None:
        super().__init__(body)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == 0:
            self._meanwhile()
        return super().read(size)


def send_slowly(caller: api.Caller, meanwhile: Callable[[], None]) -> Any:
    body = json.dumps(api.event()).encode()
    return caller.environ(
        "events",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=str(len(body)),
        **{"wsgi.input": Dripping(body, meanwhile)},
    )


def test_an_agents_slow_bodies_do_not_stop_another_agent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "arrivals", Arrivals(4, patience=0))
    slow, other, reader = api.agent("agent-7"), api.agent("agent-8"), api.observer()
    seen = []

    def look() -> None:
        refused = slow.post("events", api.event())
        detail = api.problem(refused, 429, "too-many-requests")["detail"]
        seen.append((detail, refused["Retry-After"]))
        assert other.post("events", api.event()).status_code == 201
        assert reader.get("head").status_code == 200

    second = []
    first = send_slowly(slow, lambda: second.append(send_slowly(slow, look)))
    assert seen == [("2 bodies of this agent are still arriving", "5")]
    assert [first.status_code, second[0].status_code] == [201, 201]
    assert slow.post("events", api.event()).status_code == 201, "the places are given back"
    assert len(ledger.written()) == 4


def test_a_place_is_given_back_when_a_body_is_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "arrivals", Arrivals(1, patience=0))
    caller = api.agent()
    for _ in range(3):
        assert caller.post("events", raw=b"{").status_code == 400
        assert caller.post("events", raw=b" " * (2**21 + 1)).status_code == 413
    assert caller.post("events", api.event()).status_code == 201
