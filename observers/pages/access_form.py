"""What the address of the access log may ask for. It must never let a value through that the store
refuses."""

from __future__ import annotations

from dataclasses import replace

from django import forms

from events.store.access_log import AccessFilter
from observers.pages.filters import DIALECTS, AddressForm, MomentField, SequenceField

OUTCOMES = ("answered", "refused", "begun", "sent", "broken off")


class AccessForm(AddressForm):
    """Which entries, from where; as a page, or as a file."""

    who = forms.CharField(label="Who", max_length=200, required=False)
    route = forms.CharField(label="What", max_length=200, required=False)
    address = forms.CharField(label="From address", max_length=64, required=False)
    outcome = forms.ChoiceField(
        label="How it ended",
        choices=[("", "any"), *((name, name) for name in OUTCOMES)],
        required=False,
    )
    at_from = MomentField(label="From time (UTC)", required=False)
    at_to = MomentField(label="until before (UTC)", required=False)
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)
    format = forms.ChoiceField(
        choices=[("", "page"), ("csv", "csv"), ("jsonl", "jsonl")], required=False
    )
    dialect = forms.ChoiceField(choices=DIALECTS, required=False)

    @property
    def filters(self) -> dict[str, str]:
        """What is chosen but the place and the form."""
        place = ("after", "before", "format", "dialect")
        return {k: v for k, v in self.chosen.items() if k not in place}

    def choice(self) -> AccessFilter:
        """What to narrow the entries to, wherever in the listing."""
        chosen = {name: self.cleaned_data[name] or None for name in self.filters}
        return replace(AccessFilter(), **chosen)
