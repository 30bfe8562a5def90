"""Records of verifications, newest first. It must never skip rows by counting them."""

from __future__ import annotations

from events.models import Verification
from events.store.connection import named_errors

FIGURES = (
    "findings",
    "findings_by_check",
    "documented_gaps",
)
"""Columns of a record that a list does not show, and that may be long."""


def newest(limit: int, *, before: int | None = None) -> list[Verification]:
    """The newest records, or those next older than `before`."""
    records = Verification.objects.defer(*FIGURES).order_by("-pk")
    with named_errors():
        return list((records if before is None else records.filter(pk__lt=before))[:limit])


def newer(limit: int, *, after: int) -> list[Verification]:
    """Those next newer than `after`, newest first."""
    records = Verification.objects.defer(*FIGURES).filter(pk__gt=after).order_by("pk")
    with named_errors():
        return list(records[:limit])[::-1]


def find(verification_id: int) -> Verification | None:
    """One record."""
    with named_errors():
        return Verification.objects.filter(pk=verification_id).first()
