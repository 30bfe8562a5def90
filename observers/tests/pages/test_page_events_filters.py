"""The filters in the address of the events page, and the page's answers to them."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from events.append.services import writer
from events.store import search as search_module
from events.store.ledger import EventFilter
from events.tests.support import api
from events.tests.support.ledger import Ledger, submission
from observers.filters.definitions import EVENTS
from observers.pages.events import timeline
from observers.pages.events.form import USUAL_COLUMNS
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in, over five events of four types behind the opening, the last of the system."""
    writer().write_event(submission({"user": {"id": 2**64 - 1}}, event_type="door.open"))
    writer().write_event(submission({"user": {"id": 2**64 - 2}}, event_type="door.shut"))
    writer().write_event(submission({"user": {"id": "7"}}, event_type="door.open"))
    writer().write_event(submission({"user": {"id": 7}}, event_type="vote.cast"))
    writer().write_event(submission("none", event_type="system.up", agent_id=None))
    return Reader(ledger, sign_in())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event_type=door.open&event_type=vote.cast", [4, 6, 7]),
        ("event_type=door.open&event_type=", [4, 6]),
        ("system=true", [1, 2, 3, 8]),
        ("system=false", [4, 5, 6, 7]),
        (f"payload_field=user.id&payload_value={2**64 - 1}", [4]),
        ("payload_field=user.id&payload_value=7", [6, 7]),
        ("payload_field=user.id&payload_value=%227%22", [6]),
        ("payload_field=user.id&payload_value=7&event_type=door.open", [6]),
        ("payload_field=nothing&payload_value=null", []),
        ("authority_from=2020-01-01", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_filters(reader: Reader, query: str, expected: list[int]) -> None:
    assert reader.lines(f"/events/?order=oldest&{query}") == expected


WRONG = {
    "payload_field=a": "Give a value",
    "payload_value=1": "Name the field that has this value.",
    f"payload_field=a&payload_value={2**64}": "no payload can hold this",
    "payload_field=a%5Cx&payload_value=1": "a backslash stands only before",
    "start=5&end=4": "This is below the first sequence.",
    "start=0": "greater than or equal to 1",
    "authority_from=2026-01-02T00:00&authority_to=2026-01-01T00:00": "This is below the time",
    "agent_id=agent-7&system=true": "have no agent",
    "agnet_id=agent-7": "There is no filter &#x27;agnet_id&#x27;.",
    "agent_id=agent-7&agent_id=agent-8": "This appears more than once in the address.",
    "columns=colour": "colour is not one of the available choices",
    "density=airy": "airy is not one of the available choices",
    "jump=yesterday": "Neither a sequence number nor a time",
    "jump=0": "Sequence numbers begin at 1.",
    "jump=9": "The ledger ends at 8.",
    "jump=2999-01-01": "The ledger has no event at or after that time.",
    "event_type=a%00b": "Null characters are not allowed.",
    "&".join(f"event_type={n}" for n in range(101)): "Choose at most 100 types.",
}


@pytest.mark.parametrize(("query", "message"), WRONG.items(), ids=WRONG.values())
def test_a_mistake_is_shown_next_to_its_field(reader: Reader, query: str, message: str) -> None:
    page = reader.text(f"/events/?{query}", status=400)
    errors = re.findall(r'class="field-error"[^>]*>([^<]*)<', page)
    assert [error for error in errors if message in error], errors


def test_each_filter_is_shown_and_can_be_taken_away(reader: Reader) -> None:
    query = (
        "event_type=door.open&event_type=vote.cast&agent_id=agent-7&system=false&start=1&end=9"
        "&drifted=false&authority_from=2020-01-01T00:00&payload_field=user.id&payload_value=7"
    )
    response = reader.get(f"/events/?{query}&order=oldest&before=9")
    chips = response.context["chips"]
    assert [(chip.name, chip.value) for chip in chips] == [
        ("type", "door.open"),
        ("type", "vote.cast"),
        ("agent", "agent-7"),
        ("recorded by", "an agent"),
        ("drift", "without drift warning"),
        ("from sequence", "1"),
        ("to sequence", "9"),
        ("authority time from", "2020-01-01 00:00 UTC"),
        ("payload user.id", "7, also as text"),
    ]
    whole = parse_qs(query)
    for chip in chips:
        left = parse_qs(urlsplit(chip.without).query)
        gone = sum(map(len, whole.values())) - sum(len(v) for n, v in left.items() if n in whole)
        assert gone == (2 if chip.name.startswith("payload") else 1)
        assert left["order"] == ["oldest"]
        assert "before" not in left
        assert unescape(chip.without) in unescape(response.content.decode())
    assert parse_qs(urlsplit(response.context["clear"]).query) == {"order": ["oldest"]}


def test_every_filter_has_a_chip_and_a_field_in_the_store() -> None:
    pair = {"payload_field", "payload_value"}  # one chip for both
    assert {each.name for each in EVENTS if each.label and not each.chip} == pair
    stored = {each.stored_as or each.name for each in EVENTS}
    assert stored - {"payload_alike"} == {f.name for f in fields(EventFilter)} - {"payload_text"}


def test_links_keep_the_filters_and_the_looks(reader: Reader) -> None:
    reader.ledger.write(120)
    query = "agent_id=agent-7&event_type=test.happened&event_type=x&density=compact&columns=hash"
    links = reader.get(f"/events/?{query}").context["links"]
    for link in (links["next"], links["last"]):
        kept = parse_qs(urlsplit(link).query)
        assert kept.items() >= parse_qs(query).items()


def test_the_looks_are_remembered_and_the_filters_are_not(reader: Reader) -> None:
    chosen = "order=oldest&density=compact&columns=payload&limit=100&event_type=x"
    sent = reader.get(f"/events/?form=sent&{chosen}", status=302)
    assert parse_qs(urlsplit(sent["Location"]).query) == parse_qs(chosen)
    page = reader.get("/events/")
    assert [line.place for line in page.context["page"].lines] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert page.context["columns"] == [("payload", "Payload")]
    assert page.context["compact"]
    assert page.context["chips"] == []
    page = reader.get("/events/?order=newest")
    assert [line.place for line in page.context["page"].lines] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert page.context["columns"] == [("payload", "Payload")]


@pytest.mark.parametrize(
    "address",
    [
        "/events/?order=oldest&columns=payload&density=compact&limit=500",
        "/events/?start=1&end=5&order=oldest",
        "/events/live?after=0&order=oldest&columns=payload",
        "/events/?jump=3&order=oldest",
        "/events/?order=oldest&form=",
    ],
)
def test_a_link_does_not_change_what_is_remembered(reader: Reader, address: str) -> None:
    reader.client.get(address)
    page = reader.get("/events/")
    assert [line.place for line in page.context["page"].lines] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [name for name, _ in page.context["columns"]] == list(USUAL_COLUMNS)


def test_another_sites_link_to_the_form_changes_nothing_remembered(reader: Reader) -> None:
    reader.client.get("/events/?form=sent&order=oldest", headers={"Sec-Fetch-Site": "cross-site"})
    assert reader.lines("/events/") == [8, 7, 6, 5, 4, 3, 2, 1]


def test_another_reader_does_not_see_ones_settings(reader: Reader) -> None:
    reader.get("/events/?form=sent&order=oldest", status=302)
    assert reader.lines("/events/") == [1, 2, 3, 4, 5, 6, 7, 8]
    other = Reader(reader.ledger, sign_in(name="second auditor"))
    assert other.lines("/events/") == [8, 7, 6, 5, 4, 3, 2, 1]


def test_only_the_chosen_columns_are_shown(reader: Reader) -> None:
    page = reader.text("/events/?columns=payload&columns=witness&columns=id")
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', page)
    assert heads == ["Sequence", "Payload", "Event id", "Witness"]
    assert "{&quot;user&quot;: {&quot;id&quot;: 18446744073709551615}}" in page
    assert "WITNESS:alpha" in page


@pytest.mark.parametrize(
    ("order", "query"), [("newest", "before=7"), ("oldest", "after=5")], ids=["newest", "oldest"]
)
def test_goes_to_a_sequence(reader: Reader, order: str, query: str) -> None:
    response = reader.get(f"/events/?jump=6&order={order}&system=false", status=302)
    assert response["Location"] == f"/events/?order={order}&system=false&{query}#s6"
    assert reader.lines(response["Location"].split("#")[0])[0] == 6


def test_goes_to_a_time(reader: Reader) -> None:
    events = list(reader.ledger.store.get_events_by_sequence_range(4, 8))
    remove(reader.ledger, 6)
    for moment, sequence in (
        (events[0].authority_timestamp, 4),
        (events[1].authority_timestamp, 5),
        (events[2].authority_timestamp, 7),
        (events[4].authority_timestamp, 8),
        ("2020-01-01", 1),
        ("2020-01-01 12:00", 1),
    ):
        response = reader.get(f"/events/?order=newest&jump={quote(moment)}", status=302)
        assert response["Location"].endswith(f"#s{sequence}"), moment


def test_the_command_asks_the_api_what_the_page_shows(reader: Reader) -> None:
    query = (
        "event_type=door.open&event_type=door.shut&agent_id=agent-7&system=false&drifted=false"
        "&start=1&end=7&authority_from=2020-01-01T00:00&local_to=2999-01-01T00:00"
        f"&payload_field=user.id&payload_value={2**64 - 2}"
    )
    page = reader.get(f"/events/?{query}")
    curl = page.context["curl"]
    command, header = curl.split(" \\\n  ")
    assert header == '-H "Authorization: Bearer $TOKEN"'
    address = command.removeprefix('curl -sS "http://testserver/api/v1/').removesuffix('"')
    answer = api.observer().get(address)
    assert [event["sequence"] for event in answer.json()["events"]] == [5]
    exported = reader.get(page.context["export"] + "jsonl").getvalue()
    assert exported.count(b"\n") == 1
    assert str(2**64 - 2).encode() in exported


def test_a_filter_in_a_copied_command_is_quoted_for_the_shell(reader: Reader) -> None:
    nasty = "$(rm -rf /)`x`\"'\\!"
    curl = reader.get(f"/events/?agent_id={quote(nasty)}").context["curl"]
    address = curl.split(" \\\n")[0].removeprefix("curl -sS ")
    assert re.fullmatch(r'"[A-Za-z0-9:/?&=_.%+-]*"', address)


def test_a_search_that_runs_out_of_time_says_so_and_can_continue(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages lie edge to edge all the same, with every gap."""
    reader.ledger.write(40)
    remove(reader.ledger, 11, 12, 33)
    monkeypatch.setattr(timeline, "SEARCH", 0.0)
    monkeypatch.setattr(search_module, "SMALLEST", 10)
    monkeypatch.setattr(search_module, "FIRST", 10)
    for order in ("newest", "oldest"):
        address, lines, pages = f"?order={order}&event_type=door.open", [], 0
        while address:
            response = reader.get(f"/events/{address}")
            page, pages = response.context["page"], pages + 1
            lines += [line.place for line in page.lines]
            if page.stopped:
                assert "was searched" in response.content.decode()
                assert "No event matches" not in response.content.decode()
            address = response.context["further"] if page.stopped else ""
        assert sorted(lines) == [4, 6, 11, 33]
        assert lines == sorted(lines, reverse=order == "newest")
        assert pages == 5


def test_live_answers_what_came_since(reader: Reader) -> None:
    reader.ledger.write(3)
    remove(reader.ledger, 10)
    response = reader.get("/events/live?order=newest&after=8")
    page = response.content.decode()
    assert re.findall(r'<tr[^>]* id="s(\d+)"', page) == ["11", "10", "9"]
    assert 'data-reached="11"' in page
    assert "Events are missing" in page
    assert "data-regressed" not in page
    assert "<html" not in page


def test_live_keeps_to_the_filters(reader: Reader) -> None:
    page = reader.text("/events/live?event_type=door.open&order=oldest&after=4")
    assert re.findall(r'<tr id="s(\d+)"', page) == ["6"]
    assert 'data-reached="8"' in page


def test_live_tells_of_a_cut_end(reader: Reader) -> None:
    reader.ledger.tamper(
        "DELETE FROM events WHERE sequence > 6", "DELETE FROM appends WHERE last_sequence > 6"
    )
    page = reader.text("/events/live?after=8")
    assert "The ledger now ends at 6, but this page has shown it up to 8" in page


def test_live_tells_of_a_halt(reader: Reader) -> None:
    reader.ledger.query("SELECT halt_ledger('a drill')")
    assert "The ledger is halted" in reader.text("/events/live?after=8")


@pytest.mark.parametrize("query", ["", "after=x", "after=1&start=x"])
def test_live_refuses_what_it_does_not_understand(reader: Reader, query: str) -> None:
    reader.get(f"/events/live?{query}", status=400)


def test_a_number_finds_the_text_that_a_log_wrote_for_it(ledger: Ledger) -> None:
    """Case 17 of cases/logs: `Level` is the text "4" in the events of many Windows collectors."""
    for level in ("4", 4, 4.0, "4.0", 5):
        writer().write_event(submission({"Level": level}))
    reader = Reader(ledger, sign_in())
    asked = "/events/?order=oldest&payload_field=Level&payload_value="
    assert reader.lines(f"{asked}4") == [4, 5, 6]
    assert reader.lines(f"{asked}%224%22") == [4]
    page = reader.text(f"{asked}4")
    assert "4, also as text" in page
    # The page's own links ask for what the page shows.
    link = re.search(r'href="(/api/v1/export\?[^"]*format=)jsonl"', page)
    assert link
    lines = reader.get(link[1].replace("&amp;", "&") + "jsonl")
    found = [
        json.loads(line)["sequence"] for line in b"".join(lines.streaming_content).splitlines()
    ]
    assert found == [4, 5, 6]
