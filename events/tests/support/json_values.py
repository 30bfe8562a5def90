"""JSON values for property tests, as Hypothesis strategies."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from events.format.canonical import MAX_INTEGER, MIN_INTEGER

INTEROPERABLE = 2**53 - 1
"""Integers up to here are the same in every JSON implementation (RFC 8259 section 6)."""

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
"""Any text that PostgreSQL can store: no U+0000, no lone surrogate."""

KEYS = TEXTS | st.sampled_from(["\U0001f600", "\ufb33", "\ue000", "\uffff", "a", "A", "", "é", "€"])
DOUBLES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [
        1.0,
        -0.0,
        1e20,
        1e21,
        1e22,
        1e-6,
        1e-7,
        5e-324,
        1.7976931348623157e308,
        2.0**63,
        2.0**64,
        -1e19,
    ]
)


def values(integers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """Any JSON value whose integers come from `integers`."""
    leaves = st.none() | st.booleans() | integers | DOUBLES | TEXTS
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(KEYS, inner, max_size=5)
            | st.builds(_nest, inner, st.integers(1, 60))
        ),
        max_leaves=20,
    )


def _nest(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"n": value}
    return value


def _depth(value: Any) -> int:
    if isinstance(value, dict | list):
        children = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, children), default=0)
    return 0


PLAIN_JCS = values(st.integers(-INTEROPERABLE, INTEROPERABLE)).filter(lambda v: _depth(v) <= 128)
"""Values on which RFC 8785 and the ledger's extension of it must agree."""

ANY_JSON = values(st.integers(MIN_INTEGER, MAX_INTEGER)).filter(lambda v: _depth(v) <= 128)
"""Values that the ledger takes."""
