"""Pages of ceremonies: the list, one ceremony with its timeline, proposing and voting.

People sign on their own machines; the pages take the signatures and never see a private key.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from events import ceremonies as service
from events.accounts.roles import CEREMONIES, may
from events.append.services import key_backend, writer
from events.ceremonies import complete_details
from events.errors import CeremonyRefusedError, LedgerError
from events.format.ceremony import APPROVALS, KINDS, PROPOSED, Proposal, read_proposal
from events.format.event import MAX_SEQUENCE
from events.store import ceremonies as store
from events.store.ceremonies import Ceremony
from events.store.registry import are_ceremonies_in_force, list_people
from observers.pages.ceremonies.forms import (
    ProposalForm,
    SignatureForm,
    VoiceForm,
    as_recorded,
    is_kind,
)
from observers.pages.permissions import require_reader, require_right
from observers.pages.rendering import render_page
from observers.pages.status import read_status

USING = "default"
PAGE = 25


@require_reader
@require_safe
def ceremonies(request: HttpRequest) -> HttpResponse:
    """Lists ceremonies, newest first, and the registered people."""
    before = request.GET.get("before", "")
    place = min(int(before[:19]), MAX_SEQUENCE) if before.isdecimal() else None
    found, older = store.list_ceremonies(USING, limit=PAGE, before=place)
    shown = [as_recorded(USING, held) or held for held in found]
    context = {
        "ceremonies": [(held, KINDS[_name(held)], _standing(held)) for held in shown],
        "older": f"?before={older}" if older else None,
        "newest": "?" if place else None,
        "people": list_people(USING),
        "in_force": are_ceremonies_in_force(USING),
        "kinds": list(KINDS.values()),
        "may_operate": may(request.user, CEREMONIES),
    }
    return render_page(request, "ceremonies.html", read_status(), context)


@require_reader
@require_safe
def ceremony_page(request: HttpRequest, ceremony_id: UUID) -> HttpResponse:
    """Shows one ceremony; with `speaker` and `step`, also the text that this person signs."""
    return _show(request, _find(ceremony_id))


@require_reader
@require_safe
def statement(request: HttpRequest, ceremony_id: UUID) -> HttpResponse:
    """Serves the bytes that a person signs, as a file."""
    held = _find(ceremony_id)
    form = _voice_form(request, held)
    if form is None or not form.is_valid():
        raise Http404
    return _file(held.proposal, form.cleaned_data["step"], form.cleaned_data["speaker"])


@require_right(CEREMONIES)
@require_POST
def vote(request: HttpRequest, ceremony_id: UUID) -> HttpResponse:
    """Stores a vote whose signature verifies; records the ceremony with the last vote needed."""
    held = _find(ceremony_id)
    form = SignatureForm(request.POST)
    try:
        if not form.is_valid():
            return _show(request, held, signing=form, status=400)
        said = form.cleaned_data
        service.vote(
            USING,
            held.id,
            step=said["step"],
            person=said["speaker"],
            signature=said["signature"],
        )
    except LedgerError as error:
        form.add_error(None, str(error))
        return _show(request, _find(ceremony_id), signing=form, status=400)
    try:
        service.record_if_approved(writer(), held.id)
        return redirect("ceremony", ceremony_id=held.id)
    except LedgerError as error:  # the vote is stored; recording can be retried
        return _show(request, _find(ceremony_id), problem=str(error), status=400)


@require_right(CEREMONIES)
@require_POST
def record(request: HttpRequest, ceremony_id: UUID) -> HttpResponse:
    """Records an approved ceremony whose recording failed with the last vote."""
    held = _find(ceremony_id)
    try:
        service.record(writer(), held.id)
        return redirect("ceremony", ceremony_id=held.id)
    except LedgerError as error:
        return _show(request, held, problem=str(error), status=400)


@require_right(CEREMONIES)
@require_http_methods(["GET", "HEAD", "POST"])
def propose(request: HttpRequest) -> HttpResponse:
    """Asks for details and reason, then shows the text for the proposer to sign."""
    kind = request.GET.get("kind", "")
    if not is_kind(kind):
        raise Http404
    if "signature" in request.POST:
        return _keep_proposal(request, kind)
    if "download" in request.POST:
        return _proposal_file(request)
    given = {f"detail_{name}": value for name, value in request.GET.items() if name != "kind"}
    posted = request.POST if request.method == "POST" else None
    form = ProposalForm(kind, posted, _names(), own=request.user.get_username(), initial=given)
    context: dict[str, Any] = {"kind": KINDS[kind], "form": form}
    if posted is not None and form.is_valid():
        try:
            details = complete_details(kind, form.details, using=USING, backend=key_backend())
            proposal = service.draft(kind, form.cleaned_data["reason"], details)
            context |= _to_sign(proposal, PROPOSED, form.cleaned_data["speaker"])
        except LedgerError as error:
            form.add_error(None, str(error))
    status = 400 if form.errors else 200
    context["in_force"] = are_ceremonies_in_force(USING)
    return render_page(request, "ceremony_propose.html", read_status(), context, status=status)


def _keep_proposal(request: HttpRequest, kind: str) -> HttpResponse:
    form = SignatureForm(request.POST)
    context: dict[str, Any] = {"kind": KINDS[kind], "in_force": True}
    if not form.is_valid() and not form.cleaned_data.get("proposal"):
        raise Http404
    try:
        proposal = read_proposal(form.cleaned_data["proposal"])
        speaker = form.cleaned_data.get("speaker", "")
        context |= _to_sign(proposal, PROPOSED, speaker)
        if form.is_valid():
            signature = form.cleaned_data["signature"]
            service.speak(USING, proposal, step=PROPOSED, person=speaker, signature=signature)
            return redirect("ceremony", ceremony_id=proposal.ceremony_id)
    except CeremonyRefusedError as error:
        form.add_error(None, str(error))
    context["signing"] = form
    return render_page(request, "ceremony_propose.html", read_status(), context, status=400)


def _proposal_file(request: HttpRequest) -> HttpResponse:
    """Serves the text that the proposer signs; nothing is stored before it is signed."""
    try:
        proposal = read_proposal(request.POST.get("proposal", ""))
    except CeremonyRefusedError:
        raise Http404 from None
    return _file(proposal, PROPOSED, request.POST.get("speaker", ""))


def _file(proposal: Proposal, step: str, speaker: str) -> HttpResponse:
    answer = HttpResponse(
        proposal.statement(step, speaker), content_type="text/plain; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="statement.txt"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _show(
    request: HttpRequest,
    held: Ceremony,
    *,
    signing: SignatureForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """Renders the page of a ceremony, with the text to sign once a signer and a vote are chosen."""
    asking = _voice_form(request, held, signing)
    is_open = held.recorded_sequence is None and not held.is_expired
    approved = is_open and store.is_approved(USING, held.id)
    context: dict[str, Any] = {
        "held": held,
        "kind": KINDS[_name(held)],
        "approved": approved,
        "waiting": _waiting(held, approved),
        "asking": asking if may(request.user, CEREMONIES) else None,
        "may_operate": may(request.user, CEREMONIES),
        "problem": problem or _doubt(held),
    }
    if asking is not None and asking.is_valid() and may(request.user, CEREMONIES):
        said = asking.cleaned_data
        context |= _to_sign(held.proposal, said["step"], said["speaker"])
    if signing is not None:
        context["signing"] = signing
    return render_page(request, "ceremony.html", read_status(), context, status=status)


def _waiting(held: Ceremony, approved: bool) -> str:
    """A sentence that says which votes an open ceremony still needs."""
    if approved:
        return "Approved, not recorded yet."
    missing = APPROVALS - len(held.approvals)
    if missing > 0:
        return f"Waits for {missing} more {'approval' if missing == 1 else 'approvals'}."
    return "Waits for more approvals than rejections."


def _voice_form(
    request: HttpRequest, held: Ceremony, signing: SignatureForm | None = None
) -> VoiceForm | None:
    """Form with the people who may still vote; None when nobody can."""
    spoken = {step.person for step in held.steps}
    names = [name for name in _names() if name not in spoken]
    if held.recorded_sequence is not None or held.is_expired or not names:
        return None
    data = signing.data if signing is not None else request.GET
    return VoiceForm(data if "step" in data else None, names, own=request.user.get_username())


def _to_sign(proposal: Proposal, step: str, speaker: str) -> dict[str, Any]:
    initial = {"speaker": speaker, "step": step, "proposal": proposal.text}
    return {
        "proposal": proposal,
        "statement": proposal.statement(step, speaker).decode(),
        "speaker": speaker,
        "step": step,
        "signing": SignatureForm(initial=initial),
    }


def _names() -> list[str]:
    return [key.person for key in list_people(USING) if key.is_active]


def _doubt(held: Ceremony) -> str:
    if as_recorded(USING, held) is not None:
        return ""
    return (
        f"Event {held.recorded_sequence} does not record this ceremony. What is shown here is "
        "from a table outside the chain, and nothing in the chain confirms it."
    )


def _name(held: Ceremony) -> str:
    return held.proposal.kind.removeprefix("ceremony.")


def _standing(held: Ceremony) -> str:
    if held.recorded_sequence is not None:
        return "recorded"
    if held.is_expired:
        return "expired"
    against = f", {len(held.rejections)} against" if held.rejections else ""
    return f"open, {len(held.approvals)} of {APPROVALS} approvals{against}"


def _find(ceremony_id: UUID) -> Ceremony:
    try:
        held = store.find_ceremony(USING, str(ceremony_id))
    except CeremonyRefusedError:
        raise Http404 from None
    return as_recorded(USING, held) or held
