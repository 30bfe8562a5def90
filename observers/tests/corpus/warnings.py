"""Warnings of clock drift that say something else than the events: they stand beside the chain."""

from __future__ import annotations

from datetime import UTC, datetime

from events.append.services import writer
from events.format.event import Event
from events.registrar import registrar
from events.tests.support.ledger import Ledger, submission
from observers.tests.corpus.case import WATCHED, Case, at, chain, statement
from observers.tests.corpus.decided import decide

FORGED = (
    "INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp,"
    " drift_seconds) SELECT event_id, local_timestamp - interval '1 hour', authority_timestamp,"
    " 3600 FROM events WHERE sequence = 6"
)
NOBODYS = "0191d7a0-0000-7000-8000-00000000000f"
ALL_DELETED = statement("DELETE FROM drifted_events", "DELETE FROM clock_drift_warnings")


def drifted(ledger: Ledger) -> list[Event]:
    """Event 4 is of 1970, and warned about; three others are not."""
    late = submission(local_timestamp=datetime(1970, 1, 1, tzinfo=UTC))
    return [writer().write_event(late).event, *ledger.write(3)]


def drifted_before_the_operators_change(ledger: Ledger) -> list[Event]:
    events = drifted(ledger)
    registrar().set_threshold("60")
    return events


def drifted_after_a_decision(ledger: Ledger) -> list[Event]:
    """Three people, a threshold of a minute, then an event of 1970."""
    decide("drift_threshold", {"seconds": "60"})
    return drifted(ledger)


def found(name: str, who: str, *statements: str, sequence: int = 4) -> Case:
    return Case(
        name,
        who,
        statement(*statements),
        at(sequence, "records"),
        chain(f"{sequence}-{sequence}", "records"),
        banner=(WATCHED,),
        event=(sequence, ("records",)),
        healthy=drifted,
    )


def about_nothing(name: str, who: str, place: str, *statements: str, sequence: int = 0) -> Case:
    return Case(
        name,
        who,
        statement(*statements),
        at(sequence, "records"),
        (f"stray {place}",),
        banner=(WATCHED,),
    )


CASES = [
    about_nothing(
        "a warning about an event that is not there",
        "A superuser, in replication mode, inserts a warning about an event that nobody wrote.",
        f"warning/{NOBODYS}",
        "SET session_replication_role = replica",
        "INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp,"
        f" drift_seconds) VALUES ('{NOBODYS}', '2020-01-01Z', '2026-01-01Z', 9999)",
        "RESET session_replication_role",
    ),
    about_nothing(
        "a number to come put into the list of drifted events",
        "A superuser puts a number that no event has had yet into that list.",
        "drifted/5000000",
        "INSERT INTO drifted_events VALUES (5000000, 'agent-7')",
        sequence=5000000,
    ),
    found(
        "drift warnings deleted",
        "A superuser deletes warnings of clock drift, and the list of drifted events.",
        "DELETE FROM drifted_events",
        "DELETE FROM clock_drift_warnings",
    ),
    found(
        "a drift made smaller in its warning",
        "A superuser changes the seconds that a warning says.",
        "UPDATE clock_drift_warnings SET drift_seconds = 6",
    ),
    found(
        "a time changed in its warning",
        "A superuser changes the writer's time in a warning.",
        "UPDATE clock_drift_warnings SET local_timestamp = authority_timestamp - interval '6 s'",
    ),
    found(
        "a second warning",
        "A superuser inserts a second warning about an event that has one.",
        "INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp,"
        " drift_seconds) SELECT event_id, local_timestamp, authority_timestamp, drift_seconds"
        " FROM clock_drift_warnings",
    ),
    Case(
        "a drift warning deleted and not the list",
        "A superuser deletes a warning of clock drift alone.",
        statement("DELETE FROM clock_drift_warnings"),
        at(4, "records", "records"),
        chain("4-4", "records"),
        banner=(WATCHED,),
        event=(4, ("records",)),
        healthy=drifted,
    ),
    Case(
        "a warning forged against an honest event",
        "A superuser inserts a warning about an event whose clocks agree.",
        statement(FORGED, "INSERT INTO drifted_events VALUES (6, 'agent-7')"),
        at(6, "records", "records"),
        chain("6-6", "records"),
        banner=(WATCHED,),
        event=(6, ("records",)),
        healthy=drifted,
    ),
    found(
        "taken from the list of drifted events",
        "A superuser deletes an event from the list by which drifted events are searched.",
        "DELETE FROM drifted_events",
    ),
    found(
        "put into the list of drifted events",
        "A superuser puts an event whose clocks agree into that list.",
        "INSERT INTO drifted_events VALUES (5, 'agent-7')",
        sequence=5,
    ),
    found(
        "a drifted event listed as another agent's",
        "A superuser changes the agent in that list.",
        "UPDATE drifted_events SET agent_id = 'agent-8'",
    ),
    Case(
        "drift warnings deleted after people decided the threshold",
        "A superuser deletes warnings of events that came after a ceremony set the threshold.",
        ALL_DELETED,
        at(8, "records"),
        chain("8-8", "records"),
        banner=(WATCHED,),
        event=(8, ("records",)),
        healthy=drifted_after_a_decision,
    ),
    Case(
        "drift warnings deleted from before the operator changed the threshold",
        "A superuser deletes warnings that are older than the last change of the threshold that"
        " an operator made alone.",
        ALL_DELETED,
        at(4, "records"),
        chain("4-4", "records"),
        banner=(WATCHED,),
        event=(4, ("records",)),
        healthy=drifted_before_the_operators_change,
    ),
]
