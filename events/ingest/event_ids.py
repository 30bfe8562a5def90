"""Event ids that are the same for the same record, so that taking a file in again adds nothing.

They must never depend on how a record is mapped, nor on when or where it is read.
"""

from __future__ import annotations

import hashlib
import uuid

_CONTEXT = b"audit-portal ingest v1\n"


def record_event_id(source: str, number: int, canonical_payload: bytes) -> str:
    """A version 8 UUID (RFC 9562 section 5.8) of a record's place and content.

    The first 16 bytes of SHA-256(`audit-portal ingest v1\\n` ‖ SHA-256(source name in UTF-8) ‖
    record number as 8 bytes, big-endian ‖ SHA-256(canonical payload)), with the version and the
    variant put in. The record number is the line, or the place in the array, from 1.
    """
    digest = hashlib.sha256(
        _CONTEXT
        + hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
        + number.to_bytes(8, "big")
        + hashlib.sha256(canonical_payload).digest()
    ).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))
