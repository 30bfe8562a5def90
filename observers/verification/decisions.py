"""Check 13 of decisions: compares the table of ceremonies and the halt state with the events.

A recorded ceremony's row must say exactly what its event says, except for votes of people whose key
was retired before it was recorded. Reason and author of a current halt are those of the last halt
in the chain that no ceremony has cleared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from events.format import canonical
from events.format.event import Event
from events.store import ceremonies
from events.store.ceremonies import CeremonyRow, ceremonies_without_event, ceremony_rows
from events.store.ledger import Halt, HaltStateMissingError, PostgresEventStore
from observers.verification.checks import Check, Finding
from observers.verification.keyring import Keyring
from observers.verification.sound_ceremonies import passes
from observers.verification.strays import MOST, Stray

HALTED, CLEARED = "system.halted", "ceremony.clear_halt"
SYSTEM = "the system"


def compare_ceremonies(using: str, events: Sequence[Event], keys: Keyring) -> Iterator[Finding]:
    """Finds differences between the table of ceremonies and these recorded ceremonies. Records that
    fail their own checks are reported there and not compared."""
    sound = [each for each in events if passes(each, keys)]
    payloads = {each.sequence: canonical.parse(each.payload, stored=True).value for each in sound}
    ids = [payload["ceremony_id"] for payload in payloads.values()]
    rows = ceremony_rows(using, ids) if ids else []
    for each in sound:
        payload = payloads[each.sequence]
        kept = [row for row in rows if row.ceremony_id == payload["ceremony_id"]]
        wrong = _differs(each, payload, kept, keys)
        if wrong:
            yield Finding(each.sequence, Check.RECORDS, f"the table of ceremonies: {wrong}")


def compare_halt(using: str, start: int, end: int) -> Iterator[Finding]:
    """Compares the current halt with its event, if that event is in start … end."""
    state = _halt_state(using)
    event = _halt_event(using) if state else None
    if state and event and start <= event.sequence <= end:
        reason, by = _names(canonical.parse(event.payload, stored=True).value)
        began = state.halted_at or ""
        if (reason, by) != (state.reason, state.halted_by) or began < event.authority_timestamp:
            yield Finding(
                event.sequence,
                Check.RECORDS,
                f"the ledger is halted since {began} by {state.halted_by}, for the reason "
                f"{state.reason}; the event says by {by}, for the reason {reason}",
            )


def decisions_without_event(using: str) -> list[Stray]:
    """Finds ceremonies and a halt that are in their tables but have no event in the chain."""
    strays = [
        Stray(
            f"ceremony/{name}",
            int(place) if place and place.isdecimal() and len(place) < 19 else None,
            "no_event",
            f"ceremony {name} is marked as recorded by event {place}, which does not record it",
            Check.RECORDS,
        )
        for name, place in ceremonies_without_event(using, limit=MOST)
    ]
    state = _halt_state(using)
    if state and _halt_event(using) is None:
        kept = [
            each for each in ceremonies.unwritten_records(using) if each["event_type"] == HALTED
        ]
        if all(_names(each["payload"]) != (state.reason, state.halted_by) for each in kept):
            text = f"the ledger is halted by {state.halted_by}, but no event or record says so"
            strays.append(Stray("halt", None, "no_event", text, Check.RECORDS))
    return strays


def _differs(
    event: Event, payload: dict[str, Any], rows: Sequence[CeremonyRow], keys: Keyring
) -> str:
    text = canonical.canonicalize(payload["proposal"]).decode()
    digest = hashlib.sha256(text.encode()).hexdigest()
    said: list[tuple[str, dict[str, Any], str | None, str | None]] = [
        ("proposed", payload["proposed_by"], text, None)
    ]
    said += [("approved", voice, None, digest) for voice in payload["approvals"]]
    said += [("rejected", voice, None, digest) for voice in payload["rejections"]]
    expected = [
        CeremonyRow(
            payload["ceremony_id"],
            event.event_type,
            step,
            voice["person"],
            proposal,
            proposal_hash,
            voice["public_key"],
            voice["signature"],
            None,
            None,
            voice.get("at"),
        )
        for step, voice, proposal, proposal_hash in said
    ]
    found = list(rows)
    for row in expected:
        if row not in found:
            return f"what {row.person} {row.step} differs from the event or is missing"
        found.remove(row)
    records = [row for row in found if row.step == "recorded"]
    if [(row.kind, row.person, row.sequence, row.event_id) for row in records] != [
        (event.event_type, SYSTEM, str(event.sequence), event.event_id)
    ]:
        return "the entry that it was recorded differs from the event or is missing"
    for row in found:
        key = keys.people.get(row.public_key or "")
        if row not in records and (key is None or key.validity.covers(event.sequence)):
            return f"{row.person} {row.step}, but the event does not say so"
    return ""


def _halt_state(using: str) -> Halt | None:
    """Returns the current halt; None where the ledger is not halted or the row is missing."""
    try:
        state = PostgresEventStore(using).halt()
    except HaltStateMissingError:
        return None
    return state if state.halted else None


def _halt_event(using: str) -> Event | None:
    """Returns the last halt event that no later ceremony cleared."""
    store = PostgresEventStore(using)
    last = max(store.system_events(HALTED), key=lambda each: each.sequence, default=None)
    cleared = max((each.sequence for each in store.system_events(CLEARED)), default=0)
    return last if last and last.sequence > cleared else None


def _names(said: Any) -> tuple[str | None, str | None]:
    return (said.get("reason"), said.get("by")) if isinstance(said, dict) else (None, None)
