"""Builds the two figures of the event page: the clock drawing and the payload tree.

The clock drawing shows both clocks to scale; drift is information only, the event was recorded
(AC4). The tree is built from the tokens of the canonical text.

Invariant: tokens are never parsed and printed again, so the tree shows exactly what was hashed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from events.errors import CanonicalJSONError, TimestampError
from events.format.canonical_layout import Piece, lay_out, pretty
from events.format.drift import exact_seconds
from events.format.event import Event
from observers.pages.durations import duration

MARGIN = Decimal(5)
"""Margin at both ends of the line, in percent."""

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A position on the line, in percent from the left, and the alignment of its label."""

    place: Decimal

    @property
    def anchor(self) -> Anchor:
        return "start" if self.place < 30 else "end" if self.place > 70 else "middle"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A section of the line, in percent."""

    start: Decimal
    width: Decimal


@dataclass(frozen=True, slots=True)
class Clocks:
    """The difference between the two clocks, and their positions on the line.

    `tolerated` is the range without a warning.
    """

    seconds: Decimal
    direction: str
    warned: bool
    threshold: Decimal
    local: Mark
    authority: Mark
    drifted: Stretch
    tolerated: Stretch

    @property
    def description(self) -> str:
        """The text alternative of the drawing."""
        if self.direction == "none":
            return "The two clocks to scale: both show the same time."
        side = "outside" if self.warned else "within"
        return (
            f"The two clocks to scale: the writer's clock is {self.seconds} seconds "
            f"{self.direction}, {side} the threshold of {self.threshold} seconds."
        )

    @property
    def words(self) -> str:
        """The drift in words."""
        if self.direction == "none":
            return "none: the same time"
        return f"the writer was {duration(self.seconds)} {self.direction}"


def read_clocks(event: Event, threshold: Decimal) -> Clocks | None:
    """The drawing; None when a timestamp cannot be read."""
    try:
        drift = event.drift
    except TimestampError:
        return None
    offset = exact_seconds(drift.offset)
    low, high = min(offset, -threshold), max(offset, threshold)

    def place(seconds: Decimal) -> Decimal:
        part = (seconds - low) / (high - low)
        return (MARGIN + (100 - 2 * MARGIN) * part).quantize(Decimal("0.01"))

    def stretch(one: Decimal, other: Decimal) -> Stretch:
        start, end = sorted((place(one), place(other)))
        return Stretch(start, end - start)

    return Clocks(
        seconds=drift.seconds,
        direction=drift.direction,
        warned=drift.exceeds(threshold),
        threshold=threshold,
        local=Mark(place(offset)),
        authority=Mark(place(Decimal(0))),
        drifted=stretch(offset, Decimal(0)),
        tolerated=stretch(-threshold, threshold),
    )


MAX_NODES = 1_500
"""Payloads with more nodes are shown as indented text instead of a tree."""

FEW_NODES = 60
"""Trees up to this size start fully unfolded; larger ones show the upper levels."""

UNFOLDED_LEVELS = 2


@dataclass(slots=True)
class Node:
    """A step of the tree walk: a scalar, or the start or end of an object or array.

    `name` is the key without quotes, or the index in an array.
    """

    step: Literal["leaf", "open", "close"]
    name: str = ""
    text: str = ""
    kind: str = "mark"
    parts: int = 0
    unfolded: bool = True
    in_array: bool = False

    @property
    def size(self) -> str:
        """The number of members, in the brackets of the object or array."""
        return f"{{ {self.parts} }}" if self.text == "{" else f"[ {self.parts} ]"

    @property
    def name_class(self) -> str:
        """The class of the name's element."""
        return "tree-index" if self.in_array else "json-key"


@dataclass(frozen=True, slots=True)
class Payload:
    """The canonical text and its tree, or the stored text and why it has no canonical form."""

    text: str
    tree: tuple[Node, ...] = ()
    problem: str | None = None

    def laid_out(self) -> str:
        """The canonical text, indented, for payloads too large for a tree."""
        return pretty(self.text)


def read_payload(event: Event) -> Payload:
    """Reads the payload of an event for display."""
    try:
        text = event.canonical_payload.decode()
    except CanonicalJSONError as error:
        return Payload(event.payload, problem=str(error))
    return Payload(text, grow_tree(text))


def grow_tree(canonical: str) -> tuple[Node, ...]:
    """The steps of the tree; empty when there would be more than `MAX_NODES`."""
    nodes: list[Node] = []
    for node in _walk(canonical):
        nodes.append(node)
        if len(nodes) > MAX_NODES:
            return ()
    if len(nodes) > FEW_NODES:
        _fold(nodes)
    return tuple(nodes)


def _walk(canonical: str) -> Iterator[Node]:
    """Yields the steps in order. A node's `parts` is final only after its closing step."""
    parents: list[Node] = []
    key = ""
    opening: Node | None = None
    for piece in lay_out(canonical):
        if piece.kind == "space" or piece.text in (",", ": "):
            continue
        if piece.kind == "key":
            key = piece.text[1:-1] or '""'
        if opening is not None:
            closes = piece.kind == "mark" and piece.text in "]}"
            yield _empty(opening) if closes else opening
            if not closes:
                parents.append(opening)
            opening = None
            if closes:
                continue
        if piece.kind == "key":
            continue
        if piece.kind == "mark" and piece.text in "]}":
            parents.pop()
            yield Node("close")
            continue
        node = _named(piece, key, parents[-1] if parents else None)
        if piece.kind == "mark":
            opening = node
        else:
            yield node


def _named(piece: Piece, key: str, parent: Node | None) -> Node:
    step: Literal["leaf", "open"] = "open" if piece.kind == "mark" else "leaf"
    if parent is None:
        return Node(step, "", piece.text, piece.kind)
    parent.parts += 1
    in_array = parent.text == "["
    name = str(parent.parts - 1) if in_array else key
    return Node(step, name, piece.text, piece.kind, in_array=in_array)


def _empty(opening: Node) -> Node:
    text = "{}" if opening.text == "{" else "[]"
    return Node("leaf", opening.name, text, "mark", in_array=opening.in_array)


def _fold(nodes: list[Node]) -> None:
    depth = 0
    for node in nodes:
        if node.step == "open":
            node.unfolded = depth < UNFOLDED_LEVELS
            depth += 1
        elif node.step == "close":
            depth -= 1
