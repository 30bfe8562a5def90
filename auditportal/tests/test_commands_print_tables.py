"""The tables that commands print: columns stand under each other on a terminal."""

from __future__ import annotations

from decimal import Decimal

from events.management.base import table


def test_numbers_are_right_aligned_in_the_format_asked_for() -> None:
    rows = [("first", 7, Decimal("0.5")), ("second", 12345, Decimal("1.25"))]
    assert table(("agent", "events", "s"), rows, empty="none", numbers=",").splitlines() == [
        "agent   events     s",
        "first        7   0.5",
        "second  12,345  1.25",
    ]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    rows = [("倉庫", "x"), ("e\N{COMBINING ACUTE ACCENT}a", "y"), ("ab", "z")]
    assert table(("who", "what"), rows, empty="none").splitlines() == [
        "who   what",
        "倉庫  x",
        "e\N{COMBINING ACUTE ACCENT}a    y",
        "ab    z",
    ]


def test_an_empty_table_says_so() -> None:
    assert table(("agent",), [], empty="there is no agent") == "there is no agent"
