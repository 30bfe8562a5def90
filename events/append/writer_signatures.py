"""Verifies the signatures that writers made themselves, in the caller's thread, before the ledger's
lock is taken. Libsodium runs without the GIL, so requests verify in parallel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.append.chain import PreparedEvent
from events.errors import FieldError, InvalidSubmissionError
from events.format import ed25519, event, key_events
from events.store import registry
from events.store.registry import SigningKey
from events.submission import WriterSignature

MAX_KNOWN = 100_000
"""Keys that are cached at once."""


_Signed = tuple[int | None, PreparedEvent, WriterSignature]
"""An event with its place in a batch, and its signature."""


class WriterSignatures:
    """The writer-held keys of one ledger.

    Keys are cached, also retired ones: what they signed before their end can be sent again, and the
    append decides which one is active. They are read again before anything is refused.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self._ledger_id = ""
        self._known: dict[str, SigningKey] = {}

    def check(self, prepared: Sequence[PreparedEvent]) -> None:
        """Verify every event that comes with a signature of its writer.

        Raises:
            InvalidSubmissionError: with each wrong field.
        """
        signed = [
            (place if len(prepared) > 1 else None, item, item.submission.signed)
            for place, item in enumerate(prepared)
            if item.submission.signed is not None
        ]
        if not signed:
            return
        key_ids = {own.key_id for _, _, own in signed}
        errors = self._errors(signed, self._keys(key_ids))
        if errors:  # the database may have been restored since, with other keys behind its end
            errors = self._errors(signed, self._read(key_ids))
        if errors:
            raise InvalidSubmissionError(errors)

    def _keys(self, key_ids: set[str]) -> dict[str, SigningKey]:
        keys = {key_id: key for key_id in key_ids if (key := self._known.get(key_id))}
        return keys if len(keys) == len(key_ids) else self._read(key_ids)

    def _read(self, key_ids: set[str]) -> dict[str, SigningKey]:
        self._ledger_id = registry.ledger_id(self.using)
        keys = registry.signing_keys(self.using, key_ids)
        if len(self._known) > MAX_KNOWN:
            self._known = {}
        self._known |= keys
        return keys

    def _errors(
        self, signed: Sequence[_Signed], keys: Mapping[str, SigningKey]
    ) -> list[FieldError]:
        return [
            FieldError(*wrong, place)
            for place, item, own in signed
            if (wrong := self._wrong(item, own, keys.get(own.key_id)))
        ]

    def _wrong(
        self, item: PreparedEvent, own: WriterSignature, key: SigningKey | None
    ) -> tuple[str, str] | None:
        """The field that is wrong and the reason."""
        agent = item.submission.agent_id
        if key is None or agent is None or key.agent_id != agent:
            return "/signing_key_id", f"is not a key of the agent {agent}"
        if key.custody != key_events.WRITER:
            return "/signing_key_id", "is held by the portal, so only the portal signs with it"
        message = event.submission_message(
            agent_id=agent,
            event_id=item.event_id,
            event_type=item.submission.event_type,
            hash_alg_version=event.HASH_ALG_VERSION,
            ledger_id=self._ledger_id,
            local_timestamp=item.local_timestamp,
            payload_hash=item.payload_hash,
            sig_alg_version=item.sig_alg_version,
            signing_key_id=own.key_id,
        )
        try:
            ed25519.verify(ed25519.decode_key(key.public_key), message, own.signature)
        except ed25519.SignatureError:
            content = message.removeprefix(event.SUBMISSION_CONTEXT).decode()
            context = event.SUBMISSION_CONTEXT.decode().strip()
            return "/signature", (
                f"does not verify with the key {own.key_id}; verified was "
                f'"{context}", a line feed, and {content}'
            )
        return None
