"""The fast path of verification accepts a row only where the full checks find nothing.

Each case is a published event with something wrong: members replaced before it was signed or after,
another signer, or a key that may not sign it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.format import ed25519, event
from events.format.canonical import canonicalize
from events.format.ceremony_record import REGISTERED
from events.format.event import FIELDS, Event
from events.store.registry import Validity
from observers.tests.support.vector_events import (
    AGENT,
    FORMS,
    LEDGER_ID,
    SIGNED,
    WITNESS,
    published,
    signed_event,
)
from observers.verification.checks import check_event, passes_fast
from observers.verification.keyring import Keyring, TrustedKey

ANYWHERE = Validity("", None, -(2**70), None)
STRANGER = b"\x07" * 32
EXTRAS: dict[str, list[Any]] = {
    "event_type": ["ceremony.sequence_skip", REGISTERED],
    "payload": [{"other": 1}, [], 1e21],
    "agent_id": ["somebody else"],
    "prev_hash": ["f" * 64],
    "content_hash": ["f" * 64],
    "payload_hash": ["f" * 64],
    "payload_salt": ["f" * 64, "F" * 64],
}
STORED = ["", "[1", '{"a":1,"a":2}', '{"a":1.0}', '{"a":1e400}', "null", None]
"""Other values that the payload's column may hold."""


def texts_near(text: str) -> st.SearchStrategy[str]:
    """The text with one character replaced, put in or taken out."""
    other = st.sampled_from(["", "0", "a", "A", " ", "\n", "\0", "\u0660", "=", "\u200b"])
    return st.tuples(st.integers(0, len(text) - 1), other, st.integers(0, 1)).map(
        lambda drawn: text[: drawn[0]] + drawn[1] + text[drawn[0] + drawn[2] :]
    )


def listed(member: str) -> list[Any]:
    """The known good and bad values of a member, of its column's type, and NULL."""
    kind = type(published()[member])
    forms = [form["value"] for form in FORMS if form["member"] == member]
    return [None, *(value for value in forms if type(value) is kind), *EXTRAS.get(member, [])]


def values_of(member: str) -> st.SearchStrategy[Any]:
    """Values that a column of the member's type can hold."""
    good = published()[member]
    chosen = st.sampled_from(listed(member))
    return chosen | texts_near(good) if isinstance(good, str) else chosen


CHANGES = st.one_of(*(st.tuples(st.just(name), values_of(name)) for name in FIELDS))
SIGNERS = st.sampled_from([AGENT, WITNESS, STRANGER])
VALIDITIES = st.sampled_from(
    [Validity("", None, 2, None), Validity("", None, -5, 0), Validity("", None, 1, 1)]
)
Row = tuple[Any, ...]


def row_and_keys(fields: dict[str, Any]) -> tuple[Row, Keyring]:
    """The row as the database returns it, with keys that may sign it anywhere."""
    stored = dict(fields)
    if not isinstance(stored["payload"], str | None):
        stored["payload"] = canonicalize(stored["payload"]).decode()
    version = fields["sig_alg_version"]
    agent = TrustedKey(fields["agent_id"], ed25519.public_key(AGENT), ANYWHERE, version)
    witness = TrustedKey(fields["witness_id"], ed25519.public_key(WITNESS), ANYWHERE)
    keys = Keyring(
        {fields["signing_key_id"]: agent}, {fields["witness_id"]: witness}, ledger_id=LEDGER_ID
    )
    return tuple(stored[name] for name in FIELDS), keys


@st.composite
def changed_before_signing(draw: st.DrawFn) -> tuple[Row, Keyring]:
    return row_and_keys(signed_event(**dict([draw(CHANGES)])))


@st.composite
def changed_after_signing(draw: st.DrawFn) -> tuple[Row, Keyring]:
    stored = st.tuples(st.just("payload"), st.sampled_from(STORED))
    changes = dict(draw(st.lists(CHANGES | stored, max_size=2)))
    changed, keys = row_and_keys(signed_event() | changes)
    return changed, draw(st.sampled_from([keys, row_and_keys(signed_event())[1]]))


@st.composite
def signed_by_others(draw: st.DrawFn) -> tuple[Row, Keyring]:
    fields = signed_event()
    signable = event.signable_content(**{name: fields[name] for name in SIGNED})
    signature = ed25519.sign(draw(SIGNERS), event.agent_message(signable))
    attestation = ed25519.sign(draw(SIGNERS), event.witness_message(signature, signable))
    fields["signature"] = ed25519.encode(signature)
    fields["witness_signature"] = ed25519.encode(attestation)
    return row_and_keys(fields)


@st.composite
def signed_with_wrong_keys(draw: st.DrawFn) -> tuple[Row, Keyring]:
    row, keys = row_and_keys(signed_event())
    kind = draw(st.sampled_from(["agents", "witnesses"]))
    name, key = next(iter(getattr(keys, kind).items()))
    changed = draw(
        st.sampled_from([None, replace(key, owner="other"), replace(key, owner=None)])
        | st.just(replace(key, sig_alg_version=2))
        | st.builds(lambda seed: replace(key, public_key=ed25519.public_key(seed)), SIGNERS)
        | st.builds(lambda validity: replace(key, validity=validity), VALIDITIES)
    )
    held = {} if changed is None else {name: changed}
    return row, (replace(keys, agents=held) if kind == "agents" else replace(keys, witnesses=held))


CASES = (
    changed_before_signing()
    | changed_before_signing()
    | changed_after_signing()
    | signed_by_others()
    | signed_with_wrong_keys()
)


def judge(row: Row, keys: Keyring, *, signatures: bool) -> None:
    """Fails where the fast path accepts a row in which the full checks find something."""
    if passes_fast(row, keys, signatures=signatures):
        assert not list(check_event(Event(*row), keys, signatures=signatures)), row


def test_the_fast_path_accepts_what_nobody_changed() -> None:
    row, keys = row_and_keys(signed_event())
    assert passes_fast(row, keys)
    assert passes_fast(row, keys, signatures=False)


@pytest.mark.parametrize("signatures", [True, False])
def test_the_fast_path_accepts_no_row_that_fails_a_check(signatures: bool) -> None:
    @settings(max_examples=400, deadline=None)
    @given(CASES)
    def of_any_case(case: tuple[Row, Keyring]) -> None:
        judge(*case, signatures=signatures)

    of_any_case()


@pytest.mark.parametrize("signatures", [True, False])
def test_the_fast_path_accepts_no_listed_value_that_fails_a_check(signatures: bool) -> None:
    for member in FIELDS:
        for value in listed(member):
            changed = {member: value}
            judge(*row_and_keys(signed_event(**changed)), signatures=signatures)
            judge(*row_and_keys(signed_event() | changed), signatures=signatures)
