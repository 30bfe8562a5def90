"""Names the format of text that is not JSON, by its first lines."""

from __future__ import annotations

import re

TEXT = "--format text"

_KINDS: tuple[tuple[str, str, re.Pattern[bytes]], ...] = tuple(
    (name, option, re.compile(pattern, re.IGNORECASE))
    for name, option, pattern in (
        ("CEF", "--format cef", rb".{0,200}\bCEF:\s?[0-9]+\|"),
        ("LEEF", "--format leef", rb".{0,200}\bLEEF:\s?[0-9.]+\|"),
        ("XML", "--format xml", rb"\s*<(?:\?xml|Events?\b)"),
        ("HTML", TEXT, rb"\s*<(?:!doctype|html)"),
        ("the journal's export", "--format journal-export", rb"_[A-Z0-9_]+=.*"),
        ("an auditd log", "--format auditd", rb"(?:node=\S+ )?type=[A-Z0-9_]+ msg=audit\("),
        (
            "syslog",
            "--format syslog",
            rb"(?:<[0-9]{1,3}>)?(?:1 |(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) "
            rb"[ 0-9][0-9] [0-9:]{8} |<[0-9]+>|[0-9]{4}-[0-9-]{5}T[0-9:.]+(?:Z|[+-][0-9:]+) \S+ "
            rb"[^\s:\[\]]+(?:\[[0-9]+\])?: )",
        ),
        ("an access log", "--format clf", rb"\S+ \S+ .{1,100} \[[0-9]{2}/[a-z]{3}/[0-9]{4}:"),
        ("key=value text", "--format kv", rb'(?:[\w.-]+=(?:"[^"]*"|\S*)\s+){2}'),
        ("CSV", "--format csv", rb'(?:"[^"]*"|[\w .-]+)(?:[,;\t](?:"[^"]*"|[\w .:/@-]*)){2,}\s*$'),
    )
)


def name_text(lines: list[bytes]) -> tuple[str, str]:
    """The format of most of the lines, and the option that reads it."""
    found: dict[tuple[str, str], int] = {}
    for line in lines:
        for name, option, pattern in _KINDS:
            if pattern.match(line[:4096]):
                found[name, option] = found.get((name, option), 0) + 1
                break
    name, option = max(found, key=lambda kind: found[kind], default=("", ""))
    if name == "XML" or (name and found[name, option] * 2 > len(lines)):
        return name, option
    return "text", TEXT
