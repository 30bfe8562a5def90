"""The access log: who looked at what. It must never be shown without a trace: this page is recorded
as every other is."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from events.access.note import count_lines
from events.accounts.rights import SEE_ACCESS
from events.store.access_log import Access, newest, oldest
from observers.pages.access_file import FILES, SPREADSHEET, header, write
from observers.pages.access_form import AccessForm
from observers.pages.addresses import page_address
from observers.pages.doors import requires
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook

PAGE = 50
USING = "default"
"""The log is where the portal writes, so that nobody waits for a replica to see himself."""


@requires(SEE_ACCESS)
@require_safe
def access_log(request: HttpRequest) -> HttpResponseBase:
    """A page of entries, newest first; or a file of all that pass the filters, oldest first."""
    form = AccessForm(request.GET)
    if not form.is_valid():
        return render_page(request, "access_log.html", read_outlook(), {"form": form}, status=400)
    if form.cleaned_data["format"]:
        return _file(request, form)
    entries, newer, older = _entries(form)
    context = {
        "form": form,
        "entries": entries,
        "newer": newer,
        "older": older,
        "newest": page_address(form.filters) if newer else None,
        "files": {name: "?" + urlencode({**form.filters, "format": name}) for name in FILES},
        "public": settings.PORTAL_PUBLIC_READING,
    }
    return render_page(request, "access_log.html", read_outlook(), context)


def _file(request: HttpRequest, form: AccessForm) -> HttpResponseBase:
    asked = form.cleaned_data["format"]
    name = SPREADSHEET if asked == "csv" and form.cleaned_data["dialect"] == SPREADSHEET else asked
    pieces = count_lines(request, write(USING, form.choice(), name), header(name))
    answer = StreamingHttpResponse(pieces, content_type=FILES[asked])
    answer["Content-Disposition"] = f'attachment; filename="access-log.{asked}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _entries(
    form: AccessForm,
) -> tuple[list[tuple[int, Access]], str | None, str | None]:
    """The entries, and the addresses of the newer and the older page."""
    chosen, place = form.choice(), form.cleaned_data
    if place["after"] is not None:
        found = oldest(USING, replace(chosen, after=place["after"]), limit=PAGE + 1)
        entries, has_newer, has_older = found[:PAGE][::-1], len(found) > PAGE, True
    else:
        found = newest(USING, replace(chosen, before=place["before"]), limit=PAGE + 1)
        entries, has_newer, has_older = found[:PAGE], place["before"] is not None, len(found) > PAGE
    first, last = (entries[0][0], entries[-1][0]) if entries else (place["before"], place["after"])
    newer = page_address(form.filters, after=first) if has_newer and first is not None else None
    older = page_address(form.filters, before=last) if has_older and last is not None else None
    return entries, newer, older
