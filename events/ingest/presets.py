"""How well-known logs name what happened and who did it.

It must never drop or change anything of a record: a preset only reads a type and an agent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events.ingest.local_time import TimeField
from events.ingest.paths import FieldPath, first_text, parse_path

Reader = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of log. `signature` are fields that all stand in its records, and hardly in any
    other's; `event_type` and `agent` give None when the record does not have them; `times` are
    the fields that may hold its time, the best first."""

    name: str
    what: str
    signatures: tuple[tuple[FieldPath, ...], ...]
    event_type: Reader
    agent: Reader
    times: tuple[TimeField, ...]

    def recognizes(self, record: Any) -> bool:
        """Whether a record looks like one of this kind."""
        return any(all(path.find_text(record) for path in paths) for paths in self.signatures)


def _paths(*texts: str) -> tuple[FieldPath, ...]:
    return tuple(parse_path(text) for text in texts)


def _times(*texts: str, unit: str | None = None) -> tuple[TimeField, ...]:
    return tuple(TimeField(path, unit) for path in _paths(*texts))


def _first(*texts: str) -> Reader:
    paths = _paths(*texts)
    return lambda record: first_text(paths, record)


def _joined(*readers: Reader) -> Reader:
    """The texts of all readers with spaces between, None unless all have one."""

    def read(record: Any) -> str | None:
        texts = [reader(record) for reader in readers]
        return " ".join(text for text in texts if text) if all(texts) else None

    return read


def _either(*readers: Reader) -> Reader:
    def read(record: Any) -> str | None:
        return next((text for reader in readers if (text := reader(record))), None)

    return read


def _kubernetes_object(record: Any) -> str | None:
    """`pods`, `pods/exec`; for a request that names no object, its path without the query."""
    resource = _RESOURCE(record)
    if resource is None:
        uri = _REQUEST_URI(record)
        return uri.partition("?")[0] if uri else None
    subresource = _SUBRESOURCE(record)
    return f"{resource}/{subresource}" if subresource else resource


_RESOURCE = _first("objectRef.resource")
_SUBRESOURCE = _first("objectRef.subresource")
_REQUEST_URI = _first("requestURI")

CLOUDTRAIL = Preset(
    name="cloudtrail",
    what="AWS CloudTrail: eventName; the user, role or service of userIdentity",
    signatures=(_paths("eventName", "eventSource"),),
    event_type=_first("eventName"),
    agent=_first(
        "userIdentity.userName",
        "userIdentity.sessionContext.sessionIssuer.userName",
        "userIdentity.invokedBy",
        "userIdentity.arn",
        "userIdentity.principalId",
        "userIdentity.accountId",
        "userIdentity.type",
        "eventSource",
    ),
    times=_times("eventTime", "@timestamp"),
)

# The event log as its collectors write it: flat, by Winlogbeat, by PowerShell, as XML made JSON.
WINDOWS = Preset(
    name="windows",
    what="Windows event log: channel (or source) and event id; the computer",
    signatures=(
        _paths("EventID", "Channel"),
        _paths("EventID", "SourceName"),
        _paths("winlog.event_id"),
        _paths("Event.System.Channel"),
        _paths("LogName", "ProviderName", "Id"),
    ),
    event_type=_joined(
        _first(
            "Channel",
            "SourceName",
            "winlog.channel",
            "winlog.provider_name",
            "Event.System.Channel",
            "LogName",
            "log_name",
            "ProviderName",
        ),
        _first(
            "EventID",
            "winlog.event_id",
            "Event.System.EventID",
            "Event.System.EventID.#text",
            "Id",
            "event_id",
        ),
    ),
    agent=_first(
        "Hostname",
        "Computer",
        "winlog.computer_name",
        "Event.System.Computer",
        "MachineName",
        "computer_name",
        "host.name",
        "host",
    ),
    times=_times(
        "Event.System.TimeCreated.#attributes.SystemTime",
        "Event.System.TimeCreated.SystemTime",
        "Event.System.TimeCreated.@SystemTime",
        "EventTime",
        "TimeCreated",
        "@timestamp",
    ),
)

JOURNALD = Preset(
    name="journald",
    what="systemd journal (journalctl -o json): unit, identifier or program; the host",
    signatures=(_paths("__REALTIME_TIMESTAMP"), _paths("_BOOT_ID", "_HOSTNAME")),
    event_type=_first(
        "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "SYSLOG_IDENTIFIER", "_COMM", "_TRANSPORT"
    ),
    agent=_first("_HOSTNAME", "_MACHINE_ID"),
    times=_times("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", unit="us"),
)

# Audit records, and the cluster's own events (kubectl get events -o json).
KUBERNETES = Preset(
    name="kubernetes",
    what="Kubernetes audit log: verb and resource; the user. Cluster events: reason and kind",
    signatures=(_paths("auditID", "verb"), _paths("reason", "involvedObject.kind")),
    event_type=_either(
        _joined(_first("verb"), _kubernetes_object),
        _joined(_first("reason"), _first("involvedObject.kind", "regarding.kind")),
    ),
    agent=_first(
        "user.username",
        "source.component",
        "reportingComponent",
        "reportingController",
        "deprecatedSource.component",
    ),
    times=_times(
        "stageTimestamp",
        "requestReceivedTimestamp",
        "eventTime",
        "lastTimestamp",
        "firstTimestamp",
        "metadata.creationTimestamp",
    ),
)

CLOUDEVENTS = Preset(
    name="cloudevents",
    what="CloudEvents 1.0: type; source",
    signatures=(_paths("specversion", "type", "source"),),
    event_type=_first("type"),
    agent=_first("source"),
    times=_times("time"),
)

PRESETS = {
    preset.name: preset for preset in (CLOUDTRAIL, WINDOWS, JOURNALD, KUBERNETES, CLOUDEVENTS)
}


def recognize(record: Any) -> Preset | None:
    """The kind of log a record looks like, if any."""
    return next((preset for preset in PRESETS.values() if preset.recognizes(record)), None)
