"""The page that halts the ledger, and the steps to clear a halt (by ceremony)."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from events.accounts.roles import CEREMONIES, HALT, may
from events.append.services import writer
from events.errors import LedgerError
from events.format.ceremony import APPROVALS, KINDS
from events.format.names import MAX_REASON
from events.halting import halt
from events.store.ceremonies import Ceremony, list_ceremonies
from events.store.registry import are_ceremonies_in_force
from observers.pages.permissions import require_reader, require_right
from observers.pages.rendering import render_page
from observers.pages.status import read_status

CLEAR_HALT = KINDS["clear_halt"].event_type
NEWEST = 100
"""Ceremonies searched for proposals to clear the halt."""


class HaltForm(forms.Form):
    """Asks for a reason and a confirmation."""

    use_required_attribute = False
    reason = forms.CharField(label="Reason", max_length=MAX_REASON)
    meant = forms.BooleanField(
        label="I understand that nothing is recorded until three people clear the halt",
        error_messages={"required": "Tick this to halt the ledger."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def halt_page(request: HttpRequest) -> HttpResponseBase:
    """Shows the halt and its next steps, or the form to halt; POST halts the ledger."""
    return _show(request) if request.method in ("GET", "HEAD") else _halt(request)


@require_reader
def _show(request: HttpRequest) -> HttpResponse:
    return _page(request, HaltForm())


@require_right(HALT)
def _halt(request: HttpRequest) -> HttpResponse:
    form = HaltForm(request.POST)
    if form.is_valid():
        try:
            halt(writer(), reason=form.cleaned_data["reason"], by=request.user.get_username())
            return redirect("halt")
        except LedgerError as error:
            form.add_error(None, str(error))
    return _page(request, form, status=400)


def _page(request: HttpRequest, form: HaltForm, *, status: int = 200) -> HttpResponse:
    outlook = read_status()
    context = {
        "form": form,
        "in_force": are_ceremonies_in_force("default"),
        "may_halt": may(request.user, HALT),
        "may_propose": may(request.user, CEREMONIES),
        "proposals": _open_proposals() if outlook.halted else [],
    }
    return render_page(request, "halt.html", outlook, context, status=status)


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """An undecided proposal to clear the halt, and the number of missing approvals."""

    ceremony: Ceremony
    missing: int

    @property
    def waits_for(self) -> str:
        """The next step that the proposal waits for, in words."""
        if not self.missing:
            return "approved, not recorded yet"
        approvals = "1 more approval" if self.missing == 1 else f"{self.missing} more approvals"
        return f"waits for {approvals}"


def _open_proposals() -> list[OpenProposal]:
    """Return proposals to clear the halt, not recorded yet, among the newest ceremonies."""
    held, _ = list_ceremonies("default", limit=NEWEST)
    return [
        OpenProposal(each, max(APPROVALS - len(each.approvals), 0))
        for each in held
        if each.proposal.kind == CLEAR_HALT and each.recorded_sequence is None
    ]
