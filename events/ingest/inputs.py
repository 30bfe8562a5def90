"""Opens what is to be taken in, plain or gzip, a file or standard input, as a stream of bytes.

It must never read a file whole.
"""

from __future__ import annotations

import gzip
import io
import os
import select
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from events.ingest.errors import IngestError

CHUNK = 256 * 1024
IDLE_SECONDS = 1.0
STDIN = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}


@dataclass(frozen=True, slots=True)
class Input:
    """An open input. `size` and `position` count the bytes of the file as it lies on the disk;
    `size` is None where nobody can know it."""

    label: str
    source: str
    chunks: Iterator[bytes]
    size: int | None
    position: Callable[[], int]


def check_input(place: str) -> int | None:
    """Look at an input before anything starts; its size, if it has one.

    Raises:
        IngestError: it cannot be read.
    """
    if place == STDIN:
        return None
    path = Path(place)
    try:
        if path.is_dir():
            raise IngestError(f"{place} is a folder; name the files in it")
        with path.open("rb"):
            return path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise IngestError(f"{place} cannot be read: {error.strerror}") from None


def source_name(place: str) -> str:
    """The name that a file's records are known by: its base name, without .gz."""
    return "stdin" if place == STDIN else Path(place).name.removesuffix(".gz")


@contextmanager
def open_input(
    place: str, source: str | None = None, idle: Callable[[], None] = lambda: None
) -> Iterator[Input]:
    """Open a file, or standard input for `-`, whose writer may be slow: `idle` is called when
    nothing has come for a second, so that what came before need not wait for more.

    Raises:
        IngestError: it cannot be read, also later, out of `chunks`.
    """
    with ExitStack() as stack:
        size = check_input(place)
        raw = stack.enter_context(_open(place))
        packed = raw.peek(2)[:2] == _GZIP
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        label = "stdin" if place == STDIN else place
        yield Input(
            label=label,
            source=source or source_name(place),
            chunks=_text(label, _chunks(label, stream, idle if place == STDIN else None)),
            size=size,
            position=raw.tell if size is not None else lambda: 0,
        )


def _open(place: str) -> io.BufferedReader:
    if place == STDIN:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    return Path(place).open("rb")


def _chunks(
    label: str, stream: io.BufferedReader | gzip.GzipFile, idle: Callable[[], None] | None
) -> Iterator[bytes]:
    try:
        while chunk := stream.read1(CHUNK):
            yield chunk
            # Here all of it is taken, and the stream's own buffer is empty: what is to come is
            # in the pipe, or is not there yet.
            if idle and not select.select([stream.fileno()], [], [], IDLE_SECONDS)[0]:
                idle()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise IngestError(f"{label} is damaged: its gzip data ends early or is wrong") from None
    except OSError as error:
        raise IngestError(f"{label} cannot be read on: {error.strerror}") from None


def _text(label: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes without a byte order mark.

    Raises:
        IngestError: what begins here is not UTF-8 text.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= max(len(mark) for mark in _PACKED):
            break
    if head.startswith(_UTF16):
        raise IngestError(
            f"{label} is UTF-16; convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"
        )
    for mark, kind in _PACKED.items():
        if head.startswith(mark):
            raise IngestError(f"{label} is packed with {kind}; unpack it first")
    yield head.removeprefix(_BOM)
    yield from chunks
