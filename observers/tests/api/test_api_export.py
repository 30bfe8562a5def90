"""GET /api/v1/export: the ledger as a file, streamed in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest

from events.access.concurrency import Places
from events.append.services import writer
from events.errors import CanonicalJSONError
from events.format.event import FIELDS
from events.registrar import registrar
from events.store import ranges
from events.store.ledger import EventFilter
from events.tests.support import api
from events.tests.support.ledger import Ledger, submission
from observers.api import export as export_view
from observers.export import FORMATS, stream, walk


def export(query: str = "") -> Any:
    return api.observer().get(f"export{query}")


def content(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def test_json_lines_are_the_events_of_the_range(ledger: Ledger) -> None:
    ledger.write(5)
    response = export()
    lines = content(response).splitlines(keepends=True)
    page = api.observer().get("events").content
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"] == 'attachment; filename="events-1-8.jsonl"'
    assert all(line.endswith(b"\n") for line in lines)
    assert page.startswith(b'{"events":[' + b",".join(line[:-1] for line in lines) + b'],"next"')


def test_csv_has_every_column(ledger: Ledger) -> None:
    writer().write_events(
        [
            submission({"b": 2**64 - 1, "a": 'x,"y"\r\n'}, agent_id=None),
            submission("=1+1", event_type="=HYPERLINK()"),
        ]
    )
    response = export("?format=csv")
    header, *rows = csv.reader(io.StringIO(content(response).decode(), newline=""), strict=True)
    events = [json.loads(line) for line in content(export()).splitlines()]
    assert response["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response["Content-Disposition"] == 'attachment; filename="events-1-5.csv"'
    assert tuple(header) == FIELDS
    for row, event in zip(rows, events, strict=True):
        columns = dict(zip(header, row, strict=True))
        assert json.loads(columns.pop("payload")) == event.pop("payload")
        assert columns == {name: "" if v is None else str(v) for name, v in event.items()}
    assert '{"a":"x,\\"y\\"\\r\\n","b":18446744073709551615}' in rows[3]
    assert "=HYPERLINK()" in rows[4]


SPANS = {
    "?start=2&end=3": ([2, 3], "events-2-3.jsonl"),
    "?end=2": ([1, 2], "events-1-2.jsonl"),
    "?start=7&end=99": ([7, 8], "events-7-8.jsonl"),
}


@pytest.mark.parametrize("query", SPANS)
def test_a_span(ledger: Ledger, query: str) -> None:
    ledger.write(5)
    response = export(query)
    expected, name = SPANS[query]
    assert [json.loads(line)["sequence"] for line in content(response).splitlines()] == expected
    assert name in response["Content-Disposition"]


def test_an_empty_ledger(unopened: Ledger) -> None:
    assert content(export()) == b""
    assert content(export("?format=csv")).decode() == ",".join(FIELDS) + "\r\n"


def test_gaps_are_stepped_over(ledger: Ledger) -> None:
    writer().write_events([submission(number=number) for number in range(450)])
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 90 AND 310")
    numbers = [json.loads(line)["sequence"] for line in content(export()).splitlines()]
    assert numbers == [*range(1, 90), *range(311, 454)]


AWKWARD: list[Any] = [
    {"a": 'comma, "quote"', "b": "back\\slash"},
    {"é": "ünï", "\U0001f600": "\u2028\x7f\x1f\x01\t\r\n"},
    {"n": [1.0, 1e21, 1e-7, 0.1, -5, 2**64 - 1], "deep": [[[{}]]]},
    "plain text",
    "",
    None,
    7,
    [],
]


@pytest.mark.parametrize("name", FORMATS)
def test_copied_bytes_are_those_of_the_events(ledger: Ledger, name: str) -> None:
    """An event read through COPY is written like one read alone, for all values of its columns."""
    for agent in (None, 'says "so", \\ there', "ünï, agent"):
        if agent:
            registrar().create_key(agent)
        writer().write_events(
            [
                submission(payload, agent_id=agent, event_type=f'type, "{number}" \\ é')
                for number, payload in enumerate(AWKWARD)
            ]
        )
    ledger.write(3)
    ledger.tamper(
        "UPDATE events SET witness_id = 'WITNESS:' || chr(10) || chr(1) || chr(31)"
        " WHERE sequence = 6",
        "UPDATE events SET witness_id = 'WITNESS:' || chr(27) WHERE sequence = 7",
    )
    form, last = FORMATS[name], ledger.store.get_max_sequence()
    chosen = EventFilter(start=1, end=last)
    expected = form.header + b"".join(form.write(event) for event in walk(ledger.store, chosen))
    assert b"".join(stream(ledger.store, form, chosen)) == expected


def test_so_many_exports_at_once_and_no_place_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_view, "exports", Places(3, 2))
    ledger.write(2)
    caller = api.observer()
    read, unread = caller.get("export"), caller.get("export")
    refused = caller.get("export")
    api.problem(refused, 503, "too-many-exports")
    assert refused["Retry-After"]
    content(read)  # to its end
    unread.close()  # the client went away before the first byte
    again = [caller.get("export") for _ in range(3)]
    assert [each.status_code for each in again] == [200, 200, 503]
    other = api.agent().get("export")
    assert other.status_code == 200, "a caller leaves places to others"
    for each in (*again, other):
        each.close()


def test_an_export_that_finds_nothing_looks_whether_the_client_is_there(ledger: Ledger) -> None:
    ledger.write(3)
    answer = export("?event_type=none.such")
    assert list(answer.streaming_content) == [b""]


def test_large_payloads_end_a_part_early(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "PART_BYTES", 5_000)
    writer().write_events([submission("x" * 2_000, number=number) for number in range(30)])
    lines, reached = ranges.copy_part("default", 4, 33)
    assert (len(lines), reached) == (2, 5)
    numbers = [json.loads(line)["sequence"] for line in content(export()).splitlines()]
    assert numbers == list(range(1, 34))


def test_events_appended_during_an_export_are_not_in_it(ledger: Ledger) -> None:
    ledger.write(2)
    response = export()
    ledger.write(2)
    assert len(content(response).splitlines()) == 5


def test_no_transaction_stays_open_between_pages(ledger: Ledger) -> None:
    writer().write_events([submission("x" * 2000, number=number) for number in range(300)])
    pieces = stream(ledger.store, FORMATS["jsonl"], EventFilter(start=1, end=300))
    next(pieces)
    states = ledger.query(
        "SELECT DISTINCT state FROM pg_stat_activity WHERE usename = 'portal_app'"
        " AND datname = current_database()"
    )
    assert states == [("idle",)]
    assert sum(piece.count(b"\n") for piece in pieces) > 0


def test_memory_does_not_grow_with_the_ledger(ledger: Ledger) -> None:
    def peak(end: int) -> int:
        tracemalloc.start()
        try:
            for _ in stream(ledger.store, FORMATS["jsonl"], EventFilter(start=1, end=end)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    for _ in range(20):
        writer().write_events([submission("x" * 1000) for _ in range(250)])
    assert peak(5000) < 2 * peak(1000)


def received(response: Any) -> bytes:
    """Returns the lines that arrive before the stream breaks."""
    pieces = io.BytesIO()
    with pytest.raises(CanonicalJSONError, match="nested deeper"):
        pieces.writelines(response.streaming_content)
    return pieces.getvalue()


@pytest.fixture
def unreadable(ledger: Ledger) -> None:
    """Of 303 events, number 250 cannot be read."""
    writer().write_events([submission("x" * 2000, number=number) for number in range(300)])
    deep = "[" * 200 + "]" * 200
    ledger.tamper(f"UPDATE events SET payload = '{deep}' WHERE sequence = 250")


def test_an_error_spoils_the_json_lines(unreadable: None) -> None:
    lines = received(export()).splitlines()
    assert [json.loads(line)["sequence"] for line in lines[:-1]] == list(range(1, 250))
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[-1])


def test_an_error_spoils_the_csv(unreadable: None) -> None:
    text = received(export("?format=csv")).decode()
    with pytest.raises(csv.Error):
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    whole = text[: text.rindex("\r\n")]
    assert len(list(csv.reader(io.StringIO(whole, newline=""), strict=True))) == 250


@pytest.mark.parametrize(
    "query", ["?format=xml", "?format=", "?start=0", "?start=3&end=2", "?limit=1"]
)
def test_a_wrong_parameter_is_refused(ledger: Ledger, query: str) -> None:
    api.problem(export(query), 400, "invalid-parameter")


@pytest.mark.parametrize("accept", ["text/csv", "application/x-ndjson", "text/html"])
def test_the_parameter_says_what_is_sent(ledger: Ledger, accept: str) -> None:
    response = api.observer().get("export?format=csv", Accept=accept)
    assert response["Content-Type"].startswith("text/csv")
