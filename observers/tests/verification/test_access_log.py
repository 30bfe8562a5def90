"""Reading leaves an entry: who, from where, what, how many events, and how it ended."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from events.access.recorder import AccessLogFullError, Recorder, recorder
from events.store import access_log
from events.store.access_log import Access, AccessFilter, newest
from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers.pages.events import views as events_page
from observers.tests.support.pages import sign_in


def entries(**chosen: Any) -> list[Access]:
    """Newest first, after all that waits was written."""
    assert recorder().flush()
    return [entry for _, entry in newest("default", AccessFilter(**chosen), limit=100)]


def taken(client: Client, query: str) -> bytes:
    """The log as a file."""
    response: Any = client.get(f"/access/?{query}")
    return b"".join(response.streaming_content)


def test_a_range_by_token_is_entered_with_its_filter_and_its_events(ledger: Ledger) -> None:
    ledger.write(3)
    caller = api.observer()
    assert caller.get("events?start=5&event_type=test.happened").status_code == 200
    (entry,) = entries()
    assert (entry.kind, entry.who) == ("token", caller.token[:15])
    assert entry.asked == "GET /api/v1/events?start=5&event_type=test.happened"
    assert (entry.route, entry.address) == ("api-events", "127.0.0.1")
    assert (entry.outcome, entry.status, entry.events) == ("answered", 200, 2)


def test_a_page_by_a_person_is_entered(ledger: Ledger) -> None:
    ledger.write(2)
    client = sign_in(name="zoe", staff=False)
    client.get("/events/")
    client.get("/events/4/")
    event, listing = entries(who="zoe")
    assert (event.route, event.events) == ("event", 1)
    assert (listing.kind, listing.route, listing.events) == ("account", "events", 5)


def test_a_live_page_that_is_shown_nothing_is_entered_once_for_each_filter(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write(3)
    client = sign_in(name="zoe", staff=False)
    monkeypatch.setattr(events_page, "_asked", {})
    for address in (
        "/events/live?after=6",
        "/events/live?after=0&payload_field=pin&payload_value=1",
        "/events/live?after=0&payload_field=pin&payload_value=1",
        "/events/live?after=5&payload_field=pin&payload_value=1",
        "/events/live?after=0&payload_field=pin&payload_value=2",
        "/events/live?after=0&agent_id=nobody",
    ):
        assert client.get(address).status_code == 200
    asked = [entry.asked.partition("?")[2] for entry in entries(who="zoe")]
    assert asked[::-1] == [
        "after=0&payload_field=pin&payload_value=1",
        "after=0&payload_field=pin&payload_value=2",
        "after=0&agent_id=nobody",
    ]
    monkeypatch.setattr(events_page, "ASKED_AGAIN", 0.0)
    client.get("/events/live?after=0&agent_id=nobody")
    assert len(entries(who="zoe")) == 4


def test_a_refusal_to_a_known_caller_is_entered(ledger: Ledger) -> None:
    caller = api.Caller(api.issue("--agent", "agent-7", "--reads", "nothing"))
    caller.get("events")
    (entry,) = entries()
    assert (entry.agent_id, entry.outcome, entry.status) == ("agent-7", "refused", 403)
    assert entry.events is None


def test_strangers_writers_and_probes_leave_no_entry(ledger: Ledger) -> None:
    assert api.agent().post("events", api.event()).status_code == 201
    assert api.Caller("").get("events").status_code == 401
    assert api.Caller("f" * 64).get("events").status_code == 401
    for path in ("/", "/events/1/", "/healthz", "/metrics", "/login/", "/nowhere"):
        Client().get(path)
    assert entries() == []


def test_asking_for_a_verification_is_entered(ledger: Ledger) -> None:
    ledger.write(1)
    client = sign_in(name="zoe", staff=False)
    assert client.post("/verifications/start", {"start": 4, "end": 4}).status_code == 302
    (entry,) = entries(route="start-verification")
    assert (entry.who, entry.status) == ("zoe", 302)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_entered_before_its_first_byte_and_at_its_end(
    ledger: Ledger, form: str
) -> None:
    ledger.write(3)
    response = api.observer().get(f"export?format={form}")
    (begun,) = entries()
    assert (begun.outcome, begun.events) == ("begun", None)
    b"".join(response.streaming_content)
    sent, _ = entries()
    assert (sent.outcome, sent.events, sent.asked) == ("sent", 6, begun.asked)


def test_an_export_that_breaks_off_says_so(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_and_no_more(*_: Any) -> Iterator[bytes]:
        yield b"{}\n"
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("observers.api.export.stream", one_and_no_more)
    response = api.observer().get("export")
    with pytest.raises(RuntimeError):
        list(response.streaming_content)
    last, _ = entries()
    assert (last.outcome, last.events) == ("broken off", 1)


def test_an_export_whose_client_goes_away_says_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observers.api.export.stream", lambda *_: iter([b"{}\n", b"{}\n"]))
    response = api.observer().get("export")
    next(iter(response.streaming_content))
    response.close()
    last, _ = entries()
    assert (last.outcome, last.events) == ("broken off", 1)


def test_the_table_takes_entries_and_changes_none(ledger: Ledger) -> None:
    api.observer().get("head")
    assert len(entries()) == 1
    for role in ("portal_app", "portal_owner"):
        with ledger.connect(role) as connection:
            for statement in (
                "UPDATE access_log SET who = 'nobody'",
                "DELETE FROM access_log",
                "TRUNCATE access_log",
            ):
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.Error)) as no:
                    connection.execute(statement)
                assert no.value.sqlstate in ("42501", "AP004")
    assert len(entries()) == 1


def test_auditors_see_it_and_are_seen(ledger: Ledger) -> None:
    caller = api.observer()
    caller.get("head")
    entries()
    client = sign_in(name="zoe", staff=False)
    page = client.get("/access/").content.decode()
    assert caller.token[:15] in page
    assert caller.token not in page
    assert "/api/v1/head" in page
    (seen,) = entries(who="zoe")
    assert seen.route == "access-log"


def test_pages_and_files_hold_what_passes_the_filters(ledger: Ledger) -> None:
    caller = api.observer()
    for number in range(60):
        caller.get(f"events?after={number}")
    client = sign_in(name="zoe", staff=False)
    entries()
    who = f"who={caller.token[:15]}"
    first = client.get(f"/access/?{who}").context
    assert len(first["entries"]) == 50
    second = client.get("/access/" + first["page"].older).context
    assert len(second["entries"]) == 10
    back = client.get("/access/" + second["page"].newer).context
    assert back["entries"] == first["entries"]
    records = [orjson.loads(line) for line in taken(client, f"{who}&format=jsonl").splitlines()]
    assert [each["asked"] for each in records] == [
        f"GET /api/v1/events?after={number}" for number in range(60)
    ]
    rows = list(csv.DictReader(io.StringIO(taken(client, f"{who}&format=csv").decode())))
    assert [int(row["id"]) for row in rows] == [each["id"] for each in records]
    sent = [entry for entry in entries(who="zoe") if entry.outcome == "sent"]
    assert [entry.events for entry in sent] == [60, 60]


@pytest.mark.parametrize("query", ["outcome=maybe", "at_from=yesterday", "before=x", "format=xml"])
def test_a_wrong_filter_is_refused(ledger: Ledger, query: str) -> None:
    assert sign_in().get(f"/access/?{query}").status_code == 400


def test_the_access_log_requires_signing_in_even_with_public_reading(
    ledger: Ledger, settings: Settings
) -> None:
    settings.PORTAL_PUBLIC_READING = True
    assert Client().get("/access/")["Location"].startswith("/login/")


def test_anybody_reads_in_public_and_is_entered(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_PUBLIC_READING = True
    ledger.write(1)
    client = Client()
    assert client.get("/api/v1/events").status_code == 200
    page = client.get("/events/4/")
    assert page.status_code == 200
    assert "Log in" in page.content.decode()
    assert client.post("/verifications/start", {}).status_code == 302
    assert client.get("/account/").status_code == 302
    assert client.get("/admin/").status_code == 302
    api.problem(api.Caller("f" * 64).get("events"), 401, "unauthenticated")
    api.problem(client.post("/api/v1/events", {}), 401, "unauthenticated")
    assert [(entry.kind, entry.who, entry.route) for entry in entries()] == [
        ("public", None, "event"),
        ("public", None, "api-events"),
    ]


def _an_entry() -> Access:
    return Access(
        timezone.now(), "public", None, None, "192.0.2.1", "head", "GET /", "answered", 200, None
    )


def test_entries_that_cannot_be_written_wait_and_are_not_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()

    def fail_once(using: str, batch: Any) -> None:
        monkeypatch.setattr("events.access.recorder.insert", insert)
        failed.set()
        raise RuntimeError("away")

    insert = access_log.insert
    monkeypatch.setattr("events.access.recorder.insert", fail_once)
    own = Recorder()
    own.record(_an_entry())
    assert own.flush()
    assert failed.is_set()
    assert len(entries()) == 1


def test_reading_is_refused_when_it_cannot_be_recorded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is shown that leaves no trace, and nothing that waits is thrown away."""
    monkeypatch.setattr("events.access.recorder.PATIENCE", 0.01)
    held, go = threading.Event(), threading.Event()
    insert = access_log.insert

    def wait(using: str, batch: Any) -> None:
        held.set()
        assert go.wait(20)
        insert(using, batch)

    monkeypatch.setattr("events.access.recorder.insert", wait)
    own = Recorder(capacity=1)
    own.record(_an_entry())
    assert held.wait(20)
    own.record(_an_entry())
    with pytest.raises(AccessLogFullError):
        own.record(_an_entry())
    monkeypatch.setattr("events.access.middleware.recorder", lambda: own)
    response = api.observer().get("events")
    api.problem(response, 503, "database-unavailable")
    assert response["Retry-After"]
    go.set()
    assert own.flush()
    assert len(entries(route="head")) == 2
