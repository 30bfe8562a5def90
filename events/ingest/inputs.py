"""Opens what is to be taken in, plain or gzip, a file or standard input, as a stream of bytes.

It must never read a file whole.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from events.ingest.errors import IngestError
from events.ingest.packing import LOOK, SUFFIXES, DamagedError, Unpacked, name_other, unpacked

CHUNK = 256 * 1024
IDLE_SECONDS = 1.0
STDIN = "-"
_BOM = b"\xef\xbb\xbf"


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
    """The name that a file's records are known by: its base name, without what says that it is
    packed."""
    name = "stdin" if place == STDIN else Path(place).name
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


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
        stream = unpacked(raw) or raw
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
    label: str, stream: io.BufferedReader | Unpacked, idle: Callable[[], None] | None
) -> Iterator[bytes]:
    """The bytes as they come. With `idle`, an empty chunk says that the input pauses."""
    try:
        while chunk := stream.read1(CHUNK):
            yield chunk
            # Here all of it is taken, and the stream's own buffer is empty: what is to come is
            # in the pipe, or is not there yet.
            while idle and not select.select([stream.fileno()], [], [], IDLE_SECONDS)[0]:
                idle()
                yield b""
    except DamagedError as error:
        raise IngestError(f"{label} is damaged: {error}") from None
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
        if len(head) >= LOOK or not chunk:
            break
    if other := name_other(head):
        raise IngestError(f"{label} is {other}")
    yield head.removeprefix(_BOM)
    yield from chunks
