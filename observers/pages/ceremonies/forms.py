"""Forms of the ceremony pages, and the reading of a recorded ceremony from its event.

A recorded ceremony is shown as its event says it: the table of ceremonies is outside the chain.
Invariant: no form asks for a private key or a passphrase.
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
    "old_key": "Name of the key or witness",
    "seconds": "Threshold in seconds",
    "person": "Name of the person",
    "public_key": "Public key of the person",
    "proof": "Proof of the key, as `people prove` prints it",
}


class _Signed(forms.Form):
    """Base of forms with a signer. `names` are the people who may sign; `own` is the name of the
    signed-in account, preselected if it is one of them."""

    use_required_attribute = False

    def __init__(self, data: Any, names: Sequence[str], own: str = "", **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["speaker"] = forms.ChoiceField(
            label="Who signs",
            choices=[("", "choose a person"), *((name, name) for name in names)],
            initial=own if own in names else "",
        )


class ProposalForm(_Signed):
    """Reason and details of a new proposal, before anything is signed."""

    reason = forms.CharField(label="Reason", max_length=MAX_REASON)

    def __init__(
        self, kind: str, data: Any, names: Sequence[str], own: str = "", **options: Any
    ) -> None:
        super().__init__(data, names, own, **options)
        for name in ASKED[kind]:
            self.fields[f"detail_{name}"] = forms.CharField(label=_LABELS[name], max_length=500)

    @property
    def details(self) -> dict[str, str]:
        """The entered details, by the names that the kind of ceremony gives them."""
        prefix = "detail_"
        given = self.cleaned_data
        return {n.removeprefix(prefix): given[n] for n in given if n.startswith(prefix)}


class SignatureForm(forms.Form):
    """The signature of the text that the page showed."""

    use_required_attribute = False
    speaker = forms.CharField(widget=forms.HiddenInput)
    step = forms.CharField(widget=forms.HiddenInput, required=False)
    proposal = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
    signature = forms.CharField(label="Signature (base64)", max_length=200)


class VoiceForm(_Signed):
    """Asks who votes on a ceremony, and how."""

    step = forms.ChoiceField(label="Vote", choices=[(APPROVED, "approve"), (REJECTED, "reject")])


def is_kind(text: str) -> bool:
    """True if `text` names a kind of ceremony."""
    return text in KINDS


SYSTEM = "the system"


def as_recorded(using: str, held: Ceremony) -> Ceremony | None:
    """Return the ceremony with proposal and steps as its event records them, unchanged while it is
    open; None if the named event does not record it."""
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
