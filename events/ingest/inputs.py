"""Opens what is to be taken in, plain or gzip, a file or standard input, as a stream of bytes.

It must never read a file whole.
"""

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
    """How many bytes went by, and their SHA-256."""

    def __init__(self) -> None:
        self.bytes = 0
        self._hash = hashlib.sha256()

    def update(self, piece: bytes | memoryview) -> None:
        """Take more bytes in."""
        self.bytes += len(piece)
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """Of what went by so far, in hexadecimal."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Input:
    """An open input. `size` counts the bytes of the file as it lies on the disk, and is None where
    nobody can know it; `stored` is of those bytes as far as they were read, `content` of the same
    unpacked."""

    label: str
    source: str
    chunks: Iterator[bytes]
    size: int | None
    stored: Digest
    content: Digest

    def position(self) -> int:
        """Bytes of the file that were read."""
        return self.stored.bytes


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


def check_packed(place: str) -> None:
    """Unpack a packed file to its end, so that nothing of it is taken before it is known to be
    right: what comes out of wrong data looks like lines of a log, and its check stands at its end.
    A file that ends early passes: what can be read of it is taken.

    Raises:
        IngestError: its packed data is wrong.
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
            raise IngestError(f"{place} cannot be read on: {error.strerror}") from None


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
    """The bytes of a file or of standard input, unpacked, and the digests of what was read and of
    what came out. Errors as `open_input`."""
    label = "stdin" if place == STDIN else place
    stored = Digest()
    with ExitStack() as stack:
        raw = stack.enter_context(io.BufferedReader(_Digested(_open(place), stored)))
        packed = unpacked(raw)
        chunks = _chunks(label, packed or raw, idle if place == STDIN else None)
        content = Digest() if packed else stored
        yield (_digested(chunks, content) if packed else chunks), stored, content


class _Digested(io.RawIOBase):
    """A raw stream that shows what it reads to a digest."""

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
    """The bytes as they come. With `idle`, an empty chunk says that the input pauses."""
    try:
        while chunk := stream.read1(CHUNK):
            yield chunk
            # Here all of it is taken, and the stream's own buffer is empty: what is to come is
            # in the pipe, or is not there yet.
            while idle and not select.select([stream.fileno()], [], [], IDLE_SECONDS)[0]:
                yield b""
                idle()
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
