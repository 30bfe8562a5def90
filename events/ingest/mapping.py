"""Turns one record into one submission: its type, its agent, its time, its id.

Nothing of a record is changed: the payload is all of it. The database is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from events import canonical
from events.errors import CanonicalJSONError, InvalidSubmissionError
from events.ingest.errors import RejectedRecordError
from events.ingest.event_ids import record_event_id
from events.ingest.local_time import LocalTime, TimeField
from events.ingest.paths import FieldPath, first_text
from events.ingest.presets import Preset
from events.names import wrong_name
from events.submission import Submission, validate

DEFAULT_TYPE = "log.line"

_ANY_TIME = "1970-01-01T00:00:00Z"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where the fields of an event come from.

    Named fields come before the preset's, and both before the constants `event_type` and `agent`.
    `type_prefix` goes before types that are read from fields. Without `local_time`, and of a
    record that has none of its fields, the clock of the process that writes is taken.
    """

    preset: Preset | None = None
    type_fields: tuple[FieldPath, ...] = ()
    agent_fields: tuple[FieldPath, ...] = ()
    event_type: str | None = None
    type_prefix: str = ""
    agent: str | None = None
    id_field: FieldPath | None = None
    local_time: LocalTime | None = None

    def submission(self, text: bytes, *, source: str, number: int) -> Submission:
        """The submission of a record's JSON text.

        Raises:
            RejectedRecordError: the text is no record that can be taken, and why.
        """
        try:
            record, plain = canonical.parse(text)
            return self._map(record, plain, source, number)
        except CanonicalJSONError as error:
            raise RejectedRecordError(str(error)) from None
        except InvalidSubmissionError as error:
            raise RejectedRecordError(_reasons(error)) from None

    def _map(self, record: Any, plain: bool, source: str, number: int) -> Submission:
        agent_id = self._agent(record)
        named_id = self._named_id(record)
        moment = self.local_time.read(record, self._times()) if self.local_time else None
        submission = validate(
            {
                "event_type": self._event_type(record),
                "payload": record,
                "event_id": named_id,
                "local_timestamp": _ANY_TIME,
            },
            agent_id=agent_id,
            plain=plain,
        )
        return replace(
            submission,
            local_timestamp=moment,
            event_id=submission.event_id
            or record_event_id(source, number, submission.canonical_payload),
        )

    def _times(self) -> tuple[TimeField, ...]:
        return self.preset.times if self.preset else ()

    def _event_type(self, record: Any) -> str:
        found = first_text(self.type_fields, record)
        if found is None and self.preset:
            found = self.preset.event_type(record)
        if found is not None:
            return self.type_prefix + found.strip(" ")
        if self.event_type is None:
            raise RejectedRecordError(f"no event type: {self._sought(self.type_fields, 'type')}")
        return self.event_type

    def _agent(self, record: Any) -> str:
        found = first_text(self.agent_fields, record)
        if found is None and self.preset:
            found = self.preset.agent(record)
        if found is None and self.agent is None:
            raise RejectedRecordError(f"no agent: {self._sought(self.agent_fields, 'agent')}")
        agent = (found or self.agent or "").strip(" ")
        if wrong := wrong_name(agent):
            raise RejectedRecordError(f"the agent's name {_shortened(agent)} {wrong}")
        return agent

    def _named_id(self, record: Any) -> str | None:
        if self.id_field is None:
            return None
        found = self.id_field.find_text(record)
        if found is None:
            raise RejectedRecordError(f"no event id: {self.id_field.text} is not there")
        return found

    def _sought(self, fields: tuple[FieldPath, ...], option: str) -> str:
        places = [path.text for path in fields]
        if self.preset:
            places.append(f"what the preset {self.preset.name} looks for")
        return f"{' and '.join(places)} is not there; --{option} NAME would stand in for it"


def _reasons(error: InvalidSubmissionError) -> str:
    return "; ".join(f"{wrong.pointer}: {wrong.detail}" for wrong in error.errors)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
