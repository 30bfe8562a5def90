"""The record of appends, whose last row is the head. It must never touch an event."""

from __future__ import annotations

from observers.tests.corpus.case import END, WATCHED, Case, at, chain, statement

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
]
