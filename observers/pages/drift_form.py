"""Checks what the address of the drift page asks for."""

from __future__ import annotations

from django import forms

from events.store.drift_figures import DriftChoice
from observers.pages.filters import DIALECTS, DriftFilterForm, MomentField


class DriftForm(DriftFilterForm):
    """Which warnings, from where; as a page, or as a file."""

    authority_from = MomentField(label="Authority time from (UTC)", required=False)
    authority_to = MomentField(label="until before (UTC)", required=False)
    imports = forms.ChoiceField(
        label="List warnings of",
        choices=[("", "running clocks"), ("too", "imports too")],
        required=False,
    )
    format = forms.ChoiceField(choices=[("", "page"), ("csv", "csv")], required=False)
    dialect = forms.ChoiceField(choices=DIALECTS, required=False)

    @property
    def chosen(self) -> dict[str, str]:
        """As of a page: the format is no part of a listing."""
        return {
            name: value
            for name, value in super().chosen.items()
            if name not in ("format", "dialect")
        }

    @property
    def narrows(self) -> bool:
        """Whether anything but the place, and what is listed, is chosen."""
        return bool(self.chosen.keys() - {"after", "before", "imports"})

    @property
    def filters(self) -> dict[str, str]:
        """What is chosen but the place."""
        return {k: v for k, v in self.chosen.items() if k not in ("after", "before")}

    def choice(self) -> DriftChoice:
        """What to narrow the warnings to."""
        chosen = self.cleaned_data
        return DriftChoice(
            agent_id=chosen["agent_id"] or None,
            min_seconds=chosen["min_seconds"],
            authority_from=chosen["authority_from"],
            authority_to=chosen["authority_to"],
        )
