"""One event: its clocks, checks, chain, keys and exact payload; and numbers that are not there."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest

from events.append.services import writer
from events.format.event import FIELDS
from events.registrar import registrar
from events.tests.support.ceremonies import document_gap
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_shows_every_field(reader: Reader) -> None:
    event = reader.ledger.write(1)[0]
    page = html.unescape(reader.text("/events/4/"))
    for name in FIELDS:
        if name != "payload":
            assert name in page
            assert str(getattr(event, name)) in page


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"keywords": -9223372036854775808}, "-9223372036854775808"),
        ({"n": 18446744073709551615}, "18446744073709551615"),
        ({"n": 1e21}, "1e+21"),
        ({"n": 0.1}, "0.1"),
        ({"s": "Łódź 🔒"}, '"Łódź 🔒"'),
        ("only a text", '"only a text"'),
    ],
)
def test_shows_the_payload_exactly(reader: Reader, payload: object, shown: str) -> None:
    event = writer().write_event(submission(payload)).event
    page = reader.text("/events/4/")
    raw = re.search(r'<pre class="json raw"[^>]*>(.*?)</pre>', page, re.DOTALL)
    tree = re.search(r'<ul class="tree" id="tree">(.*?)</section>', page, re.DOTALL)
    assert raw is not None
    assert tree is not None
    assert html.unescape(raw[1]).encode() == event.canonical_payload
    assert shown in html.unescape(re.sub("<[^>]+>", "", tree[1]))


def test_a_payload_cannot_turn_the_writing_direction(reader: Reader) -> None:
    writer().write_event(submission({"file": "\u202egnp.exe"}))
    assert "\\u202egnp.exe" in reader.text("/events/4/")


def test_a_sound_event_passes_every_check(reader: Reader) -> None:
    reader.ledger.write(3)
    verdicts = reader.get("/events/5/").context["verdicts"]
    assert len(verdicts) == 13
    assert all(verdict.passed for verdict in verdicts)


def test_a_changed_payload_fails_its_check_and_no_other(reader: Reader) -> None:
    reader.ledger.write(3)
    reader.ledger.tamper("UPDATE events SET payload = '{\"number\": 7}' WHERE sequence = 5")
    response = reader.get("/events/5/")
    failed = [v.check.value for v in response.context["verdicts"] if v.failures]
    assert failed == ["payload_hash"]
    assert "1 check failed: payload_hash" in response.content.decode()


def test_links_to_its_neighbours(reader: Reader) -> None:
    reader.ledger.write(3)
    context = reader.get("/events/5/").context
    assert (context["previous"].sequence, context["previous"].holds) == (4, True)
    assert (context["next"].sequence, context["next"].holds) == (6, True)
    assert reader.get("/events/1/").context["previous"] is None
    assert reader.get("/events/6/").context["next"] is None


def test_a_missing_previous_or_next_event_is_reported(reader: Reader) -> None:
    reader.ledger.write(4)
    remove(reader.ledger, 5)
    response = reader.get("/events/6/")
    assert response.context["previous"].event is None
    assert "is missing" in response.content.decode()
    link = next(v for v in response.context["verdicts"] if v.check.value == "prev_hash")
    assert not link.made


def test_a_missing_neighbour_fails_the_check_of_the_sequence(reader: Reader) -> None:
    reader.ledger.write(4)
    remove(reader.ledger, 5)
    gap = reader.get("/events/6/").context["verdicts"][0]
    assert gap.check.value == "gap"
    assert gap.failures == ("sequence 5, just before it, is missing and no ceremony explains it",)


def test_a_neighbour_whose_absence_is_explained_fails_nothing(reader: Reader) -> None:
    reader.ledger.write(3)
    remove(reader.ledger, 5)
    explained_by = document_gap(reader.ledger, 5, 5).sequence
    response = reader.get("/events/6/")
    gap = response.context["verdicts"][0]
    assert gap.passed
    assert gap.note == f"The gap before this event is explained by event {explained_by}."
    assert [verdict for verdict in response.context["verdicts"] if verdict.failures] == []


def test_every_reader_may_check_in_the_browser(ledger: Ledger) -> None:
    ledger.write(1)
    page = Reader(ledger, sign_in(staff=False)).text("/events/4/")
    assert "verify-button" in page
    assert "verify/page.js" in page


def test_names_the_key_that_was_valid_then(reader: Reader) -> None:
    old = reader.ledger.write(1)[0]
    registrar().rotate_key("agent-7")
    new = reader.ledger.write(1)[0]
    assert old.signing_key_id != new.signing_key_id
    key = reader.get("/events/4/").context["key"]
    assert (key.key_id, key.validity.until_sequence) == (old.signing_key_id, 5)
    key = reader.get("/events/6/").context["key"]
    assert (key.key_id, key.validity.from_sequence) == (new.signing_key_id, 6)


def test_says_whether_server_or_writer_signed_it(reader: Reader) -> None:
    reader.ledger.write(1)
    assert "server-signed: by the portal, with a key that it holds" in reader.text("/events/4/")
    assert "server-signed: by the portal, for itself" in reader.text("/events/1/")
    reader.ledger.tamper("UPDATE events SET sig_alg_version = 2 WHERE sequence = 4")
    page = reader.text("/events/4/")
    assert "writer-signed: by the writer itself" in page
    assert "it signs by version 1, and the event says version 2" in page


def test_names_a_key_that_the_chain_does_not_register(reader: Reader) -> None:
    reader.ledger.write(1)
    reader.ledger.tamper("UPDATE agent_keys SET from_sequence = 2 WHERE agent_id = 'agent-7'")
    page = reader.text("/events/4/")
    assert "1 check failed: key_history" in page
    assert "is valid from 2 on, and event 1 does not register it" in page


def test_a_clock_stuck_in_1970_is_shown_in_words_and_exactly(reader: Reader) -> None:
    stuck = datetime(1970, 1, 1, tzinfo=UTC)
    event = writer().write_event(submission(local_timestamp=stuck)).event
    page = reader.text("/events/4/")
    years = (event.authority_time - stuck).days // 365.2425
    assert f"{int(years)} years behind" in page
    assert f"{event.drift.seconds:,.3f} s" in page


def test_a_missing_number_shows_its_gap(reader: Reader) -> None:
    reader.ledger.write(6)
    remove(reader.ledger, 6, 7)
    response = reader.get("/events/7/", status=404)
    placed = response.context["placed"]
    assert (placed.known.gap.start, placed.known.gap.end) == (6, 7)
    assert (placed.before, placed.after) == (5, 8)
    assert "Nothing explains it." in response.content.decode()


def test_a_number_cut_from_the_end_is_a_gap(reader: Reader) -> None:
    reader.ledger.write(4)
    remove(reader.ledger, 6, 7)
    placed = reader.get("/events/7/", status=404).context["placed"]
    assert (placed.known.gap.start, placed.known.gap.end, placed.after) == (6, 7, None)


@pytest.mark.parametrize("sequence", [6, 10**12, 2**63 - 1, 2**63, 10**40])
def test_a_number_beyond_the_head_is_not_missing(reader: Reader, sequence: int) -> None:
    reader.ledger.write(2)
    page = reader.text(f"/events/{sequence}/", status=404)
    assert "beyond the head" in page
    assert "Nothing is missing here" in page


def test_zero_is_before_the_beginning(reader: Reader) -> None:
    assert "The sequence begins at 1." in reader.text("/events/0/", status=404)


def test_finds_by_sequence_and_by_id(reader: Reader) -> None:
    event = reader.ledger.write(2)[1]
    assert reader.get("/events/find?q=+5+", status=302)["Location"] == "/events/5/"
    found = reader.client.get(f"/events/find?q={event.event_id.upper()}", follow=True)
    assert found.redirect_chain[-1][0] == "/events/5/"
    assert "neither a sequence number" in reader.text("/events/find?q=<b>", status=404)
    nowhere = "/events/by-id/0191d7a0-0000-7000-8000-000000000001/"
    assert "No event in the ledger has the id" in reader.text(nowhere, status=404)
