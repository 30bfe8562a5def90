"""Errors of ingestion: those that stop it, and those that reject a single record."""

from __future__ import annotations

from events.errors import LedgerError


class IngestError(LedgerError):
    """The ingestion cannot start or continue."""


class RejectedRecordError(LedgerError):
    """A single record is rejected, for the reason in the message; the others are ingested."""


class UntakableRecordError(RejectedRecordError):
    """The text of a record cannot be stored under any mapping."""


class FramingError(IngestError):
    """The input does not have the expected format, or its record boundaries are ambiguous."""
