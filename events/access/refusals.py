"""Records why a request was refused, for its log line and for the counts by kind.

Invariant: of the request's content only the name of the first wrong field is kept, and only if it
is a name, cut off at what lies inside a payload.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest

from events.access.recorder import recorder

_REFUSAL = "portal.refusal"
_FIELD = re.compile("/[^/]*")
_NAME = re.compile("(/?[A-Za-z_@][A-Za-z0-9_.@-]{0,39})?(/…)?")
"""Matches the name of a field, as opposed to content put in its place."""


def note_refusal(
    request: HttpRequest,
    problem: str,
    errors: Sequence[Mapping[str, Any]] = (),
    count: int | None = None,
    of_records: bool = False,
) -> None:
    """Record that a request, or a part of it, was refused with this kind of problem.

    `count` is the number of errors where not all are listed; `of_records`: their pointers lead into
    what was sent as a payload.
    """
    said: dict[str, Any] = {"problem": problem, "errors": len(errors) if count is None else count}
    if errors:
        first = errors[0]
        said["pointer"] = _shown(str(first.get("pointer", first.get("parameter", ""))), of_records)
        said |= {name: first[name] for name in ("index", "line") if name in first}
    request.META[_REFUSAL] = said
    recorder().count_refusal(problem)


def refusal_of(request: HttpRequest) -> dict[str, Any]:
    """Return the recorded refusal of a request, if any."""
    found: dict[str, Any] = request.META.get(_REFUSAL, {})
    return found


def _shown(pointer: str, of_records: bool) -> str:
    """Hide keys inside a payload, and those of a record beyond the first: they are content."""
    first = _FIELD.match(pointer)
    if first and first.end() < len(pointer) and (of_records or first[0] == "/payload"):
        pointer = f"{first[0]}/…"
    return pointer if _NAME.fullmatch(pointer) else "/…"
