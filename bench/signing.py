"""Signs chained rows in worker processes, where most of the time of a large load is spent.

`content_hash` does not cover the signatures, so the chain is complete before they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from events.format import ed25519
from events.keys.backend import FileKeyBackend, sign_pair


class Chained(NamedTuple):
    """An event with its sequence number and hashes that still needs both signatures.

    `columns` are its texts in the order of `COLUMNS`, without the signatures.
    """

    key_id: str
    witness_id: str
    signable: bytes
    columns: tuple[str, ...]


COLUMNS = (
    "event_id",
    "event_type",
    "payload",
    "prev_hash",
    "content_hash",
    "agent_id",
    "witness_id",
    "local_timestamp",
    "authority_timestamp",
    "signing_key_id",
    "payload_hash",
    "payload_salt",
    "signature",
    "witness_signature",
)
"""The columns copied. The BIGSERIAL gives `sequence`, defaults the algorithm versions."""


_keys: FileKeyBackend


def open_keys(folder: Path) -> None:
    """Initialize a worker process."""
    global _keys
    _keys = FileKeyBackend(folder)


def sign_rows(rows: Sequence[Chained]) -> bytes:
    """The rows signed and witnessed, as lines of COPY's text format."""
    return b"".join(_signed_line(row) for row in rows)


def _signed_line(row: Chained) -> bytes:
    agent, witness = _keys.signer(row.key_id), _keys.signer(row.witness_id)
    pair = sign_pair(agent, witness, row.signable)
    fields = (*row.columns, *map(ed25519.encode, pair))
    # Canonical JSON escapes tabs and line breaks, but may contain a backslash.
    return "\t".join(fields).replace("\\", "\\\\").encode() + b"\n"
