"""Opens files and standard input, plain or compressed, as streams of byte chunks."""

from __future__ import annotations

import hashlib
import io
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.ingest.errors import IngestError
from events.ingest.packing import LOOK, SUFFIXES, DamagedError, Unpacked, name_other, unpacked

CHUNK = 256 * 1024
IDLE_SECONDS = 1.0
STDIN = "-"
_BOM = b"\xef\xbb\xbf"


class Digest:
    """Number and SHA-256 of the bytes seen."""

    def __init__(self) -> None:
        self.bytes = 0
        self._hash = hashlib.sha256()

    def update(self, piece: bytes | memoryview) -> None:
        """Add bytes."""
        self.bytes += len(piece)
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """The digest so far, in hexadecimal."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Input:
    """An open input. `size` is the file's size on disk, None for pipes. `stored` is the digest of
    the bytes read so far as they are on disk, `content` that of the uncompressed bytes."""

    label: str
    source: str
    chunks: Iterator[bytes]
    size: int | None
    stored: Digest
    content: Digest

    def position(self) -> int:
        """Number of bytes read from the file."""
        return self.stored.bytes


def check_input(place: str) -> int | None:
    """Check that an input can be opened. Returns its size, None for pipes.

    Raises:
        IngestError: it cannot be read.
    """
    if place == STDIN:
        return None
    path = Path(place)
    try:
        if path.is_dir():
            raise IngestError(f"{place} is a folder; give the files in it")
        with path.open("rb"):
            return path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise IngestError(f"{place} cannot be read: {error.strerror}") from None


def check_packed(place: str) -> None:
    """Decompress a file to its end before anything of it is ingested: corrupt data can decompress
    to plausible lines, and the checksum is at the end. A truncated file passes; its readable part
    is ingested.

    Raises:
        IngestError: the compressed data is corrupt.
    """
    if place == STDIN or not Path(place).is_file():
        return
    with io.BufferedReader(_open(place)) as raw:
        packed = unpacked(raw)
        try:
            while packed and packed.read1(CHUNK):
                pass
        except DamagedError as error:
            if not error.ends_early:
                raise IngestError(f"{place} is damaged: {error}") from None
        except OSError as error:
            raise IngestError(f"reading {place} failed: {error.strerror}") from None


def source_name(place: str) -> str:
    """The source name of a file: its base name without the suffix of a compression."""
    name = "stdin" if place == STDIN else Path(place).name
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


@contextmanager
def open_input(
    place: str, source: str | None = None, idle: Callable[[], None] = lambda: None
) -> Iterator[Input]:
    """Open a file, or standard input for `-`. `idle` is called when standard input has been silent
    for a second, so that received records can be written.

    Raises:
        IngestError: it cannot be read; also raised later, while iterating `chunks`.
    """
    size = check_input(place)
    label = "stdin" if place == STDIN else place
    with open_bytes(place, idle) as (chunks, stored, content):
        yield Input(
            label=label,
            source=source or source_name(place),
            chunks=_text(label, chunks),
            size=size,
            stored=stored,
            content=content,
        )


@contextmanager
def open_bytes(
    place: str, idle: Callable[[], None] = lambda: None
) -> Iterator[tuple[Iterator[bytes], Digest, Digest]]:
    """Open a file or standard input. Yields the uncompressed chunks and the digests of the stored
    and of the uncompressed bytes. Errors as `open_input`."""
    label = "stdin" if place == STDIN else place
    stored = Digest()
    with ExitStack() as stack:
        raw = stack.enter_context(io.BufferedReader(_Digested(_open(place), stored)))
        packed = unpacked(raw)
        chunks = _chunks(label, packed or raw, idle if place == STDIN else None)
        content = Digest() if packed else stored
        yield (_digested(chunks, content) if packed else chunks), stored, content


class _Digested(io.RawIOBase):
    """A raw stream that updates a digest with what it reads."""

    def __init__(self, raw: io.FileIO, digest: Digest) -> None:
        super().__init__()
        self._raw = raw
        self._digest = digest

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, room: memoryview) -> int | None:  # type: ignore[override]
        count = self._raw.readinto(room)
        if count:
            self._digest.update(room[:count])
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _digested(chunks: Iterator[bytes], digest: Digest) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _open(place: str) -> io.FileIO:
    if place == STDIN:
        return io.FileIO(sys.stdin.fileno(), "rb", closefd=False)
    return io.FileIO(place, "rb")


def _chunks(
    label: str, stream: io.BufferedReader[Any] | Unpacked, idle: Callable[[], None] | None
) -> Iterator[bytes]:
    """The bytes as they arrive. With `idle`, an empty chunk marks a pause of the input."""
    try:
        while chunk := stream.read1(CHUNK):
            yield chunk
            # read1 has emptied the stream's buffer, so select sees whether more has arrived.
            while idle and not select.select([stream.fileno()], [], [], IDLE_SECONDS)[0]:
                yield b""
                idle()
    except DamagedError as error:
        raise IngestError(f"{label} is damaged: {error}") from None
    except OSError as error:
        raise IngestError(f"reading {label} failed: {error.strerror}") from None


def _text(label: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Remove a byte order mark.

    Raises:
        IngestError: the input is not UTF-8 text.
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
