"""What every admin of a mirrored table shares. It must never allow a change."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from events.admin.paging import CappedPaginator
from events.names import show

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
else:
    BaseAdmin = admin.ModelAdmin


def utc(name: str) -> Any:
    """A column for a time, to the microsecond: Django's own format stops at the minute.

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
    """In the words of the portal: no heading asks to select a row, and no record of an
    append-only ledger was perhaps deleted."""

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
    """Looks, and nothing else; counts nothing, sorts by nothing that has no index."""

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
