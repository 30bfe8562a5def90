"""Every error that the ledger raises on purpose, one shallow tree rooted at `LedgerError`.

It must never hold behaviour: an error says what is wrong and where, and who catches it decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class LedgerError(Exception):
    """Base of every deliberate refusal of the ledger."""


class CanonicalJSONError(LedgerError):
    """A JSON text or value has no canonical form (RFC 8785 with 64-bit integers).

    `path` is the RFC 6901 pointer of the value that is wrong, "" for the whole document.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"{reason} (at {path})" if path else reason)


class TimestampError(LedgerError):
    """A text is not a timestamp the ledger can hold (RFC 3339, with offset, years 1 to 9999)."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a submission: its RFC 6901 pointer and what is wrong with it."""

    pointer: str
    detail: str
    index: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As an entry of the `errors` member of a problem detail (RFC 9457)."""
        entry: dict[str, Any] = {"pointer": self.pointer, "detail": self.detail}
        if self.index is not None:
            entry["index"] = self.index
        return entry


class InvalidSubmissionError(LedgerError):
    """A submission is refused before the lock; `errors` names each wrong field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        where = f"event {first.index}, " if first.index is not None else ""
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        super().__init__(f"{where}{first.pointer or 'the submission'}: {first.detail}{more}")


class EventIdConflictError(LedgerError):
    """An `event_id` is in the ledger already with other content, or with what may be other content:
    of an event whose payload was erased (`is_erased`) nobody can say any more. `is_foreign`: the
    event is another agent's, who need not know where it stands. `is_unseen`: no event has it, and
    the table refuses it all the same."""

    def __init__(
        self,
        event_id: str,
        sequence: int | None,
        index: int | None = None,
        *,
        is_erased: bool = False,
        is_foreign: bool = False,
        is_unseen: bool = False,
    ) -> None:
        self.event_id = event_id
        self.sequence = sequence
        self.index = index
        self.is_erased = is_erased
        self.is_foreign = is_foreign
        where = f"sequence {sequence}" if sequence is not None else "another event of this batch"
        how = (
            ", whose payload was erased: that this is the same event cannot be shown any more"
            if is_erased
            else " with other content"
        )
        if is_unseen:
            where, how = "a row of the database that is no event of the ledger", ""
        super().__init__(f"event_id {event_id} is taken by {where}{how}")


class QueueFullError(LedgerError):
    """The writer's queue is full: nothing was taken. Send it again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class LedgerHeldError(LedgerError):
    """Another transaction keeps the lock that every append needs: nothing was written. Send it
    again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SystemHaltedError(LedgerError):
    """CT-11: the ledger is halted. Nothing catches this and goes on."""


class CeremonyRefusedError(LedgerError):
    """CT-13: a step of a ceremony, or what takes a ceremony, is refused; `check` names why."""

    def __init__(self, message: str, check: str) -> None:
        self.check = check
        super().__init__(message)


class HeadMismatchError(LedgerError):
    """CT-13: `events` does not end where the last append says. Nothing may be appended."""


class AppendRefusedError(LedgerError):
    """The database refused an append; `check` is the name of the check that failed."""

    def __init__(self, message: str, check: str) -> None:
        self.check = check
        super().__init__(message)


class NoActiveKeyError(LedgerError):
    """An agent has no active signing key, or its private half is not in the key backend."""


class KeyBackendError(LedgerError):
    """The key backend cannot create, find or read a private key."""


class WitnessUnavailableError(LedgerError):
    """RT-1: no active witness can attest, so the write is refused (CT-12)."""


class KeyRegistryError(LedgerError):
    """The registry refused to register or retire a key or a witness."""


class LedgerConfigurationError(LedgerError):
    """A setting of the ledger is out of its bounds."""
