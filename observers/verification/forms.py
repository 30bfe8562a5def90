"""The forms of an event's members (check 2), as the table of `docs/event-format.md` gives them.

Invariant: the forms are fixed with the version of the format. They ask nothing of the Unicode
tables of the Python that runs, whose `isprintable` differs from release to release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from events.errors import TimestampError
from events.format import timestamps
from events.format.event import (
    FIELDS,
    HASH_ALG_VERSION,
    MAX_SEQUENCE,
    SIG_ALG_VERSION,
    WRITER_SIGNED,
    Event,
)
from events.format.names import MAX_NAME
from events.store.ranges import Row

UNPRINTABLE = (
    "\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\uf8ff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f\U000f0000-\U0010ffff"
)
"""Controls; blanks other than U+0020; what only formats, such as zero width, directions and tags;
halves of surrogate pairs; private use. It is the inside of a character class."""

_NAME = re.compile(f"(?! *$)[^{UNPRINTABLE}]{{1,{MAX_NAME}}}")
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HASH = ("[0-9a-f]{64}", "is not 64 lowercase hex digits")
_KEY_ID = "[A-Za-z0-9][A-Za-z0-9._-]"
_SIGNATURE = ("[A-Za-z0-9+/]{85}[AQgw]==", "is not 64 bytes in standard base64")
"""Of the last character before the padding only two bits belong to the bytes; the others are 0."""
_TIME = (timestamps.CANONICAL.pattern, "is not of the form YYYY-MM-DDTHH:MM:SS.ffffffZ")
_FORMS = {
    "event_id": (_UUID, "is not a lowercase UUID"),
    "prev_hash": _HASH,
    "content_hash": _HASH,
    "signature": _SIGNATURE,
    "witness_id": (f"WITNESS:{_KEY_ID}{{0,191}}", "is not WITNESS: and a name"),
    "witness_signature": _SIGNATURE,
    "local_timestamp": _TIME,
    "authority_timestamp": _TIME,
    "signing_key_id": (f"{_KEY_ID}{{0,199}}", "is not the name of a key"),
    "payload_hash": _HASH,
    "payload_salt": _HASH,
}
"""Texts that hold no blank: pattern, and what is said of any other."""
_PATTERNS = {name: re.compile(pattern) for name, (pattern, _) in _FORMS.items()}
_HOT = re.compile(
    " ".join(
        _FORMS[name][0]
        for name in (
            "event_id",
            "prev_hash",
            "local_timestamp",
            "authority_timestamp",
            "payload_salt",
        )
    )
)
_SIGNATURES = re.compile(f"{_SIGNATURE[0]} {_SIGNATURE[0]}")
_VERSIONS = {
    "hash_alg_version": (HASH_ALG_VERSION,),
    "sig_alg_version": (SIG_ALG_VERSION, WRITER_SIGNED),
}


def wrong_forms(subject: Event) -> Iterator[str]:
    """Yields one sentence for each malformed member."""
    for name in FIELDS:
        value = getattr(subject, name)
        if name == "agent_id" and value is None:
            continue
        if value is None:
            yield f"{name} is missing"
        elif name in _FORMS:
            yield from _wrong_text(name, value)
        elif name in ("event_type", "agent_id") and not is_name(value):
            yield f"{name} is not 1 to {MAX_NAME} printable characters, not all of them blanks"
        elif name in _VERSIONS and value not in _VERSIONS[name]:
            yield f"{name} {value} is unknown"
        elif name == "sequence" and not 1 <= value <= MAX_SEQUENCE:
            yield f"sequence {value} is not from 1 to {MAX_SEQUENCE}"
    if subject.sig_alg_version == WRITER_SIGNED and subject.agent_id is None:
        yield "agent_id is missing: the system signs by version 1"


def have_forms(row: Row, *, signatures: bool) -> bool:
    """Tells whether the members of a row are well-formed. `content_hash` and `payload_hash` are
    left to the caller, who compares them with hashes; so are the two signatures, without
    `signatures`, because decoding them checks their form.

    Raises:
        TypeError: a number or a name is missing.
        ValueError: there is no such day.
    """
    (event_id, sequence, event_type, _, prev_hash, _, signature, hash_version,
     sig_version, agent_id, witness_id, attestation, local, authority, key_id, _,
     salt) = row  # fmt: skip
    # No pattern takes a blank, so every text stands in its own place.
    return (
        _HOT.fullmatch(f"{event_id} {prev_hash} {local} {authority} {salt}") is not None
        and is_name(event_type)
        and (sig_version == SIG_ALG_VERSION if agent_id is None else is_name(agent_id))
        and _is_key_name(key_id, witness_id)
        and hash_version == HASH_ALG_VERSION
        and sig_version in _VERSIONS["sig_alg_version"]
        and 1 <= sequence <= MAX_SEQUENCE
        and (not signatures or _SIGNATURES.fullmatch(f"{signature} {attestation}") is not None)
        and datetime.fromisoformat(local) is not None
        and datetime.fromisoformat(authority) is not None
    )


@lru_cache(maxsize=4096)
def _is_key_name(key_id: str, witness_id: str) -> bool:
    return all(
        _PATTERNS[name].fullmatch(text) is not None
        for name, text in (("signing_key_id", key_id), ("witness_id", witness_id))
    )


@lru_cache(maxsize=4096)
def is_name(text: str) -> bool:
    """Tells whether a text is 1 to 200 printable characters, not all of them blanks."""
    return _NAME.fullmatch(text) is not None


def _wrong_text(name: str, value: str) -> Iterator[str]:
    if not _PATTERNS[name].fullmatch(value):
        yield f"{name} {_FORMS[name][1]}"
    elif _FORMS[name] is _TIME:
        try:
            timestamps.parse_canonical(value)
        except TimestampError as error:
            yield f"{name}: {error}"
