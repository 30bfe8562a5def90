"""Pages of large tables for the admin. They must never count a large table's rows, nor skip over
them by OFFSET from its beginning."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from events.store.standing import read_standing

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

CAP = 10_000
"""Rows of a searched or secondary list that can be paged through."""


class CappedPaginator(BasePaginator):
    """Counts no further than `CAP`: the newest rows can be paged through, the rest searched."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """Rows, at most `CAP`."""
        return self.object_list.order_by()[:CAP].count()


class SequencePaginator(CappedPaginator):
    """Page n is a window of the sequence, counted from the head.

    The sequence is dense, so a window is found by its bounds on the index, as fast on the last
    page as on the first. A gap makes its page shorter; nothing moves to another page. What a
    search found is not dense and is capped instead.
    """

    @cached_property
    def is_whole(self) -> bool:
        """Whether the list is the whole table."""
        return not self.object_list.query.where

    @cached_property
    def count(self) -> int:
        """The last sequence, which is how many numbers the windows divide."""
        if not self.is_whole:
            return CappedPaginator(self.object_list, self.per_page).count
        return read_standing(self.object_list.db).last_sequence

    def page(self, number: int | str) -> Page[Any]:
        """The window of a page, in the list's own order."""
        if not self.is_whole:
            return super().page(number)
        number = self.validate_number(number)
        low, high = self._window(number)
        window = self.object_list.filter(sequence__gt=low, sequence__lte=high)
        return Page(window, number, self)

    def _window(self, number: int) -> tuple[int, int]:
        """Sequences above the first and up to the second."""
        skipped = (number - 1) * self.per_page
        if "sequence" in self.object_list.query.order_by:
            return skipped, skipped + self.per_page
        high = self.count - skipped
        return max(high - self.per_page, 0), high
