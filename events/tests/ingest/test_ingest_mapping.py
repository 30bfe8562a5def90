"""Type, agent, id and time of a record come from preset, field or constant."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from events.format.canonical import canonicalize_text
from events.ingest.errors import IngestError, RejectedRecordError
from events.ingest.local_time import LocalTime, parse_fields
from events.ingest.mapping import Mapping, record_event_id
from events.ingest.paths import parse_path
from events.ingest.presets import PRESETS, recognize
from events.submission import Submission

PLAIN = Mapping(event_type="log.line", agent="a")

# One small record of each kind, as the systems write them: preset, type, agent, record.
KINDS: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "cloudtrail",
        "PutObject",
        "deployer",
        {
            "eventVersion": "1.09",
            "userIdentity": {"type": "IAMUser", "userName": "deployer"},
            "eventName": "PutObject",
            "eventSource": "s3.amazonaws.com",
        },
    ),
    (
        "cloudtrail",
        "GetObject",
        "build-role",
        {
            "userIdentity": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::000000000000:assumed-role/build-role/run-7",
                "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "build-role"}},
            },
            "eventName": "GetObject",
            "eventSource": "s3.amazonaws.com",
        },
    ),
    (
        "cloudtrail",
        "AssumeRole",
        "lambda.amazonaws.com",
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"},
            "eventName": "AssumeRole",
            "eventSource": "sts.amazonaws.com",
        },
    ),
    (
        "cloudtrail",
        "ConsoleLogin",
        "arn:aws:iam::000000000000:root",
        {
            "userIdentity": {"type": "Root", "arn": "arn:aws:iam::000000000000:root"},
            "eventName": "ConsoleLogin",
            "eventSource": "signin.amazonaws.com",
        },
    ),
    (
        "windows",
        "Security 4624",
        "dc1.example.test",
        {"EventID": 4624, "Channel": "Security", "Hostname": "dc1.example.test"},
    ),
    (
        "windows",
        "Microsoft-Windows-Sysmon 1",
        "ws1",
        {"EventID": 1, "SourceName": "Microsoft-Windows-Sysmon", "Hostname": "ws1"},
    ),
    (
        "windows",
        "System 7036",
        "ws2",
        {"winlog": {"channel": "System", "event_id": "7036", "computer_name": "ws2"}},
    ),
    (
        "windows",
        "Security 4688",
        "ws3",
        {
            "Event": {
                "System": {"Channel": "Security", "EventID": {"#text": 4688}, "Computer": "ws3"}
            }
        },
    ),
    (
        "windows",
        "Application 1000",
        "ws4",
        {"Id": 1000, "LogName": "Application", "ProviderName": "x", "MachineName": "ws4"},
    ),
    (
        "journald",
        "sshd.service",
        "web-1",
        {
            "__REALTIME_TIMESTAMP": "1767225600000000",
            "_SYSTEMD_UNIT": "sshd.service",
            "SYSLOG_IDENTIFIER": "sshd",
            "_HOSTNAME": "web-1",
            "MESSAGE": [104, 105],
        },
    ),
    (
        "journald",
        "kernel",
        "web-1",
        {
            "__REALTIME_TIMESTAMP": "1767225600000000",
            "_SYSTEMD_UNIT": None,
            "SYSLOG_IDENTIFIER": "kernel",
            "_HOSTNAME": "web-1",
        },
    ),
    (
        "kubernetes",
        "create pods/exec",
        "system:serviceaccount:ci:runner",
        {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "auditID": "0f6d3c1e-0000-4000-8000-000000000001",
            "verb": "create",
            "user": {"username": "system:serviceaccount:ci:runner"},
            "objectRef": {"resource": "pods", "subresource": "exec", "name": "web-0"},
        },
    ),
    (
        "kubernetes",
        "get /version",
        "system:anonymous",
        {
            "auditID": "0f6d3c1e-0000-4000-8000-000000000002",
            "verb": "get",
            "requestURI": "/version?timeout=32s",
            "user": {"username": "system:anonymous"},
        },
    ),
    (
        "kubernetes",
        "BackOff Pod",
        "kubelet",
        {
            "kind": "Event",
            "reason": "BackOff",
            "involvedObject": {"kind": "Pod"},
            "source": {"component": "kubelet"},
        },
    ),
    (
        "cloudevents",
        "com.example.order.created",
        "/shop/orders",
        {
            "specversion": "1.0",
            "id": "1",
            "type": "com.example.order.created",
            "source": "/shop/orders",
        },
    ),
    (
        "okta",
        "okta.system.api_token.create",
        "jane.doe@example.test",
        {
            "eventType": "system.api_token.create",
            "published": "2026-01-02T03:04:05.000Z",
            "actor": {"id": "00u1", "alternateId": "jane.doe@example.test"},
        },
    ),
    (
        "gcp",
        "SetIamPolicy",
        "jane@example.test",
        {
            "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
            "timestamp": "2026-01-02T03:04:05Z",
            "protoPayload": {
                "methodName": "SetIamPolicy",
                "authenticationInfo": {"principalEmail": "jane@example.test"},
            },
        },
    ),
    (
        "m365",
        "UserLoggedIn",
        "jane@example.test",
        {
            "CreationTime": "2026-01-02T03:04:05",
            "Operation": "UserLoggedIn",
            "RecordType": 15,
            "Workload": "AzureActiveDirectory",
            "UserId": "jane@example.test",
        },
    ),
    (
        "defender",
        "LdapSearch",
        "adfs1.example.test",
        {
            "Timestamp": "2026-01-02T03:04:05.0000000Z",
            "DeviceId": "d1",
            "DeviceName": "adfs1.example.test",
            "ActionType": "LdapSearch",
        },
    ),
    (
        "azure",
        "Add user",
        "jane@example.test",
        {
            "activityDisplayName": "Add user ",
            "activityDateTime": "2026-01-02T03:04:05Z",
            "initiatedBy": {"user": {"userPrincipalName": "jane@example.test"}, "app": None},
        },
    ),
    (
        "azure",
        "Microsoft.Compute/virtualMachines/delete",
        "jane@example.test",
        {
            "time": "2026-01-02T03:04:05.0000000Z",
            "resourceId": "/subscriptions/1/resourceGroups/g",
            "operationName": "Microsoft.Compute/virtualMachines/delete",
            "category": "Administrative",
            "caller": "jane@example.test",
        },
    ),
    (
        "azure",
        "signIn",
        "jane@example.test",
        {
            "createdDateTime": "2026-01-02T03:04:05Z",
            "userPrincipalName": "jane@example.test",
            "appDisplayName": "Portal",
        },
    ),
    (
        "github",
        "org.block_user",
        "octocat",
        {"@timestamp": 1767323045000, "action": "org.block_user", "actor": "octocat"},
    ),
    (
        "google-workspace",
        "login login_success",
        "jane@example.test",
        {
            "kind": "admin#reports#activity",
            "id": {"time": "2026-01-02T03:04:05.000Z", "applicationName": "login"},
            "actor": {"email": "jane@example.test"},
            "events": [{"type": "login", "name": "login_success"}],
        },
    ),
    (
        "slack",
        "user_login",
        "jane@example.test",
        {
            "action": "user_login",
            "date_create": 1767323045,
            "actor": {"type": "user", "user": {"id": "U1", "email": "jane@example.test"}},
            "entity": {"type": "user"},
        },
    ),
    (
        "vault",
        "vault.response update",
        "approle",
        {
            "time": "2026-01-02T03:04:05.000000001Z",
            "type": "response",
            "auth": {"display_name": "approle"},
            "request": {"operation": "update", "path": "auth/approle/login"},
        },
    ),
    (
        "osquery",
        "pack_it_mounts added",
        "web-1",
        {
            "name": "pack_it_mounts",
            "hostIdentifier": "web-1",
            "calendarTime": "Fri Jan  2 03:04:05 2026 UTC",
            "unixTime": "1767323045",
            "action": "added",
        },
    ),
    (
        "suricata",
        "suricata.alert",
        "sensor-1",
        {
            "timestamp": "2026-01-02T03:04:05.000000+0000",
            "flow_id": 520221496542071,
            "event_type": "alert",
            "host": "sensor-1",
        },
    ),
    (
        "zeek",
        "zeek.conn",
        "node-1",
        {
            "_path": "conn",
            "ts": 1767323045.0,
            "uid": "C1",
            "id.orig_h": "10.0.0.1",
            "_system_name": "node-1",
        },
    ),
    (
        "laurel",
        "auditd.SYSCALL",
        "web-1",
        {"ID": "1767323045.000:4567", "NODE": "web-1", "SYSCALL": {"syscall": 59}},
    ),
    (
        "salesforce",
        "Login",
        "jane@example.test",
        {
            "EVENT_TYPE": "Login",
            "TIMESTAMP": "20260102030405.000",
            "ORGANIZATION_ID": "00D1",
            "USER_NAME": "jane@example.test",
        },
    ),
]


def take(record: object, mapping: Mapping = PLAIN, number: int = 1) -> Submission:
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    return mapping.submission(text, source="app.jsonl", number=number)


@pytest.mark.parametrize(("preset", "event_type", "agent", "record"), KINDS)
def test_presets_read_type_and_agent(
    preset: str, event_type: str, agent: str, record: dict[str, Any]
) -> None:
    found = take(record, Mapping(preset=PRESETS[preset]))
    assert (found.event_type, found.agent_id) == (event_type, agent)
    assert recognize(record) is PRESETS[preset]


@pytest.mark.parametrize(("preset", "event_type", "agent", "record"), KINDS[15:])
def test_presets_read_the_time(
    preset: str, event_type: str, agent: str, record: dict[str, Any]
) -> None:
    mapping = Mapping(preset=PRESETS[preset], local_time=LocalTime(parse_fields(["preset"])))
    moment = take(record, mapping).local_timestamp
    assert moment == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_record_without_its_usual_fields_is_recognized_by_the_form_of_one() -> None:
    assert recognize({"ID": "1767323045.123:1", "ANOM_ABEND": [{}]}) is PRESETS["laurel"]
    assert recognize({"ID": "7", "ANOM_ABEND": [{}]}) is None


def test_the_documentation_lists_every_preset_with_its_times() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ingestion.md").read_text()
    for preset in PRESETS.values():
        times = ", ".join(
            f"`{one.path.text}`"
            + (f" ({one.unit})" if one.unit else "")
            + (" (UTC)" if one.zone else "")
            for one in preset.times
        )
        assert f"| `{preset.name}` | {preset.what} | {times} |" in page


def test_a_prefix_goes_before_types_of_fields() -> None:
    mapping = Mapping(
        type_fields=(parse_path("t"),), event_type="other", type_prefix="app.", agent="a"
    )
    assert take({"t": "system.halted"}, mapping).event_type == "app.system.halted"
    assert take({}, mapping).event_type == "other"


def test_a_preset_refuses_what_is_not_of_its_kind() -> None:
    for preset in PRESETS.values():
        with pytest.raises(RejectedRecordError, match=f"no agent.*preset {preset.name}"):
            take({"hello": 1}, Mapping(preset=preset))


def test_nothing_is_recognized_in_an_ordinary_record() -> None:
    ordinary: list[object] = [{"msg": "x", "level": "info"}, {"type": "a", "Id": 1}, [1], "x", None]
    assert [recognize(record) for record in ordinary] == [None] * 5


def test_fields_come_before_preset_and_preset_before_constants() -> None:
    record = {"specversion": "1.0", "type": "t", "source": "s", "who": {"name": "w"}}
    mapping = Mapping(
        preset=PRESETS["cloudevents"],
        agent_fields=(parse_path("nobody"), parse_path("who.name")),
        event_type="constant",
        agent="constant",
    )
    found = take(record, mapping)
    assert (found.event_type, found.agent_id) == ("t", "w")
    assert take({"other": 1}, mapping).event_type == "constant"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", "deep"),
        (r"c\.d", "dotted"),
        ("@t", "at"),
        ("l.1.x", "listed"),
        ("n", "12"),
        (r"e\\f", "backslash"),
        ("l.9.x", None),
        ("a", None),
        ("empty", None),
        ("yes", None),
        ("null.x", None),
    ],
)
def test_paths(path: str, value: str | None) -> None:
    record = {
        "a": {"b": "deep"},
        "c.d": "dotted",
        "@t": "at",
        "l": [0, {"x": "listed"}],
        "n": 12,
        "e\\f": "backslash",
        "empty": "",
        "yes": True,
        "null": None,
    }
    assert parse_path(path).find_text(record) == value


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a\\", "a\\b"])
def test_an_invalid_path_is_refused(path: str) -> None:
    with pytest.raises(IngestError):
        parse_path(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"not json", "not JSON"),
        (b'{"a":1', "not JSON"),
        (b'{"a":1,"a":2}', "appears twice"),
        (b'{"a":NaN}', "not a JSON number"),
        (b'{"a":123456789012345678901234567890}', "outside"),
        (b'{"a":"\\u0000"}', r"U\+0000"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b"[" * 200 + b"]" * 200, "nested"),
        (b'"' + b"x" * (2**20 + 1) + b'"', "at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_record_that_cannot_be_recorded_says_why(text: bytes, why: str) -> None:
    with pytest.raises(RejectedRecordError, match=why):
        take(text)


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\u202eb"])
def test_names_must_be_printable_and_short(name: str) -> None:
    fields = (parse_path("name"),)
    with pytest.raises(RejectedRecordError):
        take({"name": name}, Mapping(type_fields=fields, agent="a"))
    with pytest.raises(RejectedRecordError):
        take({"name": name}, Mapping(event_type="t", agent_fields=fields))


def test_ceremonies_are_refused() -> None:
    with pytest.raises(RejectedRecordError, match="reserved"):
        take({}, Mapping(event_type="ceremony.sequence_skip", agent="a"))


def test_the_payload_is_the_whole_record() -> None:
    text = (
        b'{"z":1.50,"a":[-9223372036854775808,18446744073709551615],"\\u00e9":"\xf0\x9f\x94\x91"}'
    )
    assert take(text).canonical_payload == canonicalize_text(text)


def test_ids_are_of_source_number_and_content_alone() -> None:
    first = take({"a": 1})
    assert first.event_id == take(b' {"a" : 1.0 } ').event_id
    assert first.event_id == take({"a": 1}, Mapping(event_type="other", agent="other")).event_id
    others = {
        take({"a": 1}, number=2).event_id,
        take({"a": 2}).event_id,
        PLAIN.submission(b'{"a":1}', source="other", number=1).event_id,
    }
    assert len(others | {first.event_id}) == 4
    assert uuid.UUID(first.event_id).version == 8
    assert uuid.UUID(first.event_id).variant == uuid.RFC_4122


def test_the_id_is_the_documented_one() -> None:
    # Another formula would add every file a second time.
    assert record_event_id("app.jsonl", 1, b'{"a":1}') == "9d3f9ccc-be34-8634-9902-7665f8f7e8c6"


def test_an_id_field_gives_the_id() -> None:
    mapping = Mapping(event_type="t", agent="a", id_field=parse_path("id"))
    taken = take({"id": "0191D7A0-0000-7000-8000-000000000001"}, mapping)
    assert taken.event_id == "0191d7a0-0000-7000-8000-000000000001"
    for wrong in ({"id": "7"}, {}):
        with pytest.raises(RejectedRecordError):
            take(wrong, mapping)
