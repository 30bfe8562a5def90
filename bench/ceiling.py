"""The portal's WSGI application with a writer that writes nothing: the server's ceiling.

Same route, authentication, validation and answer, without a ledger. For the benchmark only.
"""

from __future__ import annotations

from collections.abc import Sequence

from auditportal.wsgi import application
from events.api import views
from events.append.pending import Written
from events.format import event
from events.format.event import Event
from events.format.timestamps import format_timestamp
from events.submission import Submission

__all__ = ["application"]

_SIGNATURE = "A" * 86 + "=="


class _Constant:
    """Returns a constant answer without writing."""

    def write_event(self, submission: Submission) -> Written:
        return self.write_events([submission])[0]

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        return [Written(_event(submission), True) for submission in submissions]


def _event(submission: Submission) -> Event:
    moment = "2026-01-31T12:00:00.000000Z"
    return Event(
        event_id=submission.event_id or "0191d7a0-0000-7000-8000-000000000001",
        sequence=1,
        event_type=submission.event_type,
        payload=submission.canonical_payload.decode(),
        prev_hash=event.GENESIS_HASH,
        content_hash=event.GENESIS_HASH,
        signature=_SIGNATURE,
        hash_alg_version=1,
        sig_alg_version=1,
        agent_id=submission.agent_id,
        witness_id="WITNESS:first",
        witness_signature=_SIGNATURE,
        local_timestamp=format_timestamp(submission.local_timestamp)
        if submission.local_timestamp
        else moment,
        authority_timestamp=moment,
        signing_key_id="constant",
        payload_hash=event.GENESIS_HASH,
        payload_salt=event.GENESIS_HASH,
    )


_constant = _Constant()
setattr(views, "shared_writer", lambda: _constant)  # noqa: B010 - replaced on purpose
