"""Every gap as a range. It must never list missing numbers one by one."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.store.ledger import KnownGap, PostgresEventStore
from events.store.neighbours import authority_times
from observers.pages.filters import GapPageForm
from observers.pages.rendering import render_page
from observers.pages.ribbon import draw
from observers.pages.standing import read_outlook

PAGE = 50


@dataclass(frozen=True, slots=True)
class PlacedGap:
    """A gap between its neighbours; None where there is none on that side."""

    known: KnownGap
    before: int | None
    before_time: str | None
    after: int | None
    after_time: str | None


@login_required
@require_safe
def gaps(request: HttpRequest) -> HttpResponse:
    """A page of gaps, lowest first; `after` is the last number of the gap before."""
    form = GapPageForm(request.GET)
    outlook = read_outlook()
    if not form.is_valid():
        return render_page(request, "gaps.html", outlook, {"form": form}, status=400)
    using, last = settings.LEDGER_READ_ALIAS, outlook.standing.last_sequence
    after = form.cleaned_data["after"] or 0
    report = PostgresEventStore(using).find_gaps(after + 1, last, limit=PAGE)
    context = {
        "form": form,
        "after": after,
        "report": report,
        "placed": place(using, report.gaps),
        "ribbon": draw(outlook.scan.found),
        "next_after": report.gaps[-1].gap.end if report.gap_count > len(report.gaps) else None,
    }
    return render_page(request, "gaps.html", outlook, context)


def place(using: str, found: tuple[KnownGap, ...]) -> list[PlacedGap]:
    """The gaps with their neighbours and those's authority times, in one query."""
    sides = [side for known in found for side in (known.gap.start - 1, known.gap.end + 1)]
    times = authority_times(using, sides) if sides else {}
    return [_placed(known, times) for known in found]


def _placed(known: KnownGap, times: dict[int, str]) -> PlacedGap:
    below, above = known.gap.start - 1, known.gap.end + 1
    return PlacedGap(
        known,
        before=below if below in times else None,
        before_time=times.get(below),
        after=above if above in times else None,
        after_time=times.get(above),
    )
