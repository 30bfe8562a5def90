"""The page of the access log, with filters, and its download as CSV or JSON lines.

Reading the log is logged like every other page. A download is streamed in pages of `FETCH`
entries; if it fails midway it ends in a broken record, so that a part cannot pass for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from operator import itemgetter

import orjson
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from events.access.request_context import count_lines
from events.accounts.roles import SEE_ACCESS
from events.store.access_log import NAMES, Access, AccessFilter, newest, oldest
from observers import export
from observers.filters.form_fields import SequenceField
from observers.filters.kinds import Choice, Filters, Moment, Name
from observers.pages.listing import (
    DIALECTS,
    FilterForm,
    ListPage,
    download,
    page_address,
    turn_page,
)
from observers.pages.permissions import require_right
from observers.pages.rendering import render_page
from observers.pages.status import read_status

OUTCOMES = ("answered", "refused", "begun", "sent", "broken off")


class AccessForm(FilterForm):
    """Filters and place of a page, or the format of a file."""

    defined = Filters(
        (
            Name("who", label="Who"),
            Name("route", label="Page"),
            Name("address", label="From address", most=64),
            Choice("outcome", label="Result", choices=tuple((name, name) for name in OUTCOMES)),
            Moment("at_from", label="From time (UTC)"),
            Moment("at_to", label="To time (UTC), excluded"),
        )
    )
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)
    format = forms.ChoiceField(
        choices=[("", "page"), ("csv", "csv"), ("jsonl", "jsonl")], required=False
    )
    dialect = forms.ChoiceField(choices=DIALECTS, required=False)


FETCH = 1000
FILES = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"}
SPREADSHEET = "spreadsheet"
"""CSV that is safe to open in a spreadsheet."""
BROKEN = {"csv": b'"broke off', SPREADSHEET: b'"broke off', "jsonl": b'{"export":"broke off'}
"""An unterminated record: parsers of the format reject a file that ends with it."""


def header(name: str) -> bytes:
    """Return the header of a file."""
    if name == "jsonl":
        return b""
    return (export.BOM if name == SPREADSHEET else b"") + export.csv_rows([("id", *NAMES)])


def write(using: str, chosen: AccessFilter, name: str) -> Iterator[bytes]:
    """Yield the matching entries, oldest first, in pieces, up to the last entry at the start: the
    download itself adds entries."""
    return export.spoil_on_failure(_stream(using, chosen, name), BROKEN[name])


def _stream(using: str, chosen: AccessFilter, name: str) -> Iterator[bytes]:
    yield header(name)
    last = newest(using, AccessFilter(), limit=1)
    chosen = replace(chosen, before=last[0][0] + 1 if last else 1)
    while page := oldest(using, chosen, limit=FETCH):
        yield b"".join(_record(name, number, entry) for number, entry in page)
        if len(page) < FETCH:
            return
        chosen = replace(chosen, after=page[-1][0])


def _record(name: str, number: int, entry: Access) -> bytes:
    members = {"id": number, **asdict(entry), "at": entry.at.isoformat()}
    if name == "jsonl":
        return orjson.dumps(members) + b"\n"
    write = export.rows if name == SPREADSHEET else export.csv_rows
    return write([members.values()])


PAGE = 50
USING = "default"
"""The primary, so that an entry shows at once and not after the replica's lag."""


@require_right(SEE_ACCESS)
@require_safe
def access_log(request: HttpRequest) -> HttpResponseBase:
    """Shows a page of entries, newest first, or serves all matching ones as a file."""
    form = AccessForm(request.GET)
    if not form.is_valid():
        return render_page(request, "access_log.html", read_status(), {"form": form}, status=400)
    if form.cleaned_data["format"]:
        return _file(request, form)
    page = _entries(form)
    context = {
        "form": form,
        "entries": page.lines,
        "page": page,
        "files": {name: page_address(form.here, format=name) for name in FILES},
        "public": settings.PORTAL_PUBLIC_READING,
    }
    return render_page(request, "access_log.html", read_status(), context)


def _file(request: HttpRequest, form: AccessForm) -> HttpResponseBase:
    asked = form.cleaned_data["format"]
    name = SPREADSHEET if asked == "csv" and form.cleaned_data["dialect"] == SPREADSHEET else asked
    pieces = count_lines(request, write(USING, AccessFilter(**form.values), name), header(name))
    return download(pieces, FILES[asked], f"access-log.{asked}")


def _entries(form: AccessForm) -> ListPage[tuple[int, Access]]:
    after, before = form.cleaned_data["after"], form.cleaned_data["before"]
    read, place = (newest, {"before": before}) if after is None else (oldest, {"after": after})
    found = read(USING, replace(AccessFilter(**form.values), **place), limit=PAGE + 1)
    return turn_page(found, PAGE, after=after, before=before, key=itemgetter(0), here=form.here)
