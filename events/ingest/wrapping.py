"""Wraps a record that cannot be taken as it is, so that it is in the ledger as evidence.

Its payload is {"line": the text of the record, "reason": why it cannot be taken}, or, where the
record is no text that can be stored, {"base64": its bytes, "reason": …}.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from events import canonical
from events.errors import CanonicalJSONError
from events.ingest.event_ids import record_event_id
from events.ingest.records import Record
from events.submission import Submission, WrongField, check_event_type, check_payload_size

REJECTED_TYPE = "log.rejected"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What wrapped records are recorded as."""

    event_type: str
    agent: str

    def submission(self, record: Record, reason: str, source: str) -> Submission | None:
        """The submission of a record that cannot be taken; None where it is too long for
        that, too. Its event id is made of the record alone, as those of lines of text are."""
        raw = record.original.removesuffix(b"\r")
        if not raw:
            return None
        kept = _kept(raw)
        try:
            payload = canonical.canonicalize({**kept, "reason": reason})
            check_event_type(self.event_type, self.agent)
            check_payload_size(payload)
        except (WrongField, CanonicalJSONError):
            return None
        return Submission(
            event_type=self.event_type,
            canonical_payload=payload,
            agent_id=self.agent,
            event_id=record_event_id(source, record.number, canonical.canonicalize(kept)),
        )


def _kept(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return {"base64": base64.b64encode(raw).decode()}
    return {"line": text}
