"""Ambiguous framing is refused; nothing beside a list is lost, no text becomes a number.

The files in `cases/logs` are inputs that earlier versions misread.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from events.ingest.errors import FramingError, IngestError
from events.ingest.inputs import check_packed, open_input
from events.ingest.paths import parse_path
from events.ingest.records import Reading, Record, read_records
from events.tests.ingest.test_ingest_command import Run, payloads
from events.tests.support.ledger import OPENING, Ledger

CASES = Path(__file__).parents[1] / "cases" / "logs"


def read(text: bytes, form: str = "auto", **options: Any) -> tuple[list[Any], list[str]]:
    """The records of a text and the notices, checked to be the same however the text is cut."""
    if "records" in options:
        options["records"] = parse_path(options["records"])
    results = []
    for size in (len(text) or 1, 1):
        said: list[str] = []
        chunks = (text[start : start + size] for start in range(0, len(text), size))
        records = read_records(
            chunks, Reading(form, **options), lambda piece: None, say=said.append
        )
        results.append(([_value(record) for record in records], said))
    assert results[0] == results[1]
    return results[0]


def _value(record: Record) -> Any:
    return f"problem: {record.problem}" if record.problem else json.loads(record.text)


def refusal(text: bytes, **options: Any) -> str:
    with pytest.raises(FramingError) as refused:
        read(text, **options)
    return str(refused.value)


def test_a_text_log_in_brackets_is_not_read_as_an_array(ledger: Ledger) -> None:
    run = Run(str(CASES / "01-apache-error.log"))
    assert run.status == 2
    assert "this is text, not JSON (not a valid JSON array: byte 2, line 1)" in run.err.getvalue()
    assert "--format text; nothing of it was written" in run.err.getvalue()
    assert ledger.store.get_max_sequence() == OPENING


def test_records_that_begin_with_a_list_are_whole(ledger: Ledger) -> None:
    path = CASES / "02-wrapper-eats-orders.jsonl"
    run = Run(str(path), "--json")
    assert (run.status, run.counts()) == (0, [(3, 3, 0, 0)])
    assert payloads(ledger) == [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("name", "path"), [("graph-value", "value"), ("slack-entries", "entries")])
def test_an_object_around_a_list_is_asked_about(ledger: Ledger, name: str, path: str) -> None:
    file = CASES / f"04-list-{name}.json"
    run = Run(str(file))
    assert run.status == 2
    assert f"one object with a list of 2 objects at '{path}'" in run.err.getvalue()
    assert f"--records {path}" in run.err.getvalue()
    assert ledger.store.get_max_sequence() == OPENING
    asked = Run(str(file), "--records", path, "--json")
    assert (asked.status, asked.counts()) == (0, [(2, 2, 0, 0)])
    assert payloads(ledger) == json.loads(file.read_text())[path]
    assert "left out; --keep-envelope keeps them" in asked.err.getvalue()


def test_objects_with_nothing_between_are_each_a_record() -> None:
    found, _ = read((CASES / "05-firehose-concatenated.json").read_bytes())
    assert [one["id"] for one in found] == ["Directory_1", "Directory_2"]


def test_the_envelope_is_kept_when_asked_for() -> None:
    text = b'{"next":"n","value":[{"a":1},{"a":2.50}],"meta":{"k":[1]}}'
    found, said = read(text, records="value", keep_envelope=True)
    envelope = {"next": "n", "meta": {"k": [1]}}
    assert found == [{"record": {"a": n}, "envelope": envelope} for n in (1, 2.5)]
    assert said == []
    nested = b'{"data":{"items":[{"a":1}],"page":3},"ok":true}'
    found, _ = read(nested, records="data.items", keep_envelope=True)
    assert found == [{"record": {"a": 1}, "envelope": {"data": {"page": 3}, "ok": True}}]


def test_lists_in_many_objects_are_one_row_of_records() -> None:
    lines = b'{"logGroup":"g","logEvents":[{"id":1},{"id":2}]}\n{"logEvents":[{"id":3}]}\n'
    found, said = read(lines, records="logEvents")
    assert found == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert len(said) == 1
    assert "logGroup" in said[0]


def test_an_object_without_the_list_is_rejected_whole() -> None:
    found, _ = read(b'{"value":[{"a":1}]}\n{"other":[{"a":2}]}\n{"value":{}}', records="value")
    assert found == [{"a": 1}, *["problem: it holds no list at 'value'"] * 2]


@pytest.mark.parametrize(
    "text",
    [
        b'{"Records":[{"a":1}],"owner":"x"}',
        b'{"Records":[{"a":1}]}\n{"Records":[{"a":2}]}\n',
        b'{"kind":"List","items":[{"a":1}]}',
        b'{"kind":"Deployment","apiVersion":"v1","items":[{"a":1}]}',
        b'{"kind":"PodList","apiVersion":"v1","items":[{"a":1}],"user":"x"}',
        b'{"kind":"admin#reports","etag":"x","items":[{"a":1}]}',
        b'{"messageType":"DATA","logGroup":"g","logEvents":[{"id":1}]}{"logGroup":"g","logEvents":[{"id":2}]}',
        b'{"rows":[{"a":1}]}',
        b'{"note":"n","rows":[{"a":1},{"a":2},{"a":3}]}',
        b'{\n "events": [\n  {"a": 1},\n  {"a": 2}\n ]\n}\n',
    ],
)
def test_an_ambiguous_list_of_records_is_not_unwrapped_automatically(text: bytes) -> None:
    assert "take its records with --records " in refusal(text)


def test_a_list_too_long_to_preview_is_unwrapped_only_if_nothing_is_beside_it() -> None:
    records = b",".join(b'{"n":%d,"text":"%s"}' % (n, b"x" * 1000) for n in range(1500))
    trail = b'{"Records":[' + records + b"]}"
    chunks = [trail[start : start + 100_000] for start in range(0, len(trail), 100_000)]
    assert len(list(read_records(iter(chunks), "auto", lambda piece: None))) == 1500
    for end in (b',"who":"x"}', b'}\n{"Records":[{"a":1}]}'):
        beside = [*chunks[:-1], chunks[-1][:-1] + end]
        records_of_it = read_records(iter(beside), "auto", lambda piece: None)
        with pytest.raises(FramingError, match="--records Records"):
            next(records_of_it)


def test_ordinary_objects_with_lists_are_records() -> None:
    line = b'{"event":"refund","by":"u-1","time":"2026-01-02T03:04:05Z","rows":[{"a":1}]}'
    assert read(line)[0] == [json.loads(line)]
    assert "--records rows would take the list" in read(line)[1][0]
    found, said = read(line + b"\n" + line)
    assert (len(found), said) == (2, [])


def test_lines_that_are_lists_of_a_service_are_asked_for() -> None:
    items = b'{"kind":"EventList","apiVersion":"v1","metadata":{},"items":[{"a":1}]}\n'
    assert "--records items" in refusal(items * 2)
    assert "--records Records" in refusal(b'{"Records":[]}\n{"Records":[{"a":1}]}\n')
    assert len(read(b'{"Records":[]}\n' * 2)[0]) == 2


def test_bare_values_are_records_only_when_asked_for() -> None:
    for text, form in ((b'[{"a":1},5,"x"]', "array"), (b'{"a":1}\n5\n"x"\n', "lines")):
        found, _ = read(text)
        assert found[0] == {"a": 1}
        assert all("--scalars" in problem for problem in found[1:])
        assert read(text, form, scalars=True)[0] == [{"a": 1}, 5, "x"]


def test_lines_around_text_are_still_lines() -> None:
    mixed = b'Server starting\n[INFO] up\n{"a":1}\n{"b":2}\n'
    found = list(read_records(iter([mixed]), "auto", lambda piece: None))
    assert [(record.number, record.text) for record in found][2:] == [
        (3, b'{"a":1}'),
        (4, b'{"b":2}'),
    ]


def test_a_text_sequence_of_rfc_7464() -> None:
    text = b'\x1e{"a":1}\n\x1e{\n"b":2}\n\x1e\x1e{"c":3}'
    assert read(text)[0] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert "record separator" in refusal(b'{"a":1}', form="json-seq")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"a":1}'.encode("utf-16"), "UTF-16"),
        ('{"a":1}'.encode("utf-16-le"), "iconv -f UTF-16LE"),
        ('{"a":1}'.encode("utf-16-be"), "iconv -f UTF-16BE"),
        ('{"a":1}'.encode("utf-32"), "UTF-32"),
        ('{"a":1}'.encode("utf-32-be"), "iconv -f UTF-32BE"),
        (b"ElfFile\x00\x00\x00", "evtx_dump"),
        (b"PK\x03\x04....", "unzip -p"),
    ],
)
def test_binary_input_is_named_with_the_tool_that_reads_it(
    tmp_path: Path, content: bytes, what: str
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(IngestError, match=what), open_input(str(path)) as opened:
        list(opened.chunks)


@pytest.mark.parametrize("nul", [b"\0" * 4096 + b"\n", b"\0" * 50 + b"\n"])
def test_runs_of_nul_from_a_crash_are_not_taken_for_an_encoding(tmp_path: Path, nul: bytes) -> None:
    path = tmp_path / "log"
    for content in (b'{"a":1}\n{"b":2}\n' + nul, nul + b'{"a":1}\n{"b":2}\n'):
        path.write_bytes(content)
        with open_input(str(path)) as opened:
            found = list(read_records(opened.chunks, "auto", lambda piece: None))
        assert {record.text for record in found} >= {b'{"a":1}', b'{"b":2}'}
        assert len(found) == 3


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.compress])
def test_input_that_is_compressed_twice_is_named(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(pack(b'{"a":1}\n' * 50)))
    with pytest.raises(IngestError, match="compressed twice"), open_input(str(path)) as opened:
        list(opened.chunks)


@pytest.mark.parametrize(
    ("pack", "place"), [(gzip.compress, -8), (lzma.compress, 400), (bz2.compress, 400)]
)
def test_damaged_compressed_data_is_found_before_anything_is_accepted(
    tmp_path: Path, pack: Any, place: int
) -> None:
    path = tmp_path / "log"
    packed = bytearray(pack(random.Random(1).randbytes(2000).hex().encode()))
    for right in (packed, packed[:-30]):
        path.write_bytes(right)
        check_packed(str(path))
    packed[place] ^= 255
    path.write_bytes(packed)
    with pytest.raises(IngestError, match="data is corrupt"):
        check_packed(str(path))


def test_nothing_of_a_wrong_gzip_file_is_written(ledger: Ledger, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b'{"a":1}\n' * 10))
    packed[-8] ^= 255  # the check sum
    (tmp_path / "log.gz").write_bytes(packed)
    run = Run(str(tmp_path / "log.gz"))
    assert run.status == 2
    assert "its gzip data is corrupt; nothing of it was written" in run.err.getvalue()
    assert ledger.store.get_max_sequence() == OPENING


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.compress])
def test_packed_files_are_read_as_they_are(tmp_path: Path, pack: Any) -> None:
    line = b'{"a":"' + b"x" * 1000 + b'"}\n'
    path = tmp_path / "log"
    packed = pack(line * 2000) + pack(line)
    path.write_bytes(packed)
    with open_input(str(path)) as opened:
        assert b"".join(opened.chunks) == line * 2001
    path.write_bytes(packed[:-30])
    with pytest.raises(IngestError, match="damaged"), open_input(str(path)) as opened:
        list(opened.chunks)


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (b"Feb 12 14:10:21 host1 sshd[16378]: Invalid user jane", "--format syslog"),
        (b"<165>1 2026-01-02T03:04:05.123Z host1 app 77 ID47 - hello", "--format syslog"),
        (b"type=SYSCALL msg=audit(1684331782.575:3293): arch=c000003e", "--format auditd"),
        (b"CEF:0|Vendor|Product|1|544|Admin Accessed|1|src=192.0.2.1", "--format cef"),
        (b"LEEF:1.0|Cyber-Ark|Vault|14.4|286|sev=6\tAction=Add", "--format leef"),
        (b'192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5', "--format clf"),
        (b"time,user,action\n2026-01-02,jane,login", "--format csv"),
        (b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'/>", "--format xml"),
        (b'level=info msg="started" at=now', "--format kv"),
        (b"2026-01-02 03:04:05,357 WARN  [org.keycloak.events] type=LOGIN_ERROR", "--format text"),
    ],
)
def test_text_is_named_with_the_option_that_takes_it(line: bytes, option: str) -> None:
    assert f"take it with {option}" in refusal(line + b"\n")


def test_a_change_of_shape_later_on_is_said_once() -> None:
    said: list[str] = []
    text = b'{"a":1}\n' * 120 + b"stopped\nstopped\n"
    list(read_records(iter([text]), "auto", lambda piece: None, say=said.append))
    assert said == ["from line 121 on, lines are no longer JSON objects"]
