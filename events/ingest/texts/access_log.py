"""Parses access logs of web servers in the common and the combined format."""

from __future__ import annotations

import re

from events.ingest.texts.line_records import Fields

_QUOTED = r'"((?:\\.|[^"\\])*)"'
_ACCESS = re.compile(
    r"(?:(?P<vhost>[\w.-]+:[0-9]+) )?(?P<client>\S+) (?P<identity>\S+) (?P<user>.{1,200}?) "
    r"\[(?P<time>[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4})\] "
    r'"(?P<request>(?:\\.|[^"\\])*)" (?P<status>[0-9]{3}|-) (?P<bytes>[0-9]+|-)(?P<rest>.*)',
    re.DOTALL,
)
_COMBINED = re.compile(rf" {_QUOTED} {_QUOTED}(.*)", re.DOTALL)
_REQUEST = re.compile(r"(?P<method>[A-Za-z_-]{1,40}) (?P<target>\S+)(?: (?P<protocol>\S+/\S+))?")


def parse_access(line: str) -> Fields | None:
    """Parse client, user, time, request (with method, target, protocol), status, bytes, referer,
    user agent and the rest. Fields that are `-` are omitted."""
    found = _ACCESS.match(line)
    if not found:
        return None
    fields: Fields = {
        name: value
        for name, value in found.groupdict().items()
        if name != "rest" and value not in (None, "-")
    }
    if request := _REQUEST.fullmatch(found["request"]):
        fields |= {name: value for name, value in request.groupdict().items() if value}
    rest = found["rest"]
    if combined := _COMBINED.match(rest):
        for name, value in (("referer", combined[1]), ("user_agent", combined[2])):
            if value not in ("-", ""):
                fields[name] = value
        rest = combined[3]
    if rest.strip():
        fields["rest"] = rest.strip()
    return fields
