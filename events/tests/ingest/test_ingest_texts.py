"""Lines of text are recorded whole, with their parsed fields beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ingest.errors import FramingError
from events.ingest.presets import recognize
from events.ingest.records import Record, read_records
from events.ingest.texts.formats import TEXT_FORMATS
from events.store.ledger import EventFilter
from events.tests.ingest.test_ingest_command import Run, payloads
from events.tests.support.ledger import Ledger

CASES = Path(__file__).parents[1] / "cases" / "logs"
WINDOWS = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
    '<Provider Name="Security-Auditing"/><EventID Qualifiers="0">4625</EventID>'
    "<Channel>Security</Channel><Computer>dc1</Computer>"
    '<TimeCreated SystemTime="2026-01-02T03:04:05.1Z"/></System>'
    '<EventData><Data Name="User">jané &amp; co</Data><Data Name="Port"/></EventData></Event>'
)


def read(text: str | bytes, form: str) -> tuple[list[Record], list[str]]:
    """The records of a text, checked to be the same however it is cut, and the notices."""
    raw = text.encode() if isinstance(text, str) else text
    results = []
    for size in (len(raw) or 1, 1):
        said: list[str] = []
        chunks = (raw[start : start + size] for start in range(0, len(raw), size))
        results.append(
            (list(read_records(chunks, form, lambda piece: None, say=said.append)), said)
        )
    assert results[0] == results[1]
    return results[0]


def payload(record: Record) -> Any:
    assert record.problem is None
    return json.loads(record.text)


@pytest.mark.parametrize(
    ("form", "line", "fields"),
    [
        (
            "syslog",
            "Feb 12 14:10:21 host1 sshd[16378]: Invalid user jane from 192.0.2.7",
            {
                "timestamp": "Feb 12 14:10:21",
                "host": "host1",
                "program": "sshd",
                "pid": "16378",
                "message": "Invalid user jane from 192.0.2.7",
            },
        ),
        (
            "syslog",
            "<34>2026-05-01T10:00:00.1+02:00 2001:db8::1 su: 'su root' failed",
            {
                "priority": "34",
                "facility": "4",
                "severity": "2",
                "timestamp": "2026-05-01T10:00:00.1+02:00",
                "host": "2001:db8::1",
                "program": "su",
                "message": "'su root' failed",
            },
        ),
        (
            "syslog",
            '<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [x@32473 a="b\\"\\]" c="1"][y] m',
            {
                "priority": "165",
                "facility": "20",
                "severity": "5",
                "version": "1",
                "timestamp": "2003-10-11T22:14:15.003Z",
                "host": "host",
                "program": "evntslog",
                "message_id": "ID47",
                "data": {"x@32473": {"a": 'b"]', "c": "1"}, "y": {}},
                "message": "m",
            },
        ),
        (
            "cef",
            r"CEF:0|Sec|threat\|mgr|1.0|100|worm \\ gone|10|src=10.0.0.1 msg=a\=b c. d\ne x=",
            {
                "version": "0",
                "vendor": "Sec",
                "product": "threat|mgr",
                "device_version": "1.0",
                "signature_id": "100",
                "name": "worm \\ gone",
                "severity": "10",
                "extension": {"src": "10.0.0.1", "msg": "a=b c. d\ne", "x": ""},
            },
        ),
        (
            "leef",
            "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=192.0.2.0^cat=a=b",
            {
                "version": "2.0",
                "vendor": "Lancope",
                "product": "StealthWatch",
                "device_version": "1.0",
                "event_id": "41",
                "attributes": {"src": "192.0.2.0", "cat": "a=b"},
            },
        ),
        (
            "clf",
            '192.0.2.1 - jane [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 404 - "-" "curl" 0.1',
            {
                "client": "192.0.2.1",
                "user": "jane",
                "time": "02/Jan/2026:03:04:05 +0000",
                "request": "GET /a HTTP/1.1",
                "method": "GET",
                "target": "/a",
                "protocol": "HTTP/1.1",
                "status": "404",
                "user_agent": "curl",
                "rest": "0.1",
            },
        ),
        (
            "kv",
            'level=info msg="say \\"x\\"" user=jane, dur=1.5ms up',
            {"level": "info", "msg": 'say "x"', "user": "jane", "dur": "1.5ms", "": ["up"]},
        ),
        (
            "auditd",
            "node=w1 type=USER_LOGIN msg=audit(1684331782.575:3294): pid=1 uid=0 "
            'msg=\'op=login acct="root" res=failed\'\x1dUID="root"',
            {
                "node": "w1",
                "type": "USER_LOGIN",
                "time": "1684331782.575",
                "serial": "3294",
                "pid": "1",
                "uid": "0",
                "msg": {"op": "login", "acct": "root", "res": "failed"},
                "UID": "root",
            },
        ),
    ],
)
def test_each_format_finds_its_fields(form: str, line: str, fields: dict[str, Any]) -> None:
    [record], said = read(line + "\n", form)
    assert payload(record) == {"line": line, "fields": fields}
    assert said == []


def test_lines_of_another_format_are_taken_and_counted() -> None:
    lines = "plain\nlevel=info\r\n\nother\n"
    records, said = read(lines, "kv")
    assert [payload(record) for record in records] == [
        {"line": "plain"},
        {"line": "level=info", "fields": {"level": "info"}},
        {"line": "other"},
    ]
    assert [record.number for record in records] == [1, 2, 4]
    assert said == [
        '2 of 3 are not key=value, line 1 the first: taken as {"line": …} without fields'
    ]


def test_a_line_has_one_id_in_every_format(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text("Feb 12 14:10:21 host1 sshd[1]: hello é\n")
    assert Run(str(log), "--format", "text", "--json").counts() == [(1, 1, 0, 0)]
    again = Run(str(log), "--format", "syslog", "--json")
    assert (again.status, again.counts()) == (1, [(1, 0, 0, 1)])
    assert "other content" in again.err.getvalue()


def test_the_lines_of_a_text_log_are_events(ledger: Ledger) -> None:
    path = CASES / "14-plain-text.log"
    run = Run(str(path), "--format", "text", "--json")
    assert (run.status, run.counts()) == (0, [(6, 6, 0, 0)])
    assert payloads(ledger) == [{"line": line} for line in path.read_text().splitlines()]


def test_a_format_says_type_agent_and_time(ledger: Ledger) -> None:
    path = CASES / "14-plain-text.log"
    times = ("--local-time", "preset", "--local-zone", "UTC", "--local-year", "2026")
    agents = ("--agents-from-field", "--agent", "agent-7")
    run = Run(str(path), "--format", "syslog", "--json", *times, *agents)
    assert (run.status, run.counts()) == (0, [(6, 6, 0, 0)])
    events = [event for event in ledger.written() if event.agent_id]
    assert {(e.event_type, e.agent_id) for e in events} == {
        ("log.line", "agent-7"),
        ("sshd", "host1"),
        ("app", "host1"),
    }
    [sshd] = [event for event in events if event.event_type == "sshd"]
    assert sshd.local_timestamp.startswith("2026-02-12T14:10:21")
    assert "4 of 6 are not syslog" in run.err.getvalue()


def test_windows_events_in_xml_are_recognized(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "security.xml"
    log.write_text(f'<?xml version="1.0"?>\n<Events>\n{WINDOWS}\n{WINDOWS}</Events>\n')
    arguments = ("--local-time", "preset", "--agents-from-field")
    run = Run(str(log), "--format", "xml", "--json", *arguments)
    assert (run.status, run.counts()) == (0, [(2, 2, 0, 0)])
    assert run.summary["inputs"][0]["preset"] == "windows"
    event = ledger.store.select(EventFilter(agent_id="dc1"), limit=1)[0]
    assert (event.event_type, event.agent_id) == ("Security 4625", "dc1")
    assert event.local_timestamp.startswith("2026-01-02T03:04:05.1")
    [first, _] = payloads(ledger)
    assert first["line"] == WINDOWS
    assert first["fields"]["Event"]["EventData"] == {"User": "jané & co", "Port": ""}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (WINDOWS + "\n" + WINDOWS, [WINDOWS, WINDOWS]),
        ("<log><a/><b>x</b></log>", ["<a/>", "<b>x</b>"]),
        ("<Events><Event/></Events>", ["<Event/>"]),
        ("", []),
    ],
)
def test_elements_of_xml(text: str, lines: list[str]) -> None:
    assert [payload(record)["line"] for record in read(text, "xml")[0]] == lines


@pytest.mark.parametrize(
    "text",
    [WINDOWS[:-3], "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "<log>text<a/></log>", "<a>" * 200, "no"],
)
def test_invalid_xml_is_refused(text: str) -> None:
    with pytest.raises(FramingError, match="XML"):
        read(text, "xml")


def test_rows_with_quoted_line_breaks() -> None:
    text = 'time;user;note\r\n1;jane;"a ""q""\r\n\r\nb"\r\n2;5" disk;x\r\n3;bob\r\n4;a;b;c\r\n'
    records, said = read(text, "csv")
    assert [(r.number, payload(r).get("fields")) for r in records] == [
        (2, {"time": "1", "user": "jane", "note": 'a "q"\r\n\r\nb'}),
        (5, {"time": "2", "user": '5" disk', "note": "x"}),
        (6, None),
        (7, {"time": "4", "user": "a", "note": "b", "": ["c"]}),
    ]
    assert payload(records[2]) == {"line": "3;bob"}
    assert len(said) == 1
    for wrong in ("a,,b\n1,2,3\n", "a,a\n1,2\n", 'a,b\n1,"2\n'):
        with pytest.raises(FramingError, match="not CSV"):
            read(wrong, "csv")


def test_blank_lines_in_a_quoted_cell_stay_as_they_are() -> None:
    rows = [b'"x\r\n\r\n \t\n\ny",2', b'3,"a\n\n"', b'4,x"y']
    records, _ = read(b"a,b\r\n\r\n" + b"\r\n  \r\n".join(rows) + b"\r\n", "csv")
    assert [payload(record)["line"] for record in records] == [row.decode() for row in rows]


def test_a_quote_that_opens_a_cell_for_good_is_found_in_linear_time() -> None:
    with pytest.raises(FramingError, match="the quoted cell of line 2 does not end"):
        read(b'a,b\n1,"x\n' + b"2,3\n" * 200_000, "csv")


def test_rows_of_a_known_log_are_recognized() -> None:
    text = "eventName,eventSource,userIdentity\nGet,s3,x\n"
    [record], _ = read(text, "csv")
    preset = recognize(payload(record))
    assert preset is not None
    assert (preset.name, preset.event_type(payload(record))) == ("cloudtrail", "Get")


def test_the_journals_export() -> None:
    text = (
        b"__CURSOR=s=abc\nMESSAGE=hello\nMULTI=a\nMULTI=b\n_HOSTNAME=h\n\n"
        b"__CURSOR=s=abd\nMESSAGE\n" + (5).to_bytes(8, "little") + b"a\n\xffbc\nX=\n\n\n"
    )
    for form in ("auto", "journal-export"):
        records = read(text, form)[0]
        assert [payload(record) for record in records] == [
            {"__CURSOR": "s=abc", "MESSAGE": "hello", "MULTI": ["a", "b"], "_HOSTNAME": "h"},
            {"__CURSOR": "s=abd", "MESSAGE": list(b"a\n\xffbc"), "X": ""},
        ]
    with pytest.raises(FramingError, match="has no field name"):
        read(b"lower=1\n", "journal-export")


def test_an_entry_of_the_journal_that_is_too_long_is_spilt() -> None:
    big = (
        b"__CURSOR=1\nDATA\n" + (3 * 2**20).to_bytes(8, "little") + b"x" * 3 * 2**20 + b"\nA=1\n\n"
    )
    text = big + b"__CURSOR=2\n\n"
    spilt: list[bytes] = []
    chunks = (text[start : start + 2**16] for start in range(0, len(text), 2**16))
    records = list(read_records(chunks, "journal-export", spilt.append, 2**20))
    assert [record.problem for record in records] == ["is longer than 1,048,576 bytes", None]
    assert b"".join(spilt).startswith(b"__CURSOR=1\nDATA\n")
    assert len(b"".join(spilt)) == len(big) + 1


def test_bytes_that_are_no_utf8_are_rejected_alone() -> None:
    records, _ = read(b"good\nb\xffd\n\x00\n", "text")
    assert [record.problem is None for record in records] == [True, False, False]


@pytest.mark.parametrize("form", [name for name in TEXT_FORMATS if name not in ("csv", "xml")])
@given(
    lines=st.lists(
        st.text(st.sampled_from("a=|\\\"'[]<>:- 1,\t\x1dé") | st.characters()), max_size=3
    )
)
def test_any_line_is_kept_as_it_is(form: str, lines: list[str]) -> None:
    begin = {
        "cef": "CEF:0|a|b|c|d|e|f|",
        "leef": "LEEF:2.0|a|b|c|d|^|",
        "syslog": "<1>1 - - - - - ",
        "auditd": "type=A msg=audit(1.1:1): ",
    }
    texts = [
        begin.get(form, "") + line.replace("\n", "").replace("\0", "").rstrip("\r")
        for line in lines
    ]
    texts = [text for text in texts if text.strip() and not _has_surrogate(text)]
    raw = "\n".join(texts).encode()
    records = list(read_records(iter([raw]), form, lambda piece: None))
    kept = [text for text in texts if text.encode().strip()]
    assert [payload(record)["line"] for record in records] == kept
    assert [record.original.rstrip(b"\r").decode() for record in records] == kept


def _has_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)
