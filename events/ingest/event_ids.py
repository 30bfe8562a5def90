"""Event ids that are the same for the same record, so that taking a file in again adds nothing.

They must never depend on how a record is mapped, nor on when or where it is read.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_CONTEXT = b"audit-portal ingest v1\n"


def record_event_id(source: str, number: int, canonical_payload: bytes) -> str:
    """A version 8 UUID (RFC 9562 section 5.8) of a record's place and content.

    The first 16 bytes of SHA-256(`audit-portal ingest v1\\n` ‖ SHA-256(source name in UTF-8) ‖
    record number as 8 bytes, big-endian ‖ SHA-256(canonical payload)), with the version and the
    variant put in. The record number is the line, or the place in the array, from 1.
    """
    digest = hashlib.sha256(
        _CONTEXT
        + _source_digest(source)
        + number.to_bytes(8, "big")
        + hashlib.sha256(canonical_payload).digest()
    ).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


@lru_cache(maxsize=64)
def _source_digest(source: str) -> bytes:
    return hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
