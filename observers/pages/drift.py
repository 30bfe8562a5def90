"""The page of clock drift: running clocks over time, by agent, warning by warning; imports apart.

Drift informs: every event that it is about was accepted (AC4).
"""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from events.store.drift import DriftFilter, DriftWarning, list_warnings, shown_threshold
from events.store.drift_imports import import_spans
from events.store.drift_newest import list_living_warnings, list_newest_warnings
from observers.pages.addresses import page_address
from observers.pages.doors import reads
from observers.pages.drift_file import stream_warnings
from observers.pages.drift_findings import find, look_back
from observers.pages.drift_form import DriftForm
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook

PAGE = 50


@reads
@require_safe
def drift(request: HttpRequest) -> HttpResponseBase:
    """The picture, figures by agent, jumps, and a page of warnings, newest first; or a file."""
    form = DriftForm(request.GET)
    if form.is_valid() and form.cleaned_data["format"]:
        return _file(form)
    return _page(request, form)


def _page(request: HttpRequest, form: DriftForm) -> HttpResponse:
    outlook = read_outlook()
    if not form.is_valid():
        return render_page(request, "drift.html", outlook, {"form": form}, status=400)
    using = settings.LEDGER_READ_ALIAS
    warnings, newer, older = _warnings(using, form)
    threshold = shown_threshold(using)
    findings = find(using, form.choice(), threshold)
    context = {
        "form": form,
        "findings": findings.answer,
        "figures_at": findings.found_at,
        "backwards": look_back(using).answer,
        "threshold": threshold,
        "warnings": warnings,
        "newer": newer,
        "older": older,
        "newest": page_address(form.chosen) if newer else None,
        "file": "?" + urlencode({**form.filters, "format": "csv"}),
    }
    return render_page(request, "drift.html", outlook, context)


def _file(form: DriftForm) -> StreamingHttpResponse:
    for_people = form.cleaned_data["dialect"] == "spreadsheet"
    content = stream_warnings(settings.LEDGER_READ_ALIAS, form.choice(), for_people=for_people)
    answer = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8; header=present")
    answer["Content-Disposition"] = 'attachment; filename="drift-warnings.csv"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _warnings(using: str, form: DriftForm) -> tuple[list[DriftWarning], str | None, str | None]:
    """The warnings, and the addresses of the newer and the older page."""
    after, before = form.cleaned_data["after"], form.cleaned_data["before"]
    found = _listed(using, form, after, before)
    if after is not None:
        warnings, has_newer, has_older = found[:PAGE][::-1], len(found) > PAGE, True
    else:
        warnings, has_newer, has_older = found[:PAGE], before is not None, len(found) > PAGE
    newest_id, oldest_id = (warnings[0].id, warnings[-1].id) if warnings else (before, after)
    newer = page_address(form.chosen, after=newest_id) if has_newer and newest_id else None
    older = page_address(form.chosen, before=oldest_id) if has_older and oldest_id else None
    return warnings, newer, older


def _listed(
    using: str, form: DriftForm, after: int | None, before: int | None
) -> list[DriftWarning]:
    """One more than a page holds: behind `after`, oldest first, or before `before`."""
    choice, limit = form.choice(), PAGE + 1
    if not form.cleaned_data["imports"]:
        spans = import_spans(using)
        return list_living_warnings(using, choice, spans, before=before, after=after, limit=limit)
    if after is not None:
        return list_warnings(using, DriftFilter(after=after, **asdict(choice)), limit=limit)
    return list_newest_warnings(using, before=before, **asdict(choice), limit=limit)
