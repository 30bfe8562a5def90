"""Decorators for views that the access log, the second factor and session limits treat specially.

A view without a mark gets the strict treatment: it is logged, and needs the second factor. The
marks are attributes, which `functools.wraps` and `as_view` pass on, so their order among other
decorators does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

V = TypeVar("V", bound=Callable[..., Any])


class Mark(Enum):
    """A mark, by the name of its attribute."""

    NOT_LOGGED = "not_logged"
    WRITES_EVENTS = "writes_events"
    NO_SECOND_FACTOR = "no_second_factor"
    POLLED = "polled"


def not_logged(view: V) -> V:
    """Keep the view out of the access log: it shows nothing of the ledger, or repeats what a
    logged page has shown."""
    return _set(view, Mark.NOT_LOGGED)


def writes_events(view: V) -> V:
    """Keep POST requests out of the access log: the ledger itself records what they send."""
    return _set(view, Mark.WRITES_EVENTS)


def no_second_factor(view: V) -> V:
    """Open the view to accounts that still owe a second factor."""
    return _set(view, Mark.NO_SECOND_FACTOR)


def polled(view: V) -> V:
    """Do not prolong the session: an open page polls this view, even if nobody looks at it."""
    return _set(view, Mark.POLLED)


def has_mark(view: object, mark: Mark) -> bool:
    """Return True if a resolved view, or the class behind it, carries the mark."""
    view_class = getattr(view, "view_class", None)
    return any(getattr(each, mark.value, False) is True for each in (view, view_class))


def _set(view: V, mark: Mark) -> V:
    setattr(view, mark.value, True)
    return view
