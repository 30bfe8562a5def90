"""What the address of the gaps page may ask for. It must never let a value through that the store
refuses."""

from __future__ import annotations

from observers.pages.filters import GapPageForm, SequenceField


class GapForm(GapPageForm):
    """A stretch of the sequence, and a place among its gaps."""

    start = SequenceField(label="From sequence")
    end = SequenceField(label="To sequence")
    before = SequenceField()

    @property
    def narrows(self) -> bool:
        """Whether a stretch is chosen."""
        return bool(self.chosen.keys() & {"start", "end"})
