"""The drift page: figures by agent, warnings in pages, magnitudes in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events.composition import writer
from events.tests.ledger import Ledger, submission
from observers.pages.magnitudes import distance, duration
from observers.tests.pages import Reader, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def write_off(count: int, offset: timedelta, agent_id: str = "agent-7") -> None:
    """Events of a clock that is off."""
    batch = [
        submission(agent_id=agent_id, local_timestamp=datetime.now(UTC) + offset, number=n)
        for n in range(count)
    ]
    writer().write_events(batch)


def test_says_what_was_looked_at_when_no_clock_drifts(reader: Reader) -> None:
    reader.ledger.write(3)
    assert "No warning in sequences 1 to 3: every clock was within 5 s." in reader.text("/drift/")


def test_figures_by_agent(reader: Reader) -> None:
    write_off(3, timedelta(hours=1))
    write_off(2, timedelta(days=-800), "agent-8")
    agents = reader.get("/drift/").context["agents"]
    assert [(a.agent_id, a.warnings, a.ahead) for a in agents] == [
        ("agent-8", 2, 0),
        ("agent-7", 3, 3),
    ]
    assert "2 years" in reader.text("/drift/")


def test_filters_by_agent_and_by_size(reader: Reader) -> None:
    write_off(1, timedelta(minutes=1))
    write_off(1, timedelta(days=1))
    write_off(1, timedelta(days=1), "agent-8")

    def sequences(query: str) -> list[int]:
        return [w.sequence for w in reader.get(f"/drift/?{query}").context["warnings"]]

    assert sequences("") == [3, 2, 1]
    assert sequences("agent_id=agent-8") == [3]
    assert sequences("min_seconds=3600") == [3, 2]
    assert sequences("agent_id=agent-7&min_seconds=3600.5") == [2]
    assert sequences("min_seconds=99999999") == []


@pytest.mark.parametrize("query", ["min_seconds=x", "min_seconds=-1", "after=-1", "before=1.5"])
def test_a_wrong_address_is_explained(reader: Reader, query: str) -> None:
    assert 'class="field-error"' in reader.text(f"/drift/?{query}", status=400)


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_pages_meet_every_warning_once(reader: Reader, direction: str) -> None:
    write_off(120, timedelta(hours=1))
    address = "/drift/" if direction == "older" else "/drift/?after=0"
    seen: list[int] = []
    while address:
        context = reader.get(address).context
        page = [warning.sequence for warning in context["warnings"]]
        seen = seen + page if direction == "older" else page + seen
        onward = context[direction]
        address = f"/drift/{onward}" if onward else ""
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ("0.0005", "0 s"),
        ("0.25", "0.25 s"),
        ("7", "7 s"),
        ("59.9994", "59.999 s"),
        ("60", "1 min"),
        ("312.4", "5 min 12 s"),
        ("11520", "3 h 12 min"),
        ("86400", "1 day"),
        ("1036800", "12 days"),
        ("37000000", "14 months"),
        ("1795350289.829", "56 years"),
    ],
)
def test_durations_in_words(seconds: str, words: str) -> None:
    assert duration(Decimal(seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "just now"),
        (20, "20 s ago"),
        (200, "3 min ago"),
        (-7300, "in 2 h"),
        (90000, "1 day ago"),
    ],
)
def test_distances_in_words(seconds: int, words: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert distance(now - timedelta(seconds=seconds), now) == words
