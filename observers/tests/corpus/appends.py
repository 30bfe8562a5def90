"""Cases: the record of appends, whose last row is the head, changed without touching an event."""

from __future__ import annotations

from observers.tests.corpus.case import END, MISSING, WATCHED, Case, at, chain, statement

CHECKS = {
    "check": "first_sequence BETWEEN 1 AND last_sequence",
    "check1": "event_count BETWEEN 1 AND last_sequence",
}
"""Constraints of the table by the ends of their names."""

CASES = [
    Case(
        "a record edited",
        "A superuser changes the hash that an append recorded.",
        statement("UPDATE appends SET content_hash = repeat('0', 64) WHERE last_sequence = 5"),
        at(5, "head"),
        chain("5-5", "head"),
        banner=(WATCHED,),
        event=(5, ("head",)),
    ),
    Case(
        "the head edited",
        "A superuser changes the hash that the last append recorded.",
        statement("UPDATE appends SET content_hash = repeat('0', 64) WHERE last_sequence = 12"),
        at(12, "head"),
        (*chain("12-12", "head"), "head"),
        recorded=False,
        banner=(END, WATCHED),
        event=(12, ("head",)),
    ),
    Case(
        "its tail deleted",
        "A superuser deletes the last records of appends, to have the events written over.",
        statement("DELETE FROM appends WHERE last_sequence > 10"),
        ((11, "head"), (12, "head")),
        (*chain("11-12", "head"), "head"),
        recorded=False,
        banner=(END, WATCHED),
        event=(11, ("head",)),
    ),
    *(
        Case(
            f"{name} of a record edited",
            f"A superuser changes {what} that an append recorded.",
            statement(f"UPDATE appends SET {change} WHERE last_sequence = 5"),
            at(place, "head"),
            chain(f"{place}-{place}", "head"),
            banner=(WATCHED,),
            event=(place, ("head",)),
        )
        for name, what, change, place in (
            ("time", "the time", "authority_timestamp = '1999-01-01Z'", 5),
            ("first number", "the first number", "first_sequence = 4", 5),
        )
    ),
    Case(
        "count of a record edited",
        "A superuser changes the number of events by then that an append recorded.",
        statement("UPDATE appends SET event_count = 1 WHERE last_sequence = 5"),
        ((5, "head"), (6, "head")),
        chain("5-6", "head"),
        banner=(WATCHED,),
        event=(5, ("head",)),
    ),
    Case(
        "all of the head but its hash edited",
        "A superuser changes count, time and first number of the last append, which is the head.",
        statement(
            "UPDATE appends SET event_count = 5, authority_timestamp = '1999-01-01Z',"
            " first_sequence = 3 WHERE last_sequence = 12"
        ),
        at(12, "head", "head"),
        chain("12-12", "head"),
        banner=(WATCHED,),
        event=(12, ("head",)),
    ),
    Case(
        "deleted in the middle of the record",
        "A superuser deletes records of appends before the last.",
        statement("DELETE FROM appends WHERE last_sequence BETWEEN 5 AND 8"),
        at(5, "head"),
        chain("5-5", "head"),
        banner=(WATCHED,),
        event=(5, ("head",)),
    ),
    Case(
        "an append made up",
        "A superuser lets an append reach back over the ones before it.",
        statement(
            "DELETE FROM appends WHERE last_sequence = 6",
            "INSERT INTO appends SELECT 6, 4, content_hash, authority_timestamp, 6 FROM events"
            " WHERE sequence = 6",
        ),
        at(6, "head"),
        chain("6-6", "head"),
        banner=(WATCHED,),
        event=(6, ("head",)),
    ),
    Case(
        "numbers passed over without a ceremony",
        "A superuser deletes events and lets the record say that their numbers were passed over.",
        statement(
            "DELETE FROM events WHERE sequence BETWEEN 5 AND 7",
            "DELETE FROM appends WHERE last_sequence BETWEEN 5 AND 7",
            "INSERT INTO appends SELECT 7, 5, content_hash, now(), 4 FROM events"
            " WHERE sequence = 4",
            "UPDATE appends SET event_count = event_count - 3 WHERE last_sequence > 7",
        ),
        ((5, "gap"), (5, "head")),
        ("gap 5-7", *chain("5-5", "head")),
        banner=(MISSING, WATCHED),
        event=(5, ("missing",)),
    ),
    Case(
        "an append before the first",
        "A superuser drops constraints, inserts an append that ends below 1, and puts them back.",
        statement(
            *(f"ALTER TABLE appends DROP CONSTRAINT appends_{name}" for name in CHECKS),
            "INSERT INTO appends SELECT -3, -4, content_hash, authority_timestamp, -2 FROM appends"
            " WHERE last_sequence = 5",
            *(
                f"ALTER TABLE appends ADD CONSTRAINT appends_{name} CHECK ({what}) NOT VALID"
                for name, what in CHECKS.items()
            ),
            "UPDATE pg_constraint SET convalidated = true WHERE conrelid = 'appends'::regclass",
        ),
        at(-3, "head"),
        ("stray append/-3",),
        banner=(WATCHED,),
    ),
]
