"""CSV for spreadsheets: what a program such as Excel opens without running or losing anything.

It alters values, which CSV for machines never does: a text that would be run as a formula is
prefixed, and one that has no room in a cell is cut. It is to be looked at, not to be verified.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

BOM = b"\xef\xbb\xbf"
"""By this, spreadsheets know that the text is UTF-8."""

MAX_CELL = 32_767
"""Characters of a cell, in units of UTF-16, as Excel counts."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet runs, or trims down to what it runs."""


def cell(value: object) -> object:
    """A text that is shown as it is; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    if value.startswith(FORMULA):
        value = f"'{value}"
    return value if _units(value) <= MAX_CELL else _cut(value)


def rows(lines: Iterable[Iterable[object]]) -> bytes:
    """Rows of cells, as RFC 4180 writes them."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in line] for line in lines)
    return text.getvalue().encode()


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2 if 2 * len(text) > MAX_CELL else len(text)


def _cut(text: str) -> str:
    mark = f" … cut: {len(text):,} characters"
    room = MAX_CELL - len(mark)
    return text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore") + mark
