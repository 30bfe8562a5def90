"""Validation of submissions: every wrong field is named, all at once, before any lock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import FieldError, InvalidSubmissionError
from events.submission import MAX_EXPANSION, MAX_PAYLOAD_BYTES, Submission, validate
from events.tests.support.json_values import ANY_JSON, TEXTS

ID = "0191d7a0-0000-7000-8000-00000000000a"
NOON = "2026-01-06T12:00:00Z"


def document(**changes: Any) -> dict[str, Any]:
    return {"event_type": "vote.cast", "payload": {"a": 1}, "local_timestamp": NOON, **changes}


def errors(value: Any, *, agent_id: str | None = "agent-7", index: int | None = None) -> Any:
    with pytest.raises(InvalidSubmissionError) as refusal:
        validate(value, agent_id=agent_id, index=index)
    return refusal.value.errors


def test_a_valid_submission() -> None:
    assert validate(document(event_id=ID.upper()), agent_id="agent-7") == Submission(
        event_type="vote.cast",
        canonical_payload=b'{"a":1}',
        agent_id="agent-7",
        local_timestamp=datetime(2026, 1, 6, 12, tzinfo=UTC),
        event_id=ID,
    )


@pytest.mark.parametrize("payload", [None, True, 0, "", [], {}, "text", [1, {"a": None}]], ids=repr)
def test_a_payload_is_any_json_value(payload: Any) -> None:
    assert validate(document(payload=payload), agent_id="agent-7").canonical_payload


@pytest.mark.parametrize("missing", [None, ...], ids=["null", "left out"])
def test_an_event_id_is_optional(missing: Any) -> None:
    given_ = document() if missing is ... else document(event_id=missing)
    assert validate(given_, agent_id="agent-7").event_id is None


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "type: empty": ({"event_type": ""}, "/event_type", "must have 1 to 200 characters, not 0"),
    "type: long": ({"event_type": "t" * 201}, "/event_type", "must have 1 to 200 characters, not"),
    "type: null": ({"event_type": None}, "/event_type", "must be a string"),
    "type: a number": ({"event_type": 1}, "/event_type", "must be a string"),
    "type: a tab": ({"event_type": "a\tb"}, "/event_type", "must be printable characters only"),
    "type: U+0000": ({"event_type": "a\0"}, "/event_type", "must be printable characters only"),
    "type: a direction mark": ({"event_type": "a\u202eb"}, "/event_type", "must be printable"),
    "type: a lone surrogate": ({"event_type": "\ud800"}, "/event_type", "must be printable"),
    "type: of the system": (
        {"event_type": "system.halted"},
        "/event_type",
        "the type 'system.halted' is reserved",
    ),
    "type: a ceremony": (
        {"event_type": "ceremony.sequence_skip"},
        "/event_type",
        "types that start with 'ceremony.' are reserved",
    ),
    "type: blank": ({"event_type": " "}, "/event_type", "must not begin or end with a space"),
    "type: a blank in front": ({"event_type": " a"}, "/event_type", "must not begin or end with"),
    "type: a filler": ({"event_type": "a\u3164"}, "/event_type", "must be printable"),
    "type: like the system's": (
        {"event_type": "syst\u0435m.halted"},
        "/event_type",
        "types that look like 'system.' are reserved",
    ),
    "type: the system's in capitals": (
        {"event_type": "System.halted"},
        "/event_type",
        "types that look like 'system.halted' are reserved",
    ),
    "type: no ASCII behind the system's beginning": (
        {"event_type": "system.h\u0430lted"},
        "/event_type",
        "a type that starts with 'system.' must be ASCII",
    ),
    "payload: U+0000": ({"payload": {"a": ["\0"]}}, "/payload/a/0", "U+0000 cannot be stored"),
    "payload: a lone surrogate": ({"payload": "\ud800"}, "/payload", "lone surrogate U+D800"),
    "time: no offset": (
        {"local_timestamp": "2026-01-06T12:00:00"},
        "/local_timestamp",
        "the offset is missing",
    ),
    "time: a number": ({"local_timestamp": 1767700800}, "/local_timestamp", "must be a string"),
    "time: null": ({"local_timestamp": None}, "/local_timestamp", "must be a string"),
    "time: no such day": (
        {"local_timestamp": "2026-02-30T12:00:00Z"},
        "/local_timestamp",
        "no such time",
    ),
    "id: no UUID": ({"event_id": "42"}, "/event_id", "must be a UUID such as"),
    "id: in braces": ({"event_id": f"{{{ID}}}"}, "/event_id", "must be a UUID such as"),
    "id: without dashes": ({"event_id": ID.replace("-", "")}, "/event_id", "must be a UUID"),
    "id: a number": ({"event_id": 7}, "/event_id", "must be a UUID such as"),
    "an unknown field": ({"agent_id": "agent-8"}, "/agent_id", "unknown field; an event has"),
    "a field to escape": ({"a/b~": 1}, "/a~1b~0", "unknown field; an event has"),
    "a field that is not printable": ({"a\n": 1}, "/a\ufffd", "unknown field; an event has"),
}


@pytest.mark.parametrize(("changes", "pointer", "detail"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(changes: dict[str, Any], pointer: str, detail: str) -> None:
    (error,) = errors(document(**changes))
    assert (error.pointer, error.index) == (pointer, None)
    assert error.detail.startswith(detail)


@pytest.mark.parametrize("field", ["event_type", "payload", "local_timestamp"])
def test_required_fields(field: str) -> None:
    given_ = document()
    del given_[field]
    (error,) = errors(given_)
    assert error.pointer == f"/{field}"
    assert error.detail.startswith("is required")


@pytest.mark.parametrize("value", [None, [], "text", 1, True], ids=repr)
def test_an_event_is_an_object(value: Any) -> None:
    (error,) = errors(value, index=3)
    assert (error.pointer, error.index) == ("", 3)
    assert error.detail.startswith("an event is a JSON object, not ")


def test_all_errors_are_reported_at_once() -> None:
    wrong = {"event_type": "", "payload": {"x": "\0"}, "event_id": "?", "more": 1}
    found = errors(wrong, index=7)
    assert [e.pointer for e in found] == [
        "/more",
        "/event_type",
        "/payload/x",
        "/local_timestamp",
        "/event_id",
    ]
    assert {e.index for e in found} == {7}
    with pytest.raises(InvalidSubmissionError, match=r"^event 7, /more: unknown .*\(and 4 more\)$"):
        validate(wrong, agent_id="agent-7", index=7)


def test_ceremonies_are_the_systems() -> None:
    ceremony = document(event_type="ceremony.sequence_skip")
    assert validate(ceremony, agent_id=None).event_type == "ceremony.sequence_skip"


def test_a_payload_has_at_most_a_mebibyte_in_canonical_form() -> None:
    largest = "x" * (MAX_PAYLOAD_BYTES - 2)
    text = validate(document(payload=largest), agent_id="agent-7").canonical_payload
    assert len(text) == MAX_PAYLOAD_BYTES
    (error,) = errors(document(payload=largest + "x"))
    assert error == FieldError(
        "/payload", "has 1,048,577 bytes in canonical form; at most 1,048,576"
    )


def test_the_size_is_counted_in_bytes() -> None:
    (error,) = errors(document(payload="é" * (MAX_PAYLOAD_BYTES // 2)))
    assert error.detail.startswith("has 1,048,578 bytes")


def test_a_small_payload_must_not_become_a_large_row() -> None:
    (error,) = errors(document(payload=[1e308] * (MAX_EXPANSION // 308 + 1)))
    assert error.detail.startswith("has exponents that the database would write out")
    validate(document(payload=[1e308] * (MAX_EXPANSION // 308)), agent_id="agent-7")


def test_an_error_as_an_entry_of_a_problem_detail() -> None:
    assert FieldError("/payload", "is required").as_dict() == {
        "pointer": "/payload",
        "detail": "is required",
    }
    assert FieldError("/payload", "is required", 2).as_dict()["index"] == 2


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["event_type", "payload", "local_timestamp", "event_id"]) | TEXTS,
        ANY_JSON | st.just(NOON) | st.just(ID) | st.just("vote.cast"),
    )
)
def test_any_object_is_taken_or_refused_by_name(value: dict[str, Any]) -> None:
    try:
        taken = validate(value, agent_id="agent-7")
    except InvalidSubmissionError as refusal:
        found = refusal
    else:
        assert isinstance(taken.canonical_payload, bytes)
        return
    assert found.errors
    assert all(error.pointer.startswith("/") and error.detail for error in found.errors)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_accepted_names_can_be_stored(name: str) -> None:
    """The database's checks accept every text that Python calls printable."""
    try:
        taken = validate(document(event_type=name), agent_id=None).event_type
    except InvalidSubmissionError:
        return
    assert 1 <= len(taken) <= 200
    assert not any(ord(c) < 0x20 or ord(c) == 0x7F for c in taken)
    taken.encode()
