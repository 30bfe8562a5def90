"""Strangers' requests hold some of the threads; the rest is reserved for writers and `/healthz`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from auditportal import gate as gate_module
from auditportal.gate import MAX_FORM, Gate, GateMiddleware, Lane, Proven
from events.access import concurrency
from events.access.concurrency import Places
from events.tests.support import api
from events.tests.support.ledger import Ledger

Answer = Callable[[Any], Any]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """An empty gate of a process of 32 threads."""
    fresh = Gate(32)
    monkeypatch.setattr(gate_module, "gate", fresh)
    return fresh


class Dripping(io.BytesIO):
    """A form that calls back while it arrives."""

    def __init__(self, body: bytes, meanwhile: Callable[[], None]) -> None:
        super().__init__(body)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == 0:
            self._meanwhile()
        return super().read(size)


def wsgi(stream: io.BytesIO) -> dict[str, Any]:
    """The stream as the server passes it."""
    return {"wsgi.input": stream}


def drip(meanwhile: Callable[[], None], address: str = "192.0.2.1", path: str = "/login/") -> Any:
    body = b"username=a&password=b"
    return Client().generic(
        "POST",
        path,
        CONTENT_TYPE="application/x-www-form-urlencoded",
        CONTENT_LENGTH=str(len(body)),
        REMOTE_ADDR=address,
        **wsgi(Dripping(body, meanwhile)),
    )


def nested(depth: int, addresses: list[str], inside: Callable[[], None]) -> list[Any]:
    """Send concurrent forms, and call `inside` while all are in progress; their answers."""
    answers: list[Any] = []

    def begin(left: int) -> None:
        if not left:
            inside()
            return
        address = addresses[left % len(addresses)]
        answers.append(drip(lambda: begin(left - 1), address))

    begin(depth)
    return answers


def test_forms_of_strangers_stop_neither_writers_nor_health(ledger: Ledger, small: Gate) -> None:
    writer, seen = api.agent("agent-7"), []

    def look() -> None:
        seen.append(Client().get("/login/", REMOTE_ADDR="192.0.2.9").status_code)
        seen.append(writer.post("events", api.event()).status_code)
        seen.append(Client().get("/healthz").status_code)
        seen.append(Client().get("/readyz").status_code)

    answers = nested(6, ["192.0.2.1", "192.0.2.2"], look)
    assert seen == [503, 201, 200, 200]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert small.strangers.places.held == 0
    assert Client().get("/login/").status_code == 200


def test_one_address_leaves_slots_for_others(ledger: Ledger, small: Gate) -> None:
    seen = []

    def look() -> None:
        for address in ("192.0.2.1", "192.0.2.2"):
            answer = Client().get("/login/", REMOTE_ADDR=address)
            seen.append((answer.status_code, answer.get("Retry-After")))

    nested(4, ["192.0.2.1"], look)
    assert seen == [(503, "5"), (200, None)]


def test_a_reader_with_a_known_token_is_admitted_among_strangers(
    ledger: Ledger, small: Gate
) -> None:
    reader, seen = api.observer(), []
    assert reader.get("head").status_code == 200

    def look() -> None:
        seen.append(reader.get("head").status_code)
        refused = api.Caller("").get("head")
        api.problem(refused, 503, "busy")
        seen.append(refused["Retry-After"])

    nested(6, ["192.0.2.1", "192.0.2.2"], look)
    assert seen == [200, "5"]


def test_made_up_tokens_hold_places_of_their_own(ledger: Ledger, small: Gate) -> None:
    reader = api.observer()
    assert reader.get("head").status_code == 200
    taken = [small.claimed.places.take("address 192.0.2.7") for _ in range(64)]
    assert sum(taken) == 8
    assert api.Caller("a" * 64).get("head").status_code == 503
    assert reader.get("head").status_code == 200
    assert Client().get("/login/").status_code == 200
    assert api.agent().post("events", api.event()).status_code == 201


def test_no_single_caller_holds_the_last_quarter(small: Gate) -> None:
    mine = sum(small.known.places.take("token a") for _ in range(64))
    bodies = Places(3 * 32 // 4)
    mine += sum(bodies.take("agent-a") for _ in range(64))
    assert mine == 24
    assert bodies.take("agent-b")


def test_an_invalid_session_cookie_identifies_nobody(ledger: Ledger, small: Gate) -> None:
    client = Client()
    client.cookies["auditportal_session"] = "a" * 32
    assert client.get("/events/").status_code == 302
    assert small.proven._callers == {}
    client.force_login(User.objects.create_user("zoe"))
    client.get("/account/")
    assert [caller for caller, _ in small.proven._callers.values()] == [
        f"account {User.objects.get().pk}"
    ]


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/admin/login/", "/account/password/"])
def test_a_large_form_is_refused_unread(ledger: Ledger, small: Gate, path: str) -> None:
    def read() -> None:
        raise AssertionError("it was read")

    answer = Client().generic(
        "POST",
        path,
        CONTENT_TYPE="application/x-www-form-urlencoded",
        CONTENT_LENGTH=str(MAX_FORM + 1),
        **wsgi(Dripping(b"", read)),
    )
    assert answer.status_code == 413
    assert b"16384 bytes" in answer.content


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "ten", "1e3"])
def test_an_invalid_length_is_refused(ledger: Ledger, small: Gate, length: str) -> None:
    answer = Client().generic("POST", "/login/", CONTENT_LENGTH=length)
    assert answer.status_code == 413


def test_a_truncated_form_gets_an_explanation(ledger: Ledger, small: Gate) -> None:
    answer = Client().generic("POST", "/login/", CONTENT_LENGTH="5000", **wsgi(io.BytesIO(b"a=")))
    assert answer.status_code == 408


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/events", "/api/v1/nowhere"])
def test_bodies_nobody_asked_for_stay_unread(ledger: Ledger, small: Gate, path: str) -> None:
    def read() -> None:
        raise AssertionError("it was read")

    assert drip(read, path=path).status_code in (401, 404)


def test_a_form_of_many_fields_is_refused_and_no_fault(ledger: Ledger, small: Gate) -> None:
    body = b"&".join([b"a="] * 5000)
    answer = Client(raise_request_exception=False).post(
        "/login/", body, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 400


def test_a_wait_for_a_form_is_noted_and_forgotten(ledger: Ledger, small: Gate) -> None:
    seen: list[str] = []
    drip(lambda: seen.extend(wait.peer for wait in concurrency._waits.values()))
    assert seen == ["192.0.2.1"]
    assert not concurrency._waits


def through(answer: Answer, small: Gate) -> Any:
    return GateMiddleware(answer)(RequestFactory().get("/login/"))


def test_a_stream_holds_its_place_until_it_is_closed(small: Gate) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    answer = through(lambda request: StreamingHttpResponse(pieces()), small)
    assert next(iter(answer)) == b"a"
    assert small.strangers.places.held == 1
    answer.close()
    answer.close()
    assert small.strangers.places.held == 0


def test_a_place_is_given_back_when_a_view_breaks(small: Gate) -> None:
    def breaks(request: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        through(breaks, small)
    assert small.strangers.places.held == 0


def test_a_caller_without_a_slot_is_told_that_the_portal_is_busy(
    small: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "SLOT_SECONDS", 0.0)
    small.strangers = Lane(small.strangers.places, 1)
    with small.strangers.slot():
        answer = through(lambda request: HttpResponse("x"), small)
    assert answer.status_code == 503
    answer.close()
    assert small.strangers.places.held == 0
    assert through(lambda request: HttpResponse("x"), small).status_code == 200


def test_probes_beyond_the_places_get_what_was_found_a_moment_ago(
    ledger: Ledger, small: Gate
) -> None:
    assert Client().get("/readyz").status_code == 200
    assert all(small.probes.places.take("") for _ in range(2))
    assert Client().get("/readyz").json()["status"] == "ready"
    assert Client().get("/metrics").status_code == 503, "nothing was found yet"


def test_the_description_of_the_api_is_made_once(
    ledger: Ledger, small: Gate, settings: Settings
) -> None:
    first = Client().get("/api/schema?version=mine&lang=de")
    again = Client().get("/api/schema")
    assert (first.status_code, again.content) == (200, first.content)
    assert b"mine" not in first.content
    known = Client().get("/api/schema", headers={"If-None-Match": first["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert Client().get("/api/schema", headers={"Accept": "application/json"}).json()["paths"]


def test_a_proven_caller_is_forgotten_after_a_while() -> None:
    now = [0.0]
    proven = Proven(lambda: now[0])
    proven.keep(b"digest", "token abc")
    proven.keep(b"digest", None)
    assert proven.find(b"digest") == "token abc"
    now[0] = gate_module.PROVEN_SECONDS
    assert proven.find(b"digest") is None
    assert proven.find(None) is None


def test_callers_share_places_so_that_the_next_one_gets_one() -> None:
    places = Places(24)
    taken = {who: sum(places.take(who) for _ in range(64)) for who in "abcd"}
    assert taken == {"a": 12, "b": 6, "c": 3, "d": 2}
    places = Places(1)
    assert places.take("a")
    assert not places.take("b")
    places.leave("a")
    assert places.take("b")


def test_requests_waiting_for_a_slot_are_counted() -> None:
    places = Places(1, waiters=0)
    assert places.take("a")
    assert not places.take("a", patience=60.0), "it would have waited a minute"
