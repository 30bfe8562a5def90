"""The authority clock stepping back is noted, never a finding: timestamps order nothing (AC3)."""

from __future__ import annotations

from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run


def test_a_step_back_is_noted_wherever_the_range_begins(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper(
        "UPDATE events SET authority_timestamp = authority_timestamp - interval '1 hour'"
        " WHERE sequence = 6"
    )
    for start in ("1", "5", "6"):
        ran = run("verify_ledger", "--json", "--start", start)
        assert ran.json["backward_steps"] == 1, start
    assert run("verify_ledger", "--json", "--start", "7").json["backward_steps"] == 0
