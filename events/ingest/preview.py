"""Previews the first records of an input before anything of it is written.

A `Preview` describes what will be recorded and what is unusual about it; it decides nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from events.errors import CanonicalJSONError, TimestampError
from events.format import canonical
from events.format.timestamps import format_timestamp
from events.ingest.errors import RejectedRecordError
from events.ingest.local_time import EARLIEST, UNITS, since
from events.ingest.mapping import Mapping
from events.ingest.presets import Preset, recognize
from events.ingest.records import Record
from events.ingest.reports import Report
from events.ingest.time_texts import Unsaid, parse_time
from events.store import registry
from events.store.connection import LedgerUnavailableError
from events.submission import Submission

PREVIEW_RECORDS = 100
"""Records of a preview, which holds at most PREVIEW_BYTES of them."""

PREVIEW_BYTES = 2**20
SHOWN = 5
SHOWN_BYTES = 300

_DEEPEST = 6
_MOST_FIELDS = 1000
_SAYS_TIME = re.compile(r"time|date|stamp|\bts\b|\bat$", re.IGNORECASE)
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}|[0-9]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeSeen:
    """A field whose values look like times: number of records, earliest and latest. `unit` is the
    likely unit of numbers; `wall_clock` means that texts lack a zone or year; `known` fields
    belong to the preset."""

    path: str
    known: bool
    count: int
    first: str
    last: str
    unit: str | None
    wall_clock: bool


@dataclass
class Preview:
    """Preview of one input. `kinds` counts the kinds of its records, `rejected` holds places and
    reasons, `passed_over` are named agents without a key, whose events are recorded for another
    agent, `new_agents` is None if the ledger is unavailable, `problem` says why the input ends
    early."""

    label: str
    source: str
    format: str | None
    preset: Preset | None
    recognized: bool
    read: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    passed_over: list[str] = field(default_factory=list)
    new_agents: list[str] | None = None
    times: list[TimeSeen] = field(default_factory=list)
    local_time: str | list[str] = "now"
    events: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The preview for JSON output."""
        return {
            "input": self.label,
            "source": self.source,
            "format": self.format,
            "preset": self.preset.name if self.preset else None,
            "recognized": self.recognized,
            "looked_at": self.read,
            "kinds": dict(self.kinds),
            "agents": dict(self.agents),
            "passed_over": self.passed_over,
            "new_agents": self.new_agents,
            "local_time": self.local_time,
            "times": [asdict(seen) for seen in self.times],
            "events": self.events,
            "problem": self.problem,
            "rejected": [{"place": place, "reason": why} for place, why in self.rejected],
        }


def kind_of(first: Sequence[Record]) -> Preset | None:
    """The preset that most of the first JSON objects match, if any."""
    kinds = Counter(
        preset
        for one in first
        if isinstance(value := _value(one), dict)
        for preset in [recognize(value)]
    )
    return kinds.most_common(1)[0][0] if kinds else None


def preview_records(
    report: Report,
    first: Sequence[Record],
    mapping: Mapping,
    *,
    recognized: bool,
    using: str,
) -> Preview:
    """Preview the first records of an input. `using` is the ledger's connection."""
    result = Preview(
        report.label, report.source, report.format, mapping.preset, recognized, read=len(first)
    )
    result.local_time = time_fields(mapping)
    passed_over: dict[str, None] = {}
    mapping = _noting(mapping, passed_over)
    times: dict[str, _Times] = {}
    for record in first:
        value = _value(record)
        result.kinds[_kind(value, mapping.preset)] += 1
        for path, moment in _moments(value):
            times.setdefault(path, _Times()).add(moment)
        place = f"{report.label}:{record.line}"
        try:
            if record.problem:
                raise RejectedRecordError(record.problem)
            submission = mapping.submission(
                record.text,
                source=report.source,
                number=record.number,
                identity=record.identity,
            )
        except RejectedRecordError as error:
            result.rejected.append((place, str(error)))
            continue
        result.agents[submission.agent_id or ""] += 1
        if len(result.events) < SHOWN:
            result.events.append(preview(place, submission))
    known = {one.path.text for one in mapping.preset.times} if mapping.preset else set()
    result.times = sorted(
        (seen.said(path, path in known) for path, seen in times.items()),
        key=lambda one: (not one.known, -one.count, one.path),
    )
    result.passed_over = list(passed_over)
    result.new_agents = _new(list(result.agents), using)
    return result


def _noting(mapping: Mapping, passed_over: dict[str, None]) -> Mapping:
    """A mapping that also collects the agents without a key."""
    own_name = mapping.own_name
    if own_name is None:
        return mapping

    def noted(agent_id: str) -> bool:
        if own_name(agent_id):
            return True
        passed_over[agent_id] = None
        return False

    return replace(mapping, own_name=noted)


def time_fields(mapping: Mapping) -> str | list[str]:
    """The fields of the local time, or `now` for the clock of this computer."""
    times = mapping.local_time
    if times is None:
        return "now"
    return [one if isinstance(one, str) else one.path.text for one in times.fields]


def preview(place: str, submission: Submission) -> dict[str, Any]:
    """An event as it will be recorded, its payload shortened."""
    payload = submission.canonical_payload[:SHOWN_BYTES].decode("utf-8", "ignore")
    cut = "…" if len(submission.canonical_payload) > SHOWN_BYTES else ""
    moment = submission.local_timestamp
    return {
        "place": place,
        "event_type": submission.event_type,
        "agent_id": submission.agent_id,
        "local_timestamp": format_timestamp(moment) if moment else "now",
        "event_id": submission.event_id,
        "payload": payload + cut,
    }


def _value(record: Record) -> Any:
    try:
        return canonical.parse(record.text).value
    except CanonicalJSONError:
        return None


def _kind(value: Any, expected: Preset | None) -> str:
    """The kind of a record, in words."""
    if not isinstance(value, dict):
        return "not a JSON object"
    if expected and expected.recognizes(value):
        return expected.name
    preset = recognize(value)
    return preset.name if preset else "JSON object"


def _new(agents: list[str], using: str) -> list[str] | None:
    try:
        return sorted(set(agents) - registry.active_keys(using, agents).keys())
    except LedgerUnavailableError:
        return None


@dataclass(frozen=True, slots=True)
class _Moment:
    at: datetime
    unit: str | None
    wall_clock: bool


class _Times:
    """Collects the times of one field."""

    def __init__(self) -> None:
        self._seen: list[_Moment] = []

    def add(self, moment: _Moment) -> None:
        self._seen.append(moment)

    def said(self, path: str, known: bool) -> TimeSeen:
        at = [one.at for one in self._seen]
        return TimeSeen(
            path=path,
            known=known,
            count=len(at),
            first=f"{min(at):%Y-%m-%dT%H:%M:%SZ}",
            last=f"{max(at):%Y-%m-%dT%H:%M:%SZ}",
            unit=self._seen[0].unit,
            wall_clock=any(one.wall_clock for one in self._seen),
        )


def _moments(value: Any) -> Iterator[tuple[str, _Moment]]:
    """The fields of a record that look like times."""
    for path, name, found in _fields(value):
        moment = _text(found) if isinstance(found, str) else _number(name, found)
        if moment:
            yield path, moment


def _fields(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, last key and value of the texts and numbers inside objects, breadth first."""
    level: list[tuple[str, Any]] = [("", value)]
    left = _MOST_FIELDS
    for _ in range(_DEEPEST):
        deeper: list[tuple[str, Any]] = []
        for path, one in level:
            for key, member in one.items() if isinstance(one, dict) else ():
                left -= 1
                if left < 0:
                    return
                step = re.sub(r"([\\.])", r"\\\1", key)
                inner = f"{path}.{step}" if path else step
                if isinstance(member, dict):
                    deeper.append((inner, member))
                elif isinstance(member, str | int | float) and not isinstance(member, bool):
                    yield inner, key, member
        level = deeper


def _text(text: str) -> _Moment | None:
    if not 8 <= len(text) <= 60 or not _CLOCK.search(text):
        return None
    try:
        return _Moment(parse_time(text, Unsaid()), None, False)
    except TimestampError:
        pass
    try:
        return _Moment(parse_time(text, Unsaid(UTC, datetime.now(UTC).year)), None, True)
    except TimestampError:
        return None


def _number(name: str, value: float) -> _Moment | None:
    """A number whose key suggests a time, in the unit that puts it between 1990 and tomorrow."""
    if not _SAYS_TIME.search(name):
        return None
    for unit in UNITS:
        try:
            moment = since(format(Decimal(repr(value)), "f"), unit)
        except TimestampError:
            continue
        if EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=1):
            return _Moment(moment, unit, False)
    return None
