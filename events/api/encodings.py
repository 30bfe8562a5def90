"""Decompresses bodies sent with a Content-Encoding, piece by piece.

Invariant: a piece is small whatever the input (at most `PIECE` bytes for gzip and deflate, 8 MiB
for zstd), so that the caller can stop at a limit before memory is used.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

import zstandard

PIECE = 2**16

MAX_MEMBERS = 1000
"""Members of a gzip file, or frames of a zstd one, in a body: each costs time, and one may be
empty."""

MAX_WINDOW = 8 * 2**20
"""Bytes that a zstd frame may look back on (RFC 9659)."""

_ZSTD_STEP = 256
"""Bytes of a zstd body decompressed at once. Four of them can expand to 128 KiB."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
"""`wbits` of zlib for RFC 1952, RFC 1950 and RFC 1951."""


class DamagedError(Exception):
    """A body is not valid for its coding, or ends early."""


def unpack(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield the decompressed pieces of a chunked body; `coding` is one of `CODINGS`.

    Raises:
        DamagedError: it cannot be decompressed to its end.
    """
    return CODINGS[coding](chunks)


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    members, inflate = 0, None
    for chunk in chunks:
        rest = chunk
        while rest:
            if inflate is None:
                members = _one_more(members, "gzip")
                inflate = zlib.decompressobj(_GZIP)
            piece, rest = _inflated(inflate, rest, "gzip")
            yield piece
            if inflate.eof:
                rest, inflate = inflate.unused_data, None
    yield from _end(inflate, "gzip")


def _deflate(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """RFC 9110 means the zlib format; some senders send the bare stream inside it."""
    head, inflate = b"", None
    for chunk in chunks:
        rest = head + chunk
        if inflate is None:
            if len(rest) < 2:
                head = rest
                continue
            head = b""
            inflate = zlib.decompressobj(_ZLIB if _has_zlib_header(rest) else _RAW)
        while rest:
            if inflate.eof:
                raise DamagedError("data follows the end of its deflate stream")
            piece, rest = _inflated(inflate, rest, "deflate")
            yield piece
            rest = rest or inflate.unused_data
    if inflate is None:
        raise _early("deflate")
    yield from _end(inflate, "deflate")


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    frames, frame = 0, None
    for chunk in chunks:
        for start in range(0, len(chunk), _ZSTD_STEP):
            rest = chunk[start : start + _ZSTD_STEP]
            while rest:
                if frame is None:
                    frames = _one_more(frames, "zstd")
                    frame = unpacker.decompressobj()
                try:
                    yield frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise DamagedError(f"its zstd data is wrong: {error}") from None
                rest = b""
                if frame.eof:
                    rest, frame = frame.unused_data, None
    if frame is not None:
        raise _early("zstd")


CODINGS: dict[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
ACCEPTED = "gzip, deflate, zstd"
"""Value of `Accept-Encoding` (RFC 9110 section 12.5.3)."""


def _inflated(inflate: zlib._Decompress, packed: bytes, coding: str) -> tuple[bytes, bytes]:
    """Return a decompressed piece and the input that remains."""
    try:
        return inflate.decompress(packed, PIECE), inflate.unconsumed_tail
    except zlib.error as error:
        raise DamagedError(f"its {coding} data is wrong: {error}") from None


def _end(inflate: zlib._Decompress | None, coding: str) -> Iterator[bytes]:
    """The last bytes, which were held back because a piece was full."""
    if inflate is None:
        return
    yield inflate.flush()
    if not inflate.eof:
        raise _early(coding)


def _one_more(members: int, coding: str) -> int:
    if members == MAX_MEMBERS:
        raise DamagedError(f"its {coding} data has more than {MAX_MEMBERS:,} parts")
    return members + 1


def _early(coding: str) -> DamagedError:
    return DamagedError(f"its {coding} data ends early")


def _has_zlib_header(head: bytes) -> bool:
    return head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
