"""Serves the clock drift page, and its warnings as a CSV stream.

Warnings of running clocks are shown over time, by agent and one by one; those of imports apart.
Drift is information only: every event was recorded (AC4). The CSV is fetched page by page; if
the stream fails it ends in an unterminated record, so that a parser reports the file as broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from events.store.drift import (
    DriftFilter,
    DriftWarning,
    list_living_warnings,
    list_newest_warnings,
    list_warnings,
    shown_threshold,
)
from events.store.imports import import_spans
from observers import export
from observers.filters.definitions import DRIFT_WARNINGS
from observers.filters.form_fields import SequenceField
from observers.pages.drift.findings import find, look_back
from observers.pages.drift.page import DriftPage
from observers.pages.listing import (
    DIALECTS,
    FilterForm,
    ListPage,
    download,
    page_address,
    turn_page,
)
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import read_status


class DriftForm(FilterForm):
    """The drift page's query: filters, place, and page or file."""

    defined = DRIFT_WARNINGS
    kept = ("imports",)

    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)
    imports = forms.ChoiceField(
        label="List warnings of",
        choices=[("", "running clocks"), ("too", "imports, too")],
        required=False,
    )
    format = forms.ChoiceField(choices=[("", "page"), ("csv", "csv")], required=False)
    dialect = forms.ChoiceField(choices=DIALECTS, required=False)


FETCH = 1000
BROKEN = b'"broke off'
"""An unterminated record: a CSV parser rejects a file that ends with it."""

COLUMNS = (
    "id",
    "sequence",
    "event_id",
    "event_type",
    "agent_id",
    "local_timestamp",
    "authority_timestamp",
    "drift_seconds",
    "direction",
)


def stream_warnings(
    using: str, chosen: DriftFilter, *, for_people: bool = False
) -> Iterator[bytes]:
    """Yields a header and one row per warning, oldest first; `for_people` makes the values safe
    for a spreadsheet."""
    return export.spoil_on_failure(_stream(using, chosen, for_people=for_people), BROKEN)


def _stream(using: str, chosen: DriftFilter, *, for_people: bool) -> Iterator[bytes]:
    write = export.rows if for_people else export.csv_rows
    yield (export.BOM if for_people else b"") + export.csv_rows([COLUMNS])
    after = None
    while page := list_warnings(using, chosen, after=after, limit=FETCH):
        yield write([getattr(warning, name) for name in COLUMNS] for warning in page)
        if len(page) < FETCH:
            return
        after = page[-1].id


PAGE = 50


@require_reader
@require_safe
def drift(request: HttpRequest) -> HttpResponseBase:
    """The heat map, figures by agent, jumps and a page of warnings, newest first; or a CSV file."""
    form = DriftForm(request.GET)
    if form.is_valid() and form.cleaned_data["format"]:
        return _file(form)
    return _page(request, form)


def _page(request: HttpRequest, form: DriftForm) -> HttpResponse:
    outlook = read_status()
    if not form.is_valid():
        return render_page(request, "drift.html", outlook, {"form": form}, status=400)
    using = settings.LEDGER_READ_ALIAS
    page = _warnings(using, form)
    threshold = shown_threshold(using)
    findings = find(using, DriftFilter(**form.values), threshold)
    backwards = look_back(using).answer
    context = {
        "form": form,
        "findings": findings.answer,
        "figures_at": findings.found_at,
        "backwards": backwards,
        "words": DriftPage(
            findings.answer,
            backwards,
            threshold,
            outlook.standing.last_sequence,
            agent_id=form.cleaned_data["agent_id"],
            narrows=form.narrows,
            lists_imports=bool(form.cleaned_data["imports"]),
        ),
        "warnings": page.lines,
        "page": page,
        "file": page_address(form.here, format="csv"),
    }
    return render_page(request, "drift.html", outlook, context)


def _file(form: DriftForm) -> HttpResponseBase:
    using, for_people = settings.LEDGER_READ_ALIAS, form.cleaned_data["dialect"] == "spreadsheet"
    pieces = stream_warnings(using, DriftFilter(**form.values), for_people=for_people)
    return download(pieces, "text/csv; charset=utf-8; header=present", "drift-warnings.csv")


def _warnings(using: str, form: DriftForm) -> ListPage[DriftWarning]:
    place = {name: form.cleaned_data[name] for name in ("after", "before")}
    found = _listed(using, form, **place)
    return turn_page(found, PAGE, **place, key=attrgetter("id"), here=form.here)


def _listed(
    using: str, form: DriftForm, after: int | None, before: int | None
) -> list[DriftWarning]:
    """One more warning than a page holds: after `after`, oldest first, or before `before`."""
    chosen, limit = DriftFilter(**form.values), PAGE + 1
    if not form.cleaned_data["imports"]:
        spans = import_spans(using)
        return list_living_warnings(using, chosen, spans, before=before, after=after, limit=limit)
    if after is not None:
        return list_warnings(using, chosen, after=after, limit=limit)
    return list_newest_warnings(using, chosen, before=before, limit=limit)
