"""What a proposal says, with what the ledger itself knows filled in.

It must never decide: whether the details are so, the database says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.ceremony import MATCHED, read_details
from events.errors import CeremonyRefusedError
from events.event import ERASED_SALT, Event
from events.keys.backend import KeyBackend
from events.keys.successor import new_key_for
from events.store.halting import unwritten_records
from events.store.ledger import Halt, PostgresEventStore

ASKED: Mapping[str, tuple[str, ...]] = {
    "clear_halt": (),
    "sequence_skip": ("first", "last"),
    "erase_payload": ("sequence",),
    "rotate_key": ("old_key",),
    "retire_key": ("old_key",),
    "drift_threshold": ("seconds",),
    "add_person": ("person", "public_key", "proof"),
    "retire_person": ("person",),
}
"""What a person must say of each kind; the rest is filled in."""


def complete_details(
    kind: str, given: Mapping[str, str], *, using: str, backend: KeyBackend
) -> dict[str, Any]:
    """The details of a proposal from what a person gave. A key that is to follow another is made
    in `backend`.

    Raises:
        CeremonyRefusedError: something is missing, unknown or malformed.
        KeyRegistryError: there is no key to follow.
    """
    store = PostgresEventStore(using)
    known: dict[str, Any] = {}
    if kind == "clear_halt":
        known = _halt(store.halt(), using)
    elif kind == "erase_payload" and given.get("sequence", "").isdecimal():
        event = store.get_event(int(given["sequence"][:18]))
        if event is not None:
            known = {"event_id": event.event_id, "payload_hash": event.payload_hash}
        else:
            known = {"event_id": "none", "payload_hash": "none"}
    elif kind == "rotate_key" and "old_key" in given and "new_key" not in given:
        known = new_key_for(backend, using, given["old_key"])
    details = read_details(kind, {**known, **given})
    if kind == "erase_payload" and is_mismatched(store.get_event(details["sequence"])):
        details[MATCHED] = False
    return details


def _halt(halt: Halt, using: str) -> dict[str, Any]:
    if not halt.halted:
        raise CeremonyRefusedError("CT-13: the ledger is not halted", "details")
    return {
        "halted_at": halt.halted_at,
        "halt_reason": halt.reason,
        "unwritten": unwritten_records(using),
    }


def is_mismatched(event: Event | None) -> bool:
    """Tells whether there is a payload that is not what was signed."""
    return event is not None and event.payload_salt != ERASED_SALT and not event.payload_matches
