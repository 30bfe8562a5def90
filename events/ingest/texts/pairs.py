"""Parses lines of key=value pairs: logfmt and auditd."""

from __future__ import annotations

import re

from events.ingest.texts.line_records import Fields, add_field

_PAIR = re.compile(
    r"""\s*(?P<key>[^\s=",']{1,200})=(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'"""
    r"""|(?P<bare>[^\s\x1d]*?))(?=,?(?:\s|\x1d|$))[,\x1d]?"""
)
_WORD = re.compile(r"\s*(\S+)")
_ESCAPED = re.compile(r'\\(["\\nrt])')
_BREAKS = {"n": "\n", "r": "\r", "t": "\t"}
_AUDIT = re.compile(
    r"(?:node=(?P<node>\S+) )?type=(?P<type>[A-Z0-9_\[\]]+) "
    r"msg=audit\((?P<time>[0-9.]+):(?P<serial>[0-9]+)\):\s?(?P<rest>.*)",
    re.DOTALL,
)


def parse_key_values(line: str) -> Fields | None:
    """Parse the pairs of a line; words without a key go into a list under the empty key. None if
    there is no pair."""
    fields: Fields = {}
    at, pairs, end = 0, 0, len(line)
    while at < end:
        if found := _PAIR.match(line, at):
            pairs += 1
            add_field(fields, found["key"], _value(found))
        elif found := _WORD.match(line, at):
            fields.setdefault("", []).append(found[1])
        else:
            break
        at = found.end()
    return fields if pairs else None


def parse_auditd(line: str) -> Fields | None:
    """Parse type, node, time, serial and the pairs of a record; those inside msg='…' go into `msg`.
    After the byte 0x1D follow the names that auditd resolved for numeric values."""
    found = _AUDIT.match(line)
    if not found:
        return None
    names = ("node", "type", "time", "serial")
    fields: Fields = {name: found[name] for name in names if found[name]}
    pairs = parse_key_values(found["rest"].replace("\x1d", " ")) or {}
    if isinstance(inner := pairs.get("msg"), str) and "=" in inner:
        pairs["msg"] = parse_key_values(inner) or inner
    for key, value in pairs.items():
        fields[key if key not in names else f"{key}_"] = value
    return fields


def _value(found: re.Match[str]) -> str:
    if found["double"] is not None:
        return _ESCAPED.sub(lambda escape: _BREAKS.get(escape[1], escape[1]), found["double"])
    return str(found["bare"] if found["single"] is None else found["single"])
