"""Check 2, the forms of an event's members: one table of good and bad values, which the full
checks, the quick way and the documented verifier judge alike; the browser has its own test."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.format.canonical import canonicalize
from events.format.event import FIELDS, Event
from observers.tests.support.vector_events import (
    COMPUTED,
    FORMS,
    keyring_for,
    published,
    signed_event,
)
from observers.tests.verification.test_documented_verifier import documented_program
from observers.verification.checks import Check, check_event, passes_fast
from observers.verification.export_file import ExportFileError, event_from_json
from observers.verification.forms import is_name


def names(vector: dict[str, Any]) -> str:
    return f"{vector['member']}: {vector['why']}"


def as_stored(fields: dict[str, Any]) -> Event:
    """The event as the database would give it out: any column may be NULL."""
    payload = canonicalize(fields["payload"]).decode()
    return Event(**fields | {"payload": payload})


def row_of(subject: Event) -> tuple[Any, ...]:
    return tuple(getattr(subject, name) for name in FIELDS)


def is_of_its_column(vector: dict[str, Any]) -> bool:
    """Tells whether a column of the table could hold the value."""
    return vector["value"] is None or type(vector["value"]) is type(published()[vector["member"]])


def test_the_full_checks_judge_every_form() -> None:
    for vector in FORMS:
        fields = signed_event(**{vector["member"]: vector["value"]})
        try:
            subject = event_from_json(fields)
        except ExportFileError:
            assert not vector["good"], names(vector)
            continue
        found = {finding.check for finding in check_event(subject, keyring_for(fields))}
        assert (Check.FORMAT not in found) == vector["good"], names(vector)
        if vector["good"] and vector["member"] not in COMPUTED:
            assert found == set(), names(vector)
        unsigned = check_event(subject, keyring_for(fields), signatures=False)
        assert (Check.FORMAT in {f.check for f in unsigned}) != vector["good"], names(vector)


@pytest.mark.parametrize("signatures", [True, False])
def test_the_quick_way_says_yes_to_what_passes_and_to_nothing_else(signatures: bool) -> None:
    for vector in filter(is_of_its_column, FORMS):
        fields = signed_event(**{vector["member"]: vector["value"]})
        subject, keys = as_stored(fields), keyring_for(fields)
        found = [*check_event(subject, keys, signatures=signatures)]
        assert passes_fast(row_of(subject), keys, signatures=signatures) == (not found), names(
            vector
        )


def test_the_documented_verifier_judges_every_form(tmp_path: Path) -> None:
    program: dict[str, Any] = {"__name__": "verifier"}
    exec(documented_program(), program)  # noqa: S102 - the page's own program
    ledger = tmp_path / "ledger.jsonl"
    for vector in FORMS:
        fields = signed_event(**{vector["member"]: vector["value"]})
        ledger.write_text(json.dumps(fields) + "\n", encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = program["main"](str(ledger))
        assert ("format" not in said.getvalue()) == vector["good"], names(vector)
        assert code == 1 or vector["good"], names(vector)


def test_printable_is_what_python_calls_so_whatever_its_version() -> None:
    """Skips code points unassigned here, which may be characters there."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) != "Cn":
            expected = character.isprintable()
            assert is_name.__wrapped__(f"a{character}") == expected, hex(code)


VALUES = [vector["value"] for vector in FORMS if is_of_its_column(vector)]
ANY_TEXT = st.sampled_from(VALUES) | st.text(max_size=8)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An event with one to three members changed at a place, or replaced by what another may be."""
    base = published()
    changes: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True)):
        value = base[name]
        if name == "payload":
            changes[name] = draw(st.integers(-(2**63), 2**64 - 1))
        elif isinstance(value, int):
            changes[name] = draw(st.none() | st.integers(-(2**63), 2**63 - 1))
        elif draw(st.booleans()):
            at = draw(st.integers(0, len(value)))
            end = at + draw(st.integers(0, 2))
            changes[name] = value[:at] + draw(st.text(max_size=2)) + value[end:]
        else:
            replaced = draw(ANY_TEXT)
            changes[name] = replaced if replaced is None else str(replaced)
    return signed_event(**changes) if draw(st.booleans()) else base | changes


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.booleans())
def test_the_quick_way_never_says_yes_where_the_checks_find_something(
    fields: dict[str, Any], signatures: bool
) -> None:
    subject, keys = as_stored(fields), keyring_for(fields)
    found = [*check_event(subject, keys, signatures=signatures)]
    assert passes_fast(row_of(subject), keys, signatures=signatures) <= (not found)
