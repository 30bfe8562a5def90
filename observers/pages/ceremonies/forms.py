"""What the ceremony pages ask for. They must never ask for a private key or a passphrase.

A recorded ceremony as its event tells it: the table of ceremonies stands beside the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms

from events.ceremonies import ASKED
from events.errors import CanonicalJSONError, CeremonyRefusedError
from events.format import canonical
from events.format.ceremony import APPROVED, KINDS, PROPOSED, RECORDED, REJECTED, proposal_of
from events.format.event import Event
from events.format.names import MAX_REASON
from events.store.ceremonies import Ceremony, Step
from events.store.ledger import PostgresEventStore

_LABELS = {
    "first": "First missing number",
    "last": "Last missing number",
    "sequence": "Sequence of the event",
    "old_key": "Key or witness, by its name",
    "seconds": "Threshold in seconds",
    "person": "Name of the person",
    "public_key": "Public key of the person",
    "proof": "Its signature, as `people prove` prints it",
}


class _Signed(forms.Form):
    """Base: who speaks. `names` are the people who may; `own` is the name of the account that is
    signed in, and is chosen if it is one of them."""

    use_required_attribute = False

    def __init__(self, data: Any, names: Sequence[str], own: str = "", **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["speaker"] = forms.ChoiceField(
            label="Who signs",
            choices=[("", "choose a person"), *((name, name) for name in names)],
            initial=own if own in names else "",
        )


class ProposalForm(_Signed):
    """Reason and details of a kind, before anything is signed."""

    reason = forms.CharField(label="Reason", max_length=MAX_REASON)

    def __init__(
        self, kind: str, data: Any, names: Sequence[str], own: str = "", **options: Any
    ) -> None:
        super().__init__(data, names, own, **options)
        for name in ASKED[kind]:
            self.fields[f"detail_{name}"] = forms.CharField(label=_LABELS[name], max_length=500)

    @property
    def details(self) -> dict[str, str]:
        """What was said, by the names of the kind."""
        prefix = "detail_"
        given = self.cleaned_data
        return {n.removeprefix(prefix): given[n] for n in given if n.startswith(prefix)}


class SignatureForm(forms.Form):
    """The signature of what the page showed."""

    use_required_attribute = False
    speaker = forms.CharField(widget=forms.HiddenInput)
    step = forms.CharField(widget=forms.HiddenInput, required=False)
    proposal = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
    signature = forms.CharField(label="Signature (base64)", max_length=200)


class VoiceForm(_Signed):
    """Who wants to say what of a ceremony."""

    step = forms.ChoiceField(
        label="What", choices=[(APPROVED, "approves it"), (REJECTED, "rejects it")]
    )


def is_kind(text: str) -> bool:
    """Whether there is such a kind of ceremony."""
    return text in KINDS


SYSTEM = "the system"


def as_recorded(using: str, held: Ceremony) -> Ceremony | None:
    """The ceremony with proposal and steps of the event that records it, as it is while it is
    open; None where the event that is named does not record it."""
    if held.recorded_sequence is None:
        return held
    event = PostgresEventStore(using).get_event(held.recorded_sequence)
    if event is None or event.agent_id is not None:
        return None
    try:
        return _read(held, event)
    except (CanonicalJSONError, CeremonyRefusedError, KeyError, TypeError):
        return None


def _read(held: Ceremony, event: Event) -> Ceremony | None:
    payload: dict[str, Any] = canonical.parse(event.payload, stored=True).value
    text = canonical.canonicalize(payload["proposal"]).decode()
    proposal = proposal_of(payload["proposal"], text)
    if (proposal.kind, payload["ceremony_id"]) != (event.event_type, held.id):
        return None
    voices = [(PROPOSED, payload["proposed_by"])]
    voices += [(APPROVED, voice) for voice in payload["approvals"]]
    voices += [(REJECTED, voice) for voice in payload["rejections"]]
    steps = [Step(step, voice["person"], voice["at"], None, None) for step, voice in voices]
    steps.sort(key=lambda step: step.at)
    recorded = Step(RECORDED, SYSTEM, event.authority_timestamp, None, event.sequence)
    return replace(held, proposal=proposal, steps=(*steps, recorded))
