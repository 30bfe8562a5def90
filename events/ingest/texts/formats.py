"""Lists the text formats of `ingest`, each with its reader and preset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from events.ingest.framing.record import Record, Spill
from events.ingest.local_time import TimeField
from events.ingest.paths import first_text, parse_path
from events.ingest.presets import Preset
from events.ingest.texts.access_log import parse_access
from events.ingest.texts.elements import read_elements
from events.ingest.texts.extensions import parse_cef, parse_leef
from events.ingest.texts.line_records import Parse, read_text_lines
from events.ingest.texts.pairs import parse_auditd, parse_key_values
from events.ingest.texts.rows import read_rows
from events.ingest.texts.syslog import parse_syslog

Say = Callable[[str], None]
TextReader = Callable[[Iterator[bytes], Spill, int, Say], Iterator[Record]]


@dataclass(frozen=True, slots=True)
class TextFormat:
    """The reader of a format, and the preset of its records, if any."""

    what: str
    read: TextReader
    preset: Preset | None = None


def _lines(name: str, parse: Parse | None) -> TextReader:
    return lambda chunks, spill, limit, say: read_text_lines(chunks, spill, limit, parse, say, name)


def _preset(
    name: str, what: str, event_type: str, agents: tuple[str, ...], *times: tuple[str, str | None]
) -> Preset:
    types, names = (parse_path(event_type),), tuple(map(parse_path, agents))
    return Preset(
        name=name,
        what=what,
        signatures=(),
        event_type=lambda record: first_text(types, record),
        agent=lambda record: first_text(names, record),
        times=tuple(TimeField(parse_path(path), unit) for path, unit in times),
    )


_SYSLOG = _preset(
    "syslog",
    "syslog: program; host",
    "fields.program",
    ("fields.host",),
    ("fields.timestamp", None),
)
_CEF = _preset(
    "cef",
    "CEF: name of the event; dvchost, host of syslog, dvc or product",
    "fields.name",
    ("fields.extension.dvchost", "fields.syslog.host", "fields.extension.dvc", "fields.product"),
    ("fields.extension.rt", "ms"),
    ("fields.extension.end", "ms"),
    ("fields.syslog.timestamp", None),
)
_LEEF = _preset(
    "leef",
    "LEEF: event id; host of syslog, identHostName or product",
    "fields.event_id",
    ("fields.syslog.host", "fields.attributes.identHostName", "fields.product"),
    ("fields.attributes.devTime", None),
    ("fields.syslog.timestamp", None),
)
_CLF = _preset(
    "clf",
    "access log: method; virtual host",
    "fields.method",
    ("fields.vhost",),
    ("fields.time", None),
)
_AUDITD = _preset(
    "auditd",
    "auditd: type; node",
    "fields.type",
    ("fields.node",),
    ("fields.time", "s"),
)

TEXT_FORMATS = {
    "text": TextFormat("a line an event", _lines("text", None)),
    "syslog": TextFormat("RFC 3164 and 5424", _lines("syslog", parse_syslog), _SYSLOG),
    "cef": TextFormat("Common Event Format, also behind syslog", _lines("CEF", parse_cef), _CEF),
    "leef": TextFormat("Log Event Extended Format", _lines("LEEF", parse_leef), _LEEF),
    "clf": TextFormat(
        "access logs, common and combined", _lines("an access log", parse_access), _CLF
    ),
    "csv": TextFormat("rows below a header; also ; tab and |", read_rows),
    "kv": TextFormat("key=value pairs (logfmt)", _lines("key=value", parse_key_values)),
    "auditd": TextFormat("audit.log of Linux", _lines("auditd", parse_auditd), _AUDITD),
    "xml": TextFormat("elements of a list, as of Windows events", read_elements),
}
