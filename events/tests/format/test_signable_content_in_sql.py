"""The database computes the bytes that Python signs, for every possible name and time: one
differing byte would refuse an append."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.append.services import writer
from events.format import event, names
from events.format.timestamps import format_timestamp
from events.submission import Submission
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission

QUERY = """
SELECT signable_content(%(agent_id)s, %(authority_timestamp)s, %(event_id)s, %(event_type)s,
           %(hash_alg_version)s::smallint, %(local_timestamp)s, %(payload_hash)s, %(prev_hash)s,
           %(sequence)s, %(sig_alg_version)s::smallint, %(signing_key_id)s, %(witness_id)s),
       content_hash_of(%(agent_id)s, %(authority_timestamp)s, %(event_id)s, %(event_type)s,
           %(hash_alg_version)s::smallint, %(local_timestamp)s, %(payload_hash)s, %(prev_hash)s,
           %(sequence)s, %(sig_alg_version)s::smallint, %(signing_key_id)s, %(witness_id)s)
"""

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    str.isprintable
)
TAKEN = NAMES.filter(
    lambda name: not names.wrong_text(name, names.MAX_NAME) and not names.imitated_type(name)
)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(format_timestamp)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
SIGNED = st.fixed_dictionaries(
    {
        "agent_id": st.none() | NAMES,
        "authority_timestamp": MOMENTS,
        "event_id": st.uuids().map(str),
        "event_type": NAMES,
        "hash_alg_version": st.just(1),
        "local_timestamp": MOMENTS,
        "payload_hash": HASHES,
        "prev_hash": HASHES,
        "sequence": st.integers(1, 2**63 - 1),
        "sig_alg_version": st.just(1),
        "signing_key_id": NAMES,
        "witness_id": NAMES,
    }
)
AWKWARD = {
    "agent_id": 'Zoë "x" \\ / 北京 \U0001f600',
    "authority_timestamp": "0001-01-01T00:00:00.000000Z",
    "event_id": "0191d7a0-0000-7000-8000-000000000001",
    "event_type": "</script>'&<>",
    "hash_alg_version": 1,
    "local_timestamp": "9999-12-31T23:59:59.999999Z",
    "payload_hash": "0" * 64,
    "prev_hash": "f" * 64,
    "sequence": 2**63 - 1,
    "sig_alg_version": 1,
    "signing_key_id": "\\u0041",
    "witness_id": "WITNESS:a",
}


def test_the_same_bytes_and_the_same_hash(ledger: Ledger) -> None:
    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(SIGNED)
    @example(AWKWARD)
    def check(signed: dict[str, Any]) -> None:
        signable = event.signable_content(**signed)
        assert connection.execute(QUERY, signed).fetchone() == (
            signable.decode(),
            event.content_hash(signable),
        )

    with ledger.connect() as connection:
        for zone in ("UTC", "Asia/Kathmandu"):  # the session's zone must not matter
            connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
            connection.execute("SELECT set_config('DateStyle', 'German', false)")
            check()


def test_every_name_that_is_taken_can_be_appended(ledger: Ledger) -> None:
    written = []

    @settings(
        max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(TAKEN, st.datetimes(timezones=st.just(UTC)))
    def check(name: str, local: Any) -> None:
        given_: Submission = submission(event_type=name, local_timestamp=local)
        written.append(writer().write_event(given_).event)
        assert written[-1].event_type == name

    check()
    assert_intact(ledger, len(written))
