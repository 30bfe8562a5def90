"""Recognizes files whose content is in the ledger under another name: rotated, packed, copied.

Event ids include the source name, so such a file would be added a second time. What was taken in
is known from the records of the imports in the ledger itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from events.ingest.errors import IngestError
from events.ingest.inputs import Digest, check_input, open_bytes
from events.store.imports import Imported, list_contents

MAX_IMPORTS = 10_000
"""Imports that are looked through, the newest."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file, and the import that took in its content, or its beginning, under another name."""

    place: str
    imported: Imported
    is_grown: bool

    def __str__(self) -> str:
        source, sequence = self.imported.source, self.imported.sequence
        what = (
            f"begins with the {self.imported.content_bytes:,} bytes"
            if self.is_grown
            else "has the content"
        )
        rest = "adds what is new of it" if self.is_grown else "adds nothing"
        return (
            f"{self.place} {what} of {source}, which is in the ledger (import record {sequence}); "
            f"--source {source} {rest}, --again adds all of it once more"
        )


def find_copies(using: str, sources: Mapping[str, str]) -> list[Copy]:
    """Those of the files (`sources` are their source names) that were taken in under another
    name. Every file that could be one is read once, and pipes are not.

    Raises:
        IngestError: a file cannot be read.
    """
    known = list_contents(using, MAX_IMPORTS)
    found = []
    for place, source in sources.items():
        size = check_input(place)
        others = [one for one in known if one.source != source]
        own = {one.content_sha256 for one in known if one.source == source}
        if size and others and (copy := _copy(place, size, others, own)):
            found.append(copy)
    return found


def _copy(place: str, size: int, others: Sequence[Imported], own: set[str]) -> Copy | None:
    """The import whose content is the file, or else the longest that it begins with."""
    by_length: dict[int, dict[str, Imported]] = {}
    for one in others:
        by_length.setdefault(one.content_bytes, {}).setdefault(one.content_sha256, one)
    with open_bytes(place) as (chunks, stored, content):
        if stored is content:  # not packed, so its size is known
            by_length = {length: ones for length, ones in by_length.items() if length <= size}
        marks = sorted(by_length)
        begins: Imported | None = None
        seen = Digest()
        try:
            for chunk in chunks if marks else ():
                piece = memoryview(chunk)
                while marks and seen.bytes + len(piece) >= marks[0]:
                    room = marks.pop(0) - seen.bytes
                    seen.update(piece[:room])
                    piece = piece[room:]
                    if seen.sha256 in own:
                        begins = None  # it was taken in under its own name up to here
                    else:
                        begins = by_length[seen.bytes].get(seen.sha256, begins)
                seen.update(piece)
                if not marks and begins is None:
                    return None
        except IngestError:
            return None  # whoever takes it in says what is wrong with it
    if begins is None or seen.sha256 in own:
        return None
    return Copy(place, begins, is_grown=seen.sha256 != begins.content_sha256)
