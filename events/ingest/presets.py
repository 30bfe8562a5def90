"""Presets of well-known logs.

A preset only says where event type, agent and time are read; it never changes a record.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from events.ingest.paths import FieldPath
from events.ingest.preset import (
    Preset,
    either,
    first,
    first_key,
    joined,
    named_where,
    prefixed,
    signatures,
    times,
)

__all__ = ["PRESETS", "Preset", "inside", "recognize"]

_AROUND = ({"record", "envelope"}, {"line", "fields"})


def _kubernetes_object(record: Any) -> str | None:
    """`pods` or `pods/exec`; for a request without object, its path without the query."""
    resource = _RESOURCE(record)
    if resource is None:
        uri = _REQUEST_URI(record)
        return uri.partition("?")[0] if uri else None
    subresource = _SUBRESOURCE(record)
    return f"{resource}/{subresource}" if subresource else resource


_RESOURCE = first("objectRef.resource")
_SUBRESOURCE = first("objectRef.subresource")
_REQUEST_URI = first("requestURI")

CLOUDTRAIL = Preset(
    name="cloudtrail",
    what="AWS CloudTrail: eventName; the user, role or service of userIdentity",
    signatures=signatures("eventName eventSource"),
    event_type=first("eventName"),
    agent=first(
        "userIdentity.userName userIdentity.sessionContext.sessionIssuer.userName"
        " userIdentity.invokedBy userIdentity.arn userIdentity.principalId"
        " userIdentity.accountId userIdentity.type eventSource"
    ),
    times=times("eventTime @timestamp"),
)

# As collectors write the event log: flat, Winlogbeat, PowerShell, XML converted to JSON.
WINDOWS = Preset(
    name="windows",
    what="Windows event log: channel (or source) and event id; the computer",
    signatures=signatures(
        "EventID Channel",
        "EventID SourceName",
        "winlog.event_id",
        "Event.System.Channel",
        "LogName ProviderName Id",
    ),
    event_type=joined(
        first(
            "Channel SourceName winlog.channel winlog.provider_name Event.System.Channel LogName"
            " log_name ProviderName"
        ),
        first(
            "EventID winlog.event_id Event.System.EventID Event.System.EventID.#text Id event_id"
        ),
    ),
    agent=first(
        "Hostname Computer winlog.computer_name Event.System.Computer MachineName computer_name"
        " host.name host"
    ),
    times=times(
        "Event.System.TimeCreated.#attributes.SystemTime Event.System.TimeCreated.SystemTime"
        " Event.System.TimeCreated.@SystemTime EventTime TimeCreated @timestamp"
    ),
)

JOURNALD = Preset(
    name="journald",
    what="systemd journal (journalctl -o json): unit, identifier or program; the host",
    signatures=signatures("__REALTIME_TIMESTAMP", "_BOOT_ID _HOSTNAME"),
    event_type=first("_SYSTEMD_UNIT _SYSTEMD_USER_UNIT SYSLOG_IDENTIFIER _COMM _TRANSPORT"),
    agent=first("_HOSTNAME _MACHINE_ID"),
    times=times("_SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP", "us"),
)

# Audit records, and the cluster's own events (kubectl get events -o json).
KUBERNETES = Preset(
    name="kubernetes",
    what="Kubernetes audit log: verb and resource; the user. Cluster events: reason and kind",
    signatures=signatures("auditID verb", "reason involvedObject.kind"),
    event_type=either(
        joined(first("verb"), _kubernetes_object),
        joined(first("reason"), first("involvedObject.kind regarding.kind")),
    ),
    agent=first(
        "user.username source.component reportingComponent reportingController"
        " deprecatedSource.component"
    ),
    times=times(
        "stageTimestamp requestReceivedTimestamp eventTime lastTimestamp firstTimestamp"
        " metadata.creationTimestamp"
    ),
)

CLOUDEVENTS = Preset(
    name="cloudevents",
    what="CloudEvents 1.0: type; source",
    signatures=signatures("specversion type source"),
    event_type=first("type"),
    agent=first("source"),
    times=times("time"),
)

OKTA = Preset(
    name="okta",
    what="Okta System Log: okta. and eventType; the actor",
    signatures=signatures("eventType published actor.alternateId", "eventType published uuid"),
    event_type=prefixed("okta.", first("eventType")),
    agent=first("actor.alternateId actor.displayName actor.id"),
    times=times("published"),
)

GCP = Preset(
    name="gcp",
    what="Google Cloud audit logs: methodName; the principal",
    signatures=signatures("protoPayload.methodName", "protopayload_auditlog.methodName"),
    event_type=first("protoPayload.methodName protopayload_auditlog.methodName"),
    agent=first(
        "protoPayload.authenticationInfo.principalEmail"
        " protoPayload.authenticationInfo.principalSubject"
        " protopayload_auditlog.authenticationInfo.principalEmail"
        " protoPayload.serviceName"
    ),
    times=times("timestamp receiveTimestamp"),
)

M365 = Preset(
    name="m365",
    what="Microsoft 365 unified audit log: Operation; the user",
    signatures=signatures("CreationTime Operation Workload", "CreationTime Operation RecordType"),
    event_type=first("Operation"),
    agent=first("UserId UserKey"),
    # The schema of the Management Activity API: "The date and time in UTC".
    times=times("CreationTime", utc=True),
)

DEFENDER = Preset(
    name="defender",
    what="Microsoft Defender XDR, advanced hunting: ActionType; the device",
    signatures=signatures("ActionType DeviceId Timestamp", "ActionType DeviceId TimeGenerated"),
    event_type=first("ActionType"),
    agent=first("DeviceName DeviceId"),
    times=times("Timestamp TimeGenerated"),
)

# Entra ID by Graph (directoryAudits, signIns), diagnostic settings, Log Analytics; Activity Log.
AZURE = Preset(
    name="azure",
    what="Azure and Entra ID: the operation; who initiated it",
    signatures=signatures(
        "activityDisplayName activityDateTime",
        "createdDateTime userPrincipalName appDisplayName",
        "operationName.value eventTimestamp",
        "operationName resourceId time",
        "operationName category time",
        "OperationName TimeGenerated Category",
    ),
    event_type=either(
        first(
            "activityDisplayName operationName.value operationName ActivityDisplayName"
            " OperationName"
        ),
        named_where("appDisplayName", "signIn"),
    ),
    agent=first(
        "initiatedBy.user.userPrincipalName initiatedBy.app.displayName"
        " properties.initiatedBy.user.userPrincipalName properties.initiatedBy.app.displayName"
        " properties.userPrincipalName userPrincipalName caller identity Identity"
        " LoggedByService properties.loggedByService resourceId"
    ),
    times=times(
        "activityDateTime eventTimestamp createdDateTime properties.activityDateTime time"
        " ActivityDateTime TimeGenerated"
    ),
)

GITHUB = Preset(
    name="github",
    what="GitHub audit log: action; the actor",
    signatures=signatures(
        "action actor @timestamp", "action actor created_at", "action _document_id"
    ),
    event_type=first("action"),
    agent=first("actor user org business"),
    times=times("@timestamp created_at", "ms"),
)

GOOGLE_WORKSPACE = Preset(
    name="google-workspace",
    what="Google Workspace reports: application and event; the actor",
    signatures=signatures("id.applicationName id.time", "id.applicationName id.uniqueQualifier"),
    event_type=joined(first("id.applicationName"), first("events.0.name name")),
    agent=first("actor.email actor.profileId actor.key actor.callerType"),
    times=times("id.time"),
)

SLACK = Preset(
    name="slack",
    what="Slack audit logs: action; the actor",
    signatures=signatures("action date_create entity.type", "action date_create actor.type"),
    event_type=first("action"),
    agent=first("actor.user.email actor.user.name actor.user.id actor.type"),
    times=times("date_create", "s"),
)

VAULT = Preset(
    name="vault",
    what="HashiCorp Vault audit: request or response, and operation; the entity's name",
    signatures=signatures("type request.operation request.path"),
    event_type=prefixed("vault.", joined(first("type"), first("request.operation"))),
    agent=first("auth.display_name auth.entity_id request.remote_address"),
    times=times("time"),
)

OSQUERY = Preset(
    name="osquery",
    what="osquery results: the query and added, removed or snapshot; the host",
    signatures=signatures("name hostIdentifier unixTime", "name hostIdentifier calendarTime"),
    event_type=either(joined(first("name"), first("action")), first("name")),
    agent=first("hostIdentifier decorations.hostname"),
    times=(*times("unixTime", "s"), *times("calendarTime", utc=True)),
)

SURICATA = Preset(
    name="suricata",
    what="Suricata EVE: suricata. and event_type; the sensor, if named",
    signatures=signatures(
        "event_type timestamp flow_id", "event_type timestamp src_ip", "event_type stats.uptime"
    ),
    event_type=prefixed("suricata.", first("event_type")),
    agent=first("host sensor_name"),
    times=times("timestamp"),
)

ZEEK = Preset(
    name="zeek",
    what="Zeek in JSON: zeek. and the log (_path); the node, if named",
    signatures=signatures(
        r"ts uid id\.orig_h",
        "ts uid id.orig_h",
        "_path ts",
        "@stream uid ts",
        "@stream id.orig_h ts",
    ),
    event_type=prefixed("zeek.", either(first("_path @stream"), named_where("uid", "connection"))),
    agent=first("_system_name _node peer @system"),
    times=times("ts @timestamp", "s"),
)

LAUREL = Preset(
    name="laurel",
    what="Linux audit events by LAUREL: the kind of the first record; the node",
    signatures=signatures(r"ID=[0-9]+\.[0-9]{3}:[0-9]+"),
    event_type=prefixed("auditd.", first_key(r"(?!ID|NODE)[A-Z][A-Z0-9_]+")),
    agent=first("NODE"),
    times=times("ID"),
)

SALESFORCE = Preset(
    name="salesforce",
    what="Salesforce event log files: EVENT_TYPE; the user",
    signatures=signatures(
        "EVENT_TYPE TIMESTAMP ORGANIZATION_ID", "EVENT_TYPE TIMESTAMP REQUEST_ID"
    ),
    event_type=first("EVENT_TYPE"),
    agent=first("USER_NAME USERNAME USER_ID_DERIVED USER_ID ORGANIZATION_ID"),
    times=times("TIMESTAMP_DERIVED TIMESTAMP", utc=True),
)

PRESETS = {
    preset.name: preset
    for preset in (
        CLOUDTRAIL,
        WINDOWS,
        JOURNALD,
        KUBERNETES,
        CLOUDEVENTS,
        OKTA,
        GCP,
        M365,
        DEFENDER,
        AZURE,
        GITHUB,
        GOOGLE_WORKSPACE,
        SLACK,
        VAULT,
        OSQUERY,
        SURICATA,
        ZEEK,
        LAUREL,
        SALESFORCE,
    )
}


@lru_cache(maxsize=64)
def inside(preset: Preset, key: str) -> Preset:
    """The same preset for records nested under a key of the payload."""

    def below(path: FieldPath) -> FieldPath:
        return FieldPath(f"{key}.{path.text}", (key, *path.steps))

    return replace(
        preset,
        signatures=tuple(
            tuple(replace(sign, path=below(sign.path)) for sign in signs)
            for signs in preset.signatures
        ),
        event_type=lambda payload: preset.event_type(payload.get(key)),
        agent=lambda payload: preset.agent(payload.get(key)),
        times=tuple(replace(time, path=below(time.path)) for time in preset.times),
    )


def recognize(payload: Any) -> Preset | None:
    """Find the preset of a payload, or of the record that `ingest` nested in it beside its
    envelope or its line."""
    if isinstance(payload, dict) and payload.keys() in _AROUND:
        for key in ("record", "fields"):
            if key in payload and (preset := recognize(payload[key])):
                return inside(preset, key)
    return next((preset for preset in PRESETS.values() if preset.recognizes(payload)), None)
