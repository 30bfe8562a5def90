"""Every deliberate error of the ledger, in one shallow tree rooted at `LedgerError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class LedgerError(Exception):
    """Base of every deliberate refusal of the ledger."""


class CanonicalJSONError(LedgerError):
    """A JSON text or value has no canonical form (RFC 8785 with 64-bit integers).

    `path` is the RFC 6901 pointer of the wrong value, "" for the whole document.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"{reason} (at {path})" if path else reason)


class TimestampError(LedgerError):
    """A text is not a timestamp the ledger can hold (RFC 3339, with offset, years 1 to 9999)."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a submission: its RFC 6901 pointer and the reason."""

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
    """A submission is malformed; `errors` names each wrong field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        where = f"event {first.index}, " if first.index is not None else ""
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        super().__init__(f"{where}{first.pointer or 'the submission'}: {first.detail}{more}")


class EventIdConflictError(LedgerError):
    """An `event_id` is taken by an event with other content.

    `is_erased`: the payload of that event was erased, so the contents can no longer be compared.
    `is_foreign`: the event is another agent's, and its place must not be disclosed. `is_unseen`: no
    event has the id, but the table refuses it all the same.
    """

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
            ", whose payload was erased, so the contents can no longer be compared"
            if is_erased
            else " with other content"
        )
        if is_unseen:
            where, how = "a row of the database that is not part of the ledger", ""
        super().__init__(f"event_id {event_id} is used by {where}{how}")


class QueueFullError(LedgerError):
    """The append queue is full, and nothing was accepted. Retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class LedgerHeldError(LedgerError):
    """Another transaction holds the ledger's lock, and nothing was written. Retry after
    `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SystemHaltedError(LedgerError):
    """CT-11: the ledger is halted. Invariant: no caller catches this and continues to write."""


class CeremonyRefusedError(LedgerError):
    """CT-13: a step of a ceremony, or an action that needs one, is refused; `check` names the
    reason."""

    def __init__(self, message: str, check: str) -> None:
        self.check = check
        super().__init__(message)


class HeadMismatchError(LedgerError):
    """CT-13: the last event in `events` is not the one that the last append recorded. Nothing may
    be appended."""


class AppendRefusedError(LedgerError):
    """The database refused an append; `check` is the name of the check that failed."""

    def __init__(self, message: str, check: str) -> None:
        self.check = check
        super().__init__(message)


class NoActiveKeyError(LedgerError):
    """An agent has no active signing key, or its private key is not in the key backend."""


class WriterHeldKeyError(NoActiveKeyError):
    """The portal cannot sign for an agent whose writer holds the key."""


class KeyBackendError(LedgerError):
    """The key backend cannot create, find or read a private key."""


class WitnessUnavailableError(LedgerError):
    """RT-1: no witness is available, so the write is refused (CT-12)."""


class KeyRegistryError(LedgerError):
    """The registry refused to register or retire a key or a witness."""


class LedgerConfigurationError(LedgerError):
    """A setting of the ledger is out of bounds."""
