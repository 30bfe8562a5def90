"""What stops an ingestion, and what keeps one record out.

It must never hold behaviour: who catches an error decides.
"""

from __future__ import annotations

from events.errors import LedgerError


class IngestError(LedgerError):
    """An ingestion cannot start, or cannot go on."""


class RejectedRecordError(LedgerError):
    """One record cannot be taken; the message says why. The others go in."""


class UntakableRecordError(RejectedRecordError):
    """The text of a record cannot be recorded, whatever the mapping is."""


class FramingError(IngestError):
    """What is read is not what it is read as, or nobody can say where its records begin."""
