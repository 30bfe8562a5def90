"""Events by minute and by hour, found by halving the record of appends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events.store.status import Mark, marks_before
from events.tests.support.ledger import OPENING, Ledger
from observers.pages.overview import HEIGHT, LOWEST, WIDTH, draw_bars, read_activity
from observers.tests.support.pages import Reader, sign_in

NOW = datetime.now(UTC)


def write_spread(ledger: Ledger, *ages: timedelta) -> None:
    """One event for each age, the oldest first, after an opening a month ago; a superuser turns the
    clock back."""
    ledger.write(len(ages))
    with ledger.tampering() as superuser:
        for number, age in enumerate([timedelta(days=30)] * OPENING + [*ages], 1):
            for table, column in (("events", "sequence"), ("appends", "last_sequence")):
                superuser.execute(
                    f"UPDATE {table} SET authority_timestamp = %s WHERE {column} = %s",
                    [NOW - age, number],
                )


def test_finds_the_last_append_before_each_moment(ledger: Ledger) -> None:
    hours = [9, 7, 7, 4, 2, 1]
    write_spread(ledger, *(timedelta(hours=hour) for hour in hours))
    moments = [NOW - timedelta(hours=hour) for hour in (1000, 10, 9, 8, 7, 5, 3, 1, 0)]
    counts = [0, 3, 3, 4, 4, 6, 7, 8, 9]
    assert marks_before("default", moments) == [Mark(count, count) for count in counts]


def test_an_empty_ledger_has_no_append_before_anything(unopened: Ledger) -> None:
    assert marks_before("default", [NOW]) == [Mark(0, 0)]


def test_counts_by_minute_and_by_hour(ledger: Ledger) -> None:
    ages = [timedelta(hours=30), timedelta(hours=5), timedelta(hours=5), timedelta(0)]
    write_spread(ledger, *ages)
    activity = read_activity("default")
    assert activity.hours.total == 3
    assert activity.hours.highest == 2
    assert activity.minutes.total == 1
    assert (activity.after, activity.cut) == (4, False)
    assert [(each.agent_id, each.events) for each in activity.agents] == [("agent-7", 3)]


def test_the_busiest_agents_come_first_the_system_too(ledger: Ledger) -> None:
    for agent, count in (("agent-7", 1), ("agent-8", 6), (None, 2)):
        ledger.write(count, agent_id=agent)
    agents = read_activity("default").agents
    assert [(each.agent_id, each.events) for each in agents] == [
        ("agent-8", 6),
        (None, 5),
        ("agent-7", 1),
    ]


def test_one_event_among_a_million_can_be_seen() -> None:
    moments = [NOW + timedelta(minutes=number) for number in range(4)]
    bars = draw_bars(moments, [1, 0, 1_000_000]).bars
    assert [bar.height for bar in bars] == [LOWEST, 0, HEIGHT]
    assert bars[-1].slot_x + bars[-1].slot_width == WIDTH


def test_a_bar_leads_to_its_events(ledger: Ledger) -> None:
    write_spread(ledger, timedelta(0), timedelta(0))
    reader = Reader(ledger, sign_in())
    activity = reader.get("/").context["activity"]
    bar = activity.minutes.busy[0]
    begins = f"authority_from={bar.begins:%Y-%m-%dT%H:%M:%S}"
    assert begins in reader.text("/")
    assert bar.count == 2
    listed = reader.lines(f"/events/?{begins}&authority_to={bar.ends:%Y-%m-%dT%H:%M:%S}")
    assert listed == [5, 4]
