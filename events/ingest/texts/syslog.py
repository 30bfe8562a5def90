"""Parses syslog lines: RFC 5424, and RFC 3164 as sent and as written to files."""

from __future__ import annotations

import re

from events.ingest.texts.line_records import Fields

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_RFC5424 = re.compile(
    r"<(?P<priority>[0-9]{1,3})>(?P<version>[1-9][0-9]?) (?P<timestamp>\S+) (?P<host>\S+) "
    r"(?P<program>\S+) (?P<pid>\S+) (?P<message_id>\S+) (?P<rest>.*)",
    re.DOTALL,
)
_RFC3164 = re.compile(
    rf"(?:<(?P<priority>[0-9]{{1,3}})>)?"
    rf"(?P<timestamp>(?:{_MONTHS}) [ 0-3]?[0-9] (?:[0-9]{{4}} )?[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
    r"(?:\.[0-9]{1,9})?|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:?[0-9]{2}))"
    r" (?P<host>\S*[^\s:]) (?P<message>.*)",
    re.DOTALL,
)
_TAG = re.compile(r"(?P<program>[^\s:\[\]]{1,128})(?:\[(?P<pid>[^\]\s]{1,128})\])?:(?: |$)")
_ELEMENT = re.compile(
    r'\[(?P<id>[^\s=\]"]{1,32})(?P<parameters>(?: [^\s=\]"]{1,32}="(?:\\.|[^"\\\]])*")*)\]'
)
_PARAMETER = re.compile(r' ([^\s=\]"]{1,32})="((?:\\.|[^"\\\]])*)"')
_ESCAPED = re.compile(r'\\(["\\\]])')


def parse_syslog(line: str) -> Fields | None:
    """Parse priority (with facility and severity), timestamp, host, program, pid, message, and the
    structured data of RFC 5424."""
    if found := _RFC5424.match(line):
        return _rfc5424(found)
    if found := _RFC3164.match(line):
        return _rfc3164(found)
    return None


def _rfc5424(found: re.Match[str]) -> Fields | None:
    fields: Fields = {}
    _put_priority(fields, found["priority"])
    for name in ("version", "timestamp", "host", "program", "pid", "message_id"):
        if found[name] != "-":
            fields[name] = found[name]
    rest, data = found["rest"], {}
    if rest.startswith("-"):
        rest = rest[1:]
    else:
        while element := _ELEMENT.match(rest):
            data[element["id"]] = {
                name: _ESCAPED.sub(r"\1", value)
                for name, value in _PARAMETER.findall(element["parameters"])
            }
            rest = rest[element.end() :]
        if not data:
            return None
        fields["data"] = data
    if rest and not rest.startswith(" "):
        return None
    fields["message"] = rest[1:].removeprefix("\ufeff")
    return fields


def _rfc3164(found: re.Match[str]) -> Fields:
    fields: Fields = {}
    if found["priority"]:
        _put_priority(fields, found["priority"])
    fields["timestamp"] = found["timestamp"]
    fields["host"] = found["host"]
    message = found["message"]
    if tag := _TAG.match(message):
        fields["program"] = tag["program"]
        if tag["pid"]:
            fields["pid"] = tag["pid"]
        message = message[tag.end() :]
    fields["message"] = message
    return fields


def _put_priority(fields: Fields, priority: str) -> None:
    fields["priority"] = priority
    if int(priority) < 192:
        fields["facility"], fields["severity"] = map(str, divmod(int(priority), 8))
