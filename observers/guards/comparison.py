"""Compares the ledger's guards with what the migrations create. Pure.

PostgreSQL prints a check as `(a AND b) AND c`, and as `a AND b AND c` after dump and restore. Only
such nested conjunctions are normalised.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[^'"()]+|.""", re.DOTALL)
AND = " AND "

Tree = list["str | Tree"]


@lru_cache(maxsize=1024)
def flattened(check: str) -> str:
    """Flattens nested conjunctions in a check.

    PostgreSQL parenthesises each operand, so a conjunction is groups with AND between them.
    Anything else, or text with unbalanced parentheses, is returned as it is. Cached, because the
    guards are compared often and seldom change.
    """
    tree = _parse(check)
    return check if tree is None else _print(tree)


def _parse(text: str) -> Tree | None:
    open_groups: list[Tree] = [[]]
    for piece in _TOKEN.findall(text):
        if piece == "(":
            open_groups.append([])
        elif piece == ")":
            if len(open_groups) == 1:
                return None
            group = open_groups.pop()
            open_groups[-1].append(_opened(group) if _is_conjunction(group) else group)
        else:
            open_groups[-1].append(piece)
    return open_groups[0] if len(open_groups) == 1 else None


def _is_conjunction(group: Tree) -> bool:
    """Tells whether there are groups at even places and AND at odd ones."""
    return len(group) >= 3 and all(
        part == AND if place % 2 else isinstance(part, list) for place, part in enumerate(group)
    )


def _opened(group: Tree) -> Tree:
    opened: Tree = []
    for part in group:
        opened += part if isinstance(part, list) and _is_conjunction(part) else [part]
    return opened


def _print(tree: Tree) -> str:
    return "".join(part if isinstance(part, str) else f"({_print(part)})" for part in tree)


OBSERVER = "observer"
"""The one part that a portal may do without."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """The facts of a freshly migrated ledger, by aspect and subject, and the PostgreSQL major
    version they were read from."""

    major: int
    facts: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """One guard that is not as expected. None: there should be none, or there is none."""

    aspect: str
    subject: str
    expected: str | None
    found: str | None

    @property
    def name(self) -> str:
        """The guard, such as `state of trigger events.refuse_change_of_events`."""
        return f"{self.aspect} {self.subject}"

    def __str__(self) -> str:
        return f"{self.name}: expected {_said(self.expected)}, found {_said(self.found)}"

    def as_dict(self) -> dict[str, str | None]:
        """As it stands in JSON and in the ledger."""
        return asdict(self)


def compare(
    expected: Expectations, found: Iterable[tuple[str, str, str, bool]], major: int
) -> list[Deviation]:
    """Returns every deviation, in order. `found` gives aspect, subject, value, and whether the
    value is deparsed: such a value is compared only within one major version."""
    rows = list(found)
    values = _by_subject(rows)
    reworded = {(aspect, subject) for aspect, subject, _, deparsed in rows if deparsed}
    facts = {key: _worded(key[0], value) for key, value in expected.facts.items()}
    wanted = facts if ("role", OBSERVER) in values else _without_observer(facts)
    return sorted(
        Deviation(*key, wanted.get(key), values.get(key))
        for key in wanted.keys() | values.keys()
        if wanted.get(key) != values.get(key)
        and not (major != expected.major and key in reworded and key in wanted)
    )


def touched(before: Mapping[str, str], now: Mapping[str, str]) -> list[Deviation]:
    """Returns the guards (`trigger events.check_append`) altered between two looks, even if they
    are back in their earlier state."""
    return [
        Deviation(f"history of {aspect}", name, "untouched since the last look", "altered since")
        for aspect, _, name in (key.partition(" ") for key in sorted(before.keys() & now.keys()))
        if before[f"{aspect} {name}"] != now[f"{aspect} {name}"]
    ]


def fingerprint(deviations: Iterable[Deviation]) -> str:
    """Hashes a state: equal when the same guards deviate in the same way."""
    text = json.dumps([each.as_dict() for each in deviations], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def from_document(document: Mapping[str, Any]) -> Expectations:
    """Parses expectations from their file."""
    facts = {
        (aspect, subject): value
        for aspect, subjects in document["facts"].items()
        for subject, value in subjects.items()
    }
    return Expectations(int(document["postgresql"]), facts)


def to_document(major: int, found: Iterable[tuple[str, str, str, bool]]) -> dict[str, Any]:
    """Writes these facts as the file of expectations."""
    facts: dict[str, dict[str, str]] = {}
    for aspect, subject, value, _ in sorted(found):
        facts.setdefault(aspect, {})[subject] = value
    return {"postgresql": major, "facts": facts}


def _by_subject(rows: Iterable[tuple[str, str, str, bool]]) -> dict[tuple[str, str], str]:
    """Groups the facts by name. Facts of one name, as for a role called `owner` that is not the
    owner, are kept together so that none hides another."""
    values: dict[tuple[str, str], str] = {}
    for aspect, subject, value, _ in rows:
        key, worded = (aspect, subject), _worded(aspect, value)
        values[key] = f"{values[key]}; also {worded}" if key in values else worded
    return values


def _without_observer(facts: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    return {
        key: value
        for key, value in facts.items()
        if key != ("role", OBSERVER) and not key[1].endswith(f" to {OBSERVER}")
    }


def _worded(aspect: str, value: str) -> str:
    """Normalises conjunctions, which a restored database words differently."""
    return flattened(value) if aspect in ("constraint", "body of function") else value


def _said(value: str | None) -> str:
    return "nothing" if value is None else value
