"""Decompresses gzip, xz, bzip2 and zstd streams, and names formats that are not UTF-8 text.

Formats are detected by their first bytes.

Invariant: decompression yields at most one chunk at a time, so a bomb cannot exhaust memory.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import zstandard

from events.errors import LedgerError

SUFFIXES = (".gz", ".xz", ".bz2", ".zst", ".zstd")
"""Suffixes of compressed files, which are not part of the source name."""

LOOK = 1024
"""Bytes examined to detect the format of an input."""

MAX_WINDOW = 96 * 2**20
"""Memory limit of decompression: `xz -9` needs 65 MiB, other levels up to 33."""

_CHUNK = 64 * 1024
_ZSTD_STEP = 256
"""Bytes of zstd decompressed at once; four of them may expand to 128 KiB."""

_OTHERS = (
    (b"PK\x03\x04", "a zip archive; take it with `unzip -p FILE | manage.py ingest -`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first (7z x)"),
    (
        b"ElfFile\x00",
        "a Windows event log in its binary form (EVTX); take it with `evtx_dump -o jsonl FILE | "
        "manage.py ingest --source NAME -` (evtx_dump comes with `pip install evtx`)",
    ),
    (b"PAR1", "a Parquet file; write it as JSON lines first"),
    (b"SQLite format 3\x00", "an SQLite database; write its rows as JSON lines first"),
)
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class DamagedError(LedgerError):
    """Compressed data is truncated or corrupt."""

    def __init__(self, message: str, *, ends_early: bool) -> None:
        super().__init__(message)
        self.ends_early = ends_early


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


class _Zstd:
    """zstandard's decompressor with the same interface. It has no limit, so it is fed little."""

    def __init__(self) -> None:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._frame = unpacker.decompressobj()
        self._data = b""
        self._at = 0

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return self._at >= len(self._data)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._data[self._at :]

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._data, self._at = data, 0
        step = self._data[self._at : self._at + _ZSTD_STEP]
        self._at += len(step)
        return self._frame.decompress(step) if step else b""


_KINDS: tuple[tuple[bytes, str, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b", "gzip", _Gzip),
    (b"\xfd7zXZ\x00", "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_WINDOW)),
    (b"\x28\xb5\x2f\xfd", "zstd", _Zstd),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
)


class Unpacked:
    """Decompressed bytes of a stream, which may hold several compressed streams in a row."""

    def __init__(
        self, raw: io.BufferedReader[Any], kind: str, make: Callable[[], _Decompressor]
    ) -> None:
        self._raw = raw
        self._kind = kind
        self._make = make
        self._current = make()

    def fileno(self) -> int:
        """The descriptor of the compressed file."""
        return self._raw.fileno()

    def read1(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end.

        Raises:
            DamagedError: the data is truncated or corrupt.
        """
        while True:
            try:
                piece = self._next(size)
            except EOFError:
                raise DamagedError(f"its {self._kind} data ends early", ends_early=True) from None
            except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise DamagedError(f"its {self._kind} data is corrupt", ends_early=False) from None
            if piece is None:
                return b""
            if piece:
                return piece

    def _next(self, size: int) -> bytes | None:
        """The next bytes, possibly empty; None at the end."""
        packed = b""
        if self._current.eof:
            packed = self._current.unused_data.lstrip(b"\0")  # xz and tapes pad with zeros
            packed = packed or self._raw.read1(_CHUNK).lstrip(b"\0")
            if not packed:
                return b"" if self._raw.peek(1) else None
            self._current = self._make()
        elif self._current.needs_input:
            packed = self._raw.read1(_CHUNK)
            if not packed:
                raise EOFError
        return self._current.decompress(packed, size)


def unpacked(raw: io.BufferedReader[Any]) -> Unpacked | None:
    """Decompress a stream; None if it is not compressed."""
    begin = raw.peek(8)
    for mark, kind, make in _KINDS:
        if begin.startswith(mark):
            return Unpacked(raw, kind, make)
    return None


def name_other(head: bytes) -> str | None:
    """The format of an input that is not UTF-8 text, and how to convert it; None if unknown."""
    begin = head[:LOOK]
    for mark, kind, _ in _KINDS:
        if head.startswith(mark):
            return f"compressed twice, with {kind} inside; unpack it once first"
    for mark, what in _OTHERS:
        if head.startswith(mark):
            return what
    if head[257:262] == b"ustar":
        return "a tar archive; take it with `tar -xOf FILE | manage.py ingest --source NAME -`"
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _recode(encoding)
    # A power failure can leave long runs of NUL in a log: they do not indicate an encoding.
    if begin.count(0) * 4 > len(begin) and b"\0\0\0\0" not in begin:
        wide = "UTF-32" if begin.count(0) * 8 > len(begin) * 5 else "UTF-16"
        order = "LE" if head[:1] != b"\x00" else "BE"
        return _recode(wide + order)
    return None


def _recode(encoding: str) -> str:
    return (
        f"{encoding}; take it with `iconv -f {encoding} -t UTF-8 FILE | manage.py ingest "
        "--source NAME -`"
    )
