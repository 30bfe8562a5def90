"""Serves the gaps page: the map of the sequence and the list of its gaps as ranges."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.errors import TimestampError
from events.format.timestamps import parse_canonical
from events.store.sequence import authority_times, present_by_cell
from observers.filters.form_fields import SequenceField
from observers.pages.cache import cached_in_proportion
from observers.pages.durations import duration
from observers.pages.gaps.coverage import Coverage, cell_size, draw_coverage
from observers.pages.gaps.listing import Listing, list_gaps
from observers.pages.listing import AddressForm, page_address
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import read_status
from observers.verification.report import KnownGap


class GapForm(AddressForm):
    """The gaps page's query: a range of the sequence and a place in its list of gaps."""

    start = SequenceField(label="From sequence")
    end = SequenceField(label="To sequence")
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField()

    @property
    def narrows(self) -> bool:
        """True when a range is chosen."""
        return bool(self.chosen.keys() & {"start", "end"})


PAGE = 50


@dataclass(frozen=True, slots=True)
class PlacedGap:
    """A gap with the events before and after it; None at an end of the ledger."""

    known: KnownGap
    before: int | None
    before_time: str | None
    after: int | None
    after_time: str | None

    @property
    def seconds_between(self) -> Decimal | None:
        """Seconds between the authority times of both events; None when one cannot be read."""
        try:
            before, after = (
                parse_canonical(self.before_time or ""),
                parse_canonical(self.after_time or ""),
            )
        except TimestampError:
            return None
        return Decimal(str((after - before).total_seconds()))

    @property
    def between(self) -> str:
        """The time between both events in words; "" when it is not known."""
        seconds = self.seconds_between
        if seconds is None:
            return ""
        return duration(seconds) + (" backwards" if seconds < 0 else "")


@dataclass(frozen=True, slots=True)
class GapPage:
    """One page of gaps, and the addresses of the pages around it."""

    gaps: tuple[KnownGap, ...]
    previous: str | None
    next: str | None


def summary(listing: Listing) -> str:
    """The sentence above the list, before the number of unexplained gaps."""
    gaps = "1 gap" if len(listing.gaps) == 1 else f"{len(listing.gaps):,} gaps"
    if not listing.whole:
        return f"The first {gaps} of this range; choose a damaged cell to see the others:"
    numbers = "1 number" if listing.missing == 1 else f"{listing.missing:,} numbers"
    return f"{gaps}, {numbers} missing;"


@require_reader
@require_safe
def gaps(request: HttpRequest) -> HttpResponse:
    """The map of a range, by default the whole ledger, and a page of its gaps, lowest first."""
    form = GapForm(request.GET)
    outlook = read_status()
    if not form.is_valid():
        return render_page(request, "gaps.html", outlook, {"form": form}, status=400)
    using, last = settings.LEDGER_READ_ALIAS, outlook.standing.last_sequence
    start = max(form.cleaned_data["start"] or 1, 1)
    end = min(form.cleaned_data["end"] or last, last)
    if end < start:
        return render_page(request, "gaps.html", outlook, {"form": form, "nothing": True})
    listing = list_gaps(using, start, end, last, outlook.scan.found)
    page = turn_to(listing, form)
    context = {
        "form": form,
        "listing": listing,
        "summary": summary(listing),
        "coverage": _coverage(using, listing),
        "placed": place(using, page.gaps),
        "page": page,
    }
    return render_page(request, "gaps.html", outlook, context)


def turn_to(listing: Listing, form: GapForm) -> GapPage:
    """The page after number `after`, or the one before number `before`."""
    after, before = form.cleaned_data["after"], form.cleaned_data["before"]
    every = listing.gaps
    if before is not None:
        high = sum(1 for known in every if known.gap.end < before)
        low = max(high - PAGE, 0)
    else:
        low = sum(1 for known in every if known.gap.end <= (after or 0))
        high = min(low + PAGE, len(every))
    shown = every[low:high]
    previous = shown[0].gap.start if shown else before or (after or 0) + 1
    following = shown[-1].gap.end if shown else (before or 1) - 1
    return GapPage(
        shown,
        page_address(form.chosen, before=previous) + "#list" if low > 0 else None,
        page_address(form.chosen, after=following) + "#list" if high < len(every) else None,
    )


def place(using: str, found: tuple[KnownGap, ...]) -> list[PlacedGap]:
    """Adds the events before and after each gap and their authority times, in one query."""
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


def _coverage(using: str, listing: Listing) -> Coverage:
    if listing.whole:
        return draw_coverage(listing)
    start, end, size = listing.start, listing.end, cell_size(listing.start, listing.end)
    known = cached_in_proportion(
        f"cells-{start}-{end}", using, lambda: present_by_cell(using, start, end, size)
    )
    return draw_coverage(listing, known.answer)
