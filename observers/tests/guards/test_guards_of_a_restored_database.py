"""A check that PostgreSQL words otherwise after a restore is the same; one that differs is not."""

from __future__ import annotations

import pytest

from observers.guards.comparison import Expectations, compare, flattened

NESTED = r"CHECK ((((n >= 1) AND (n <= 200)) AND (t !~ '[\x01)(-\x1f]'::text)))"
FLAT = r"CHECK (((n >= 1) AND (n <= 200) AND (t !~ '[\x01)(-\x1f]'::text)))"


def deviates(expected: str, found: str) -> bool:
    facts = {("constraint", "events.a"): expected, ("role", "observer"): "nothing special"}
    rows = [("constraint", "events.a", found, True), ("role", "observer", "nothing special", False)]
    return bool(compare(Expectations(18, facts), rows, 18))


def test_nested_conjunctions_are_one() -> None:
    assert flattened(NESTED) == FLAT
    assert flattened(FLAT) == FLAT
    assert not deviates(NESTED, FLAT)


@pytest.mark.parametrize(
    "other",
    [
        FLAT.replace("<= 200", "<= 2000"),
        FLAT.replace("(n <= 200) AND ", ""),
        FLAT.replace(") AND (t", ") OR (t"),
        "CHECK ((((n >= 1) AND (n <= 200)) OR (t !~ 'x'::text)))",
        FLAT + ")",
    ],
)
def test_a_different_constraint_deviates(other: str) -> None:
    assert deviates(NESTED, other)


def test_nothing_but_a_conjunction_in_a_conjunction_is_opened() -> None:
    for check in (
        "CHECK ((((a) AND (b)) OR (c)))",
        "CHECK ((((a) OR (b)) AND (c)))",
        "CHECK ((NOT ((a) AND (b))))",
        "CHECK ((a = ') AND ('::text))",
        "CHECK ((f((a), (b)) AND (c)))",
        "CHECK ((a) AND (b)",
    ):
        assert flattened(check) == check
