"""Clock drift by agent and warning by warning. It must never pass a judgement on an event: drift
informs, and every such event was accepted (AC4)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.store.drift import (
    DriftFilter,
    DriftWarning,
    drift_by_agent,
    get_threshold,
    list_warnings,
)
from events.store.drift_newest import list_newest_warnings
from observers.pages.addresses import page_address
from observers.pages.filters import DriftFilterForm
from observers.pages.remembered import remembered
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook

PAGE = 50


@login_required
@require_safe
def drift(request: HttpRequest) -> HttpResponse:
    """Figures by agent, and a page of warnings, newest first."""
    form = DriftFilterForm(request.GET)
    outlook = read_outlook()
    if not form.is_valid():
        return render_page(request, "drift.html", outlook, {"form": form}, status=400)
    using = settings.LEDGER_READ_ALIAS
    warnings, newer, older = _page(using, form)
    agents = remembered("drift-by-agent", using, lambda: drift_by_agent(using))
    context = {
        "form": form,
        "agents": agents.answer,
        "figures_at": agents.found_at,
        "threshold": get_threshold(using),
        "warnings": warnings,
        "newer": newer,
        "older": older,
        "newest": page_address(form.chosen) if newer else None,
    }
    return render_page(request, "drift.html", outlook, context)


def _page(using: str, form: DriftFilterForm) -> tuple[list[DriftWarning], str | None, str | None]:
    """The warnings, and the addresses of the newer and the older page."""
    chosen = form.cleaned_data
    agent_id, min_seconds = chosen["agent_id"] or None, chosen["min_seconds"]
    after, before = chosen["after"], chosen["before"]
    if after is not None:
        rising = DriftFilter(after=after, agent_id=agent_id, min_seconds=min_seconds)
        found = list_warnings(using, rising, limit=PAGE + 1)
        warnings, has_newer, has_older = found[:PAGE][::-1], len(found) > PAGE, True
    else:
        found = list_newest_warnings(
            using, before=before, agent_id=agent_id, min_seconds=min_seconds, limit=PAGE + 1
        )
        warnings, has_newer, has_older = found[:PAGE], before is not None, len(found) > PAGE
    newest_id, oldest_id = (warnings[0].id, warnings[-1].id) if warnings else (before, after)
    newer = page_address(form.chosen, after=newest_id) if has_newer and newest_id else None
    older = page_address(form.chosen, before=oldest_id) if has_older and oldest_id else None
    return warnings, newer, older
