"""Parses CEF and LEEF lines, with or without a syslog header."""

from __future__ import annotations

import re

from events.ingest.texts.line_records import Fields, add_field
from events.ingest.texts.syslog import parse_syslog

_CEF = re.compile(r"CEF:\s?(?P<version>[0-9.]+)\|")
_LEEF = re.compile(r"LEEF:\s?(?P<version>[0-9.]+)\|")
_PIPE = re.compile(r"((?:\\.|[^|\\])*)\|", re.DOTALL)
_KEY = re.compile(r"(?:^|(?<= ))([A-Za-z0-9_.,\[\]-]+)=")
_HEADER = re.compile(r"\\([|\\])")
_VALUE = re.compile(r"\\([=\\|nr])")
_BREAKS = {"n": "\n", "r": "\r"}
_CEF_NAMES = ("vendor", "product", "device_version", "signature_id", "name", "severity")
_LEEF_NAMES = ("vendor", "product", "device_version", "event_id")


def parse_cef(line: str) -> Fields | None:
    """Parse the seven parts of the header, the keys of `extension` unchanged, and a syslog header
    into `syslog`."""
    begin = _CEF.search(line)
    if not begin:
        return None
    parts, rest = _parts(line[begin.end() :], len(_CEF_NAMES))
    if len(parts) < len(_CEF_NAMES):
        return None
    fields = _with_header(line[: begin.start()], begin["version"])
    fields |= dict(zip(_CEF_NAMES, parts, strict=True))
    fields["extension"] = _cef_extension(rest)
    return fields


def parse_leef(line: str) -> Fields | None:
    """Parse the header, the keys of `attributes` unchanged, and a syslog header into `syslog`."""
    begin = _LEEF.search(line)
    if not begin:
        return None
    parts, rest = _parts(line[begin.end() :], len(_LEEF_NAMES))
    if len(parts) < len(_LEEF_NAMES):
        return None
    fields = _with_header(line[: begin.start()], begin["version"])
    fields |= dict(zip(_LEEF_NAMES, parts, strict=True))
    delimiter = "\t"
    if begin["version"].startswith("2") and "|" in rest:
        stated, _, behind = rest.partition("|")
        if len(stated) <= 6 and "=" not in stated:
            delimiter, rest = _delimiter(stated), behind
    fields["attributes"] = _attributes(rest, delimiter)
    return fields


def _with_header(front: str, version: str) -> Fields:
    syslog = parse_syslog(front) if front.strip() else None
    return {"syslog": syslog, "version": version} if syslog else {"version": version}


def _parts(text: str, count: int) -> tuple[list[str], str]:
    """Split off the first `count` parts at unescaped pipes; returns them and the rest."""
    parts: list[str] = []
    at = 0
    while len(parts) < count and (found := _PIPE.match(text, at)):
        parts.append(_HEADER.sub(r"\1", found[1]))
        at = found.end()
    if len(parts) == count - 1:  # the last part may be all that is left
        parts.append(_HEADER.sub(r"\1", text[at:]))
        at = len(text)
    return parts, text[at:]


def _cef_extension(text: str) -> Fields:
    """Parse keys and values; a value extends to the next ` key=`."""
    fields: Fields = {}
    keys = [found for found in _KEY.finditer(text) if not _is_escaped(text, found.end() - 1)]
    ends = [*(key.start() for key in keys[1:]), len(text)][: len(keys)]
    for key, end in zip(keys, ends, strict=True):
        value = text[key.end() : end]
        value = value[:-1] if end < len(text) else value
        add_field(
            fields, key[1], _VALUE.sub(lambda escape: _BREAKS.get(escape[1], escape[1]), value)
        )
    return fields


def _is_escaped(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _attributes(text: str, delimiter: str) -> Fields:
    fields: Fields = {}
    for piece in text.split(delimiter):
        key, equals, value = piece.partition("=")
        if equals:
            add_field(fields, key.strip(), value)
    return fields


def _delimiter(stated: str) -> str:
    if match := re.fullmatch(r"(?:0?x|\\x)([0-9A-Fa-f]{1,4})", stated):
        return chr(int(match[1], 16))
    return stated or "\t"
