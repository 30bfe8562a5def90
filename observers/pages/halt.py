"""The page that halts the ledger, and what it says afterwards. It must never clear a halt."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from events.accounts.rights import HALT
from events.composition import writer
from events.errors import LedgerError
from events.halting import halt
from events.names import MAX_REASON
from events.store.people import are_ceremonies_in_force
from observers.pages.doors import requires
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook


class HaltForm(forms.Form):
    """Why, and that it is meant."""

    use_required_attribute = False
    reason = forms.CharField(label="Reason", max_length=MAX_REASON)
    meant = forms.BooleanField(
        label="I know that nothing is recorded any more until three people clear the halt",
        error_messages={"required": "Nothing is halted unless this is ticked."},
    )


@requires(HALT)
@require_http_methods(["GET", "HEAD", "POST"])
def halt_page(request: HttpRequest) -> HttpResponse:
    """The form; after it, the halted ledger."""
    form = HaltForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            halt(writer(), reason=form.cleaned_data["reason"], by=request.user.get_username())
            return redirect("halt")
        except LedgerError as error:
            form.add_error(None, str(error))
    context = {"form": form, "in_force": are_ceremonies_in_force("default")}
    status = 400 if form.errors else 200
    return render_page(request, "halt.html", read_outlook(), context, status=status)
