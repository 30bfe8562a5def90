"""Base classes for the admin of large, read-only tables.

Invariant: a large table is never counted in full nor paged by OFFSET from its beginning.
"""

from __future__ import annotations

from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from events.format.names import show
from events.store.status import read_tail

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

CAP = 10_000
"""Rows of a searched or secondary list that can be paged through."""


class CappedPaginator(BasePaginator):
    """Counts at most `CAP` rows: the newest can be paged through, the rest searched."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """Rows, at most `CAP`."""
        return self.object_list.order_by()[:CAP].count()


class SequencePaginator(CappedPaginator):
    """Pages by windows of the sequence, counted from the head.

    The sequence is dense, so a window is found by its bounds on the index, as fast on the last page
    as on the first. A gap makes its page shorter; nothing moves to another page. Search results are
    not dense and are capped instead.
    """

    @cached_property
    def is_whole(self) -> bool:
        """Return True if the list is the whole table."""
        return not self.object_list.query.where

    @cached_property
    def count(self) -> int:
        """Return the last sequence, the range that the windows divide."""
        if not self.is_whole:
            return CappedPaginator(self.object_list, self.per_page).count
        return read_tail(self.object_list.db).last_sequence

    def page(self, number: int | str) -> Page[Any]:
        """Return the window of a page, in the list's own order."""
        if not self.is_whole:
            return super().page(number)
        number = self.validate_number(number)
        low, high = self._window(number)
        window = self.object_list.filter(sequence__gt=low, sequence__lte=high)
        return Page(window, number, self)

    def _window(self, number: int) -> tuple[int, int]:
        """Select sequences above the first bound and up to the second."""
        skipped = (number - 1) * self.per_page
        if "sequence" in self.object_list.query.order_by:
            return skipped, skipped + self.per_page
        high = self.count - skipped
        return max(high - self.per_page, 0), high


if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
else:
    BaseAdmin = admin.ModelAdmin


def utc(name: str) -> Any:
    """Column for a time, to the microsecond: Django's own format stops at the minute.

    Typed as Any because the admin takes a callable in places where its stubs know only names.
    """

    @admin.display(description=f"{name.replace('_', ' ')} (UTC)", empty_value="—")
    def column(row: Any) -> str | None:
        moment = getattr(row, name)
        if moment is None:
            return None
        return str(moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds"))

    column.__name__ = name
    return column


class TellingAdmin(BaseAdmin):
    """Replaces Django's wording: nothing is selected or deleted in an append-only ledger."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = str(self.opts.verbose_name_plural)
        named = {"title": title[:1].upper() + title[1:]}
        return super().changelist_view(request, named | (extra_context or {}))

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        wanted = show(unquote(object_id))
        self.message_user(request, f"There is no {opts.verbose_name} “{wanted}”.", messages.WARNING)
        return redirect(f"admin:{opts.app_label}_{opts.model_name}_changelist")


class ReadOnlyAdmin(TellingAdmin):
    """Read-only admin without counts and without sorting by unindexed columns."""

    actions = None
    show_full_result_count = False
    list_max_show_all = 0
    paginator = CappedPaginator
    list_per_page = 100

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
