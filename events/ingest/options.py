"""Declares the options of the `ingest` command, with their help texts."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from events.ingest.ingestion import HOPELESS
from events.ingest.local_time import UNITS
from events.ingest.mapping import DEFAULT_TYPE, REJECTED_TYPE
from events.ingest.presets import PRESETS
from events.ingest.records import FORMS
from events.ingest.texts.formats import TEXT_FORMATS
from events.registrar import FIRST_AGENT

DESCRIPTION = """\
Ingest log files into the ledger: JSON in all common layouts, and text formats.

Every record becomes one event whose payload is the whole record: texts and 64-bit integers
exactly, other numbers as doubles (digits beyond the 17th are lost). The event's type and agent are
read from fields of the record. Rejected records are explained and counted; the others are ingested.

Running it again is safe. A record's event id is derived from the source name, the record's line (or
its position in the array) and its content, so events that are in the ledger already are not added
again. Run it again to finish an interrupted run, or to add the new lines of a file that has grown.
"""
EPILOG = """\
formats:
  lines         a JSON value a line
  array         the elements of JSON arrays
  concatenated  JSON values one after the other, over several lines or with nothing between
  json-seq      RFC 7464 (journalctl -o json-seq)
  journal-export  the journal's own format (journalctl -o export)
  auto          detects one of these. CloudTrail's {{"Records": […]}} and Kubernetes lists are
                unwrapped if they are the only value. Other objects with a list of records and
                inputs that are not JSON are refused, naming the option that reads them.
{formats}
  A line of text becomes {{"line": the line, "fields": its parsed fields}}, or {{"line": …}} if it
  cannot be parsed. Types and agents: {readings}.
  Files may be compressed with gzip, xz, bzip2 or zstd.

presets:
{presets}

paths:
  a.b.c descends into objects, items.0 into lists; a dot in a key is written \\.
  as in  --type-field 'event\\.action'.  A value counts if it is a string or an integer.

local time:
  local_timestamp is the clock of this computer, unless --local-time names fields. `--local-time
  preset` uses those of the preset; `--local-time a,b` the first of these that a record has. A
  record without them gets this computer's clock and is counted; --local-time-required rejects it.
  Accepted are ISO 8601 (also with comma, blank, slashes, +02, UTC, [Europe/Berlin]), compact
  (20260102T030405Z), RFC 2822, access log, ctime, auditd's 1767323045.123:4567, syslog with
  --local-year, numbers with --local-time-unit, and other formats with --local-time-format.
  Nothing is guessed: a time without offset needs --local-zone, a date such as 1/2/2026 needs
  --local-time-format, and a time before 1990 or after tomorrow is rejected unless --any-time.
  A wall-clock time that occurs twice (clocks put back) means the first; one that never occurs
  (clocks put forward) is read with the offset before the change.

agents:
  The agent signs the event. An agent named by a field or preset signs if it has a key already.
  Anybody can write other names into a log: those records are signed by the agent of --agent, and
  counted. --agents-from-field creates a key for every name; --no-new-agents rejects these records.

logs:
  Log lines of batches and of clock drift go to the log file, and with -v 2 to the terminal. The
  summary counts the events with clock drift.

exit status:
  0 every record is in the ledger; 1 some were rejected; 2 it could not run or had to stop (run it
  again to finish).

examples:
  manage.py ingest app.jsonl
  manage.py ingest --dry-run --local-time preset trail.json.gz
  manage.py ingest --preset windows --local-time preset --local-zone Europe/Berlin dc1.jsonl
  manage.py ingest --type-field action --agent-field user.name --agent web app.jsonl
  journalctl -o json --since 2026-01-31 --until 2026-02-01 |
      manage.py ingest --preset journald --source journal-2026-01-31 -
"""


def describe(parser: ArgumentParser) -> None:
    """Set the description and the epilog, with the tables of formats and presets."""
    width = max(map(len, PRESETS))
    presets = "\n".join(f"  {p.name:{width}}  {p.what}" for p in PRESETS.values())
    formats = "\n".join(f"  {name:12}  {one.what}" for name, one in TEXT_FORMATS.items())
    readings = "; ".join(one.preset.what for one in TEXT_FORMATS.values() if one.preset)
    parser.description = DESCRIPTION
    parser.epilog = EPILOG.format(
        presets=presets, formats=formats, readings="\n  ".join(textwrap.wrap(readings, 96))
    )
    parser.formatter_class = RawDescriptionHelpFormatter


def add_options(parser: ArgumentParser) -> None:
    """Add the files and all options."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file; - is standard input")
    _add_reading(parser)
    _add_mapping(parser)
    _add_times(parser)
    _add_writing(parser)


def _add_reading(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--format",
        choices=FORMS,
        default="auto",
        help="auto detects the format and refuses ambiguous inputs; see below",
    )
    group.add_argument(
        "--records",
        metavar="PATH",
        help="read the elements of the list at this path in each object as records",
    )
    group.add_argument(
        "--keep-envelope",
        action="store_true",
        help='add the members beside the list to each payload: {"record": …, "envelope": …}',
    )
    group.add_argument(
        "--scalars",
        action="store_true",
        help="accept bare texts, numbers and words as records; by default they are rejected",
    )
    group.add_argument(
        "--wrap-rejects",
        action="store_true",
        help="record what cannot be stored (invalid JSON, repeated keys, U+0000, integers over 64 "
        f'bits) as {{"line": …, "reason": …}} with the type {REJECTED_TYPE}, or --type',
    )
    group.add_argument(
        "--source",
        metavar="NAME",
        help="name of the source, part of every event id; default the file's name without folder "
        "and .gz, .xz, .bz2 or .zst, or stdin",
    )


def _add_mapping(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "mapping",
        "Without any of the first five, the kind of log is recognized by its first records; "
        f"an unknown kind gets the type {DEFAULT_TYPE} and the agent {FIRST_AGENT}.",
    )
    group.add_argument("--preset", choices=(*PRESETS, "none"), help="the kind of log, see below")
    group.add_argument(
        "--type-field",
        metavar="PATH",
        action="append",
        default=[],
        help="field of the event type; may be repeated, the first present one counts",
    )
    group.add_argument(
        "--type-prefix",
        metavar="TEXT",
        default="",
        help="prefix of every type read from a field, such as github., to keep types of "
        "different logs apart",
    )
    group.add_argument(
        "--agent-field",
        metavar="PATH",
        action="append",
        default=[],
        help="the same for the agent",
    )
    group.add_argument("--type", metavar="NAME", help="type of records without one")
    group.add_argument(
        "--agent",
        metavar="NAME",
        help=f"agent of records that name none, or one without a key [{FIRST_AGENT}]",
    )
    new_agents = group.add_mutually_exclusive_group()
    new_agents.add_argument(
        "--agents-from-field",
        action="store_true",
        help="create a key for each agent named by a field; anybody whose name is in a log becomes "
        "an agent",
    )
    new_agents.add_argument(
        "--no-new-agents",
        action="store_true",
        help="reject records of agents without a key",
    )
    group.add_argument("--id-field", metavar="PATH", help="field with a UUID to use as event id")


def _add_times(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("local time")
    group.add_argument(
        "--local-time",
        metavar="PATH[,PATH]",
        action="append",
        default=[],
        help="fields of the local time, the first present one counts; `preset` stands for those of "
        "the preset; may be repeated",
    )
    group.add_argument(
        "--local-zone",
        metavar="ZONE",
        help="zone of times without offset, or with a zone name that has several: +02:00, UTC, "
        "Europe/Berlin",
    )
    group.add_argument(
        "--local-time-unit",
        choices=tuple(UNITS),
        help="unit of times that are numbers: since 1970, filetime since 1601 (Windows), ticks "
        "since the year 1 (.NET)",
    )
    group.add_argument(
        "--local-time-format",
        metavar="FORMAT",
        action="append",
        default=[],
        help="form of times as strptime takes it, such as '%%m/%%d/%%Y %%I:%%M:%%S %%p'; may be "
        "repeated",
    )
    group.add_argument(
        "--local-year", type=int, metavar="YEAR", help="year of times without one (syslog)"
    )
    group.add_argument(
        "--local-time-required",
        action="store_true",
        help="reject records without a time; by default they get the clock of this computer and "
        "are counted",
    )
    group.add_argument(
        "--any-time", action="store_true", help="accept times before 1990 and after tomorrow"
    )


def _add_writing(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("writing")
    group.add_argument(
        "--batch", type=_batch_size, default=500, metavar="N", help="events a transaction [500]"
    )
    group.add_argument(
        "--rejects",
        metavar="FILE",
        help="write rejected records here, unchanged; overwrites the file",
    )
    group.add_argument(
        "--max-errors",
        type=int,
        default=20,
        metavar="N",
        help="explain the first N rejected records one by one [20]; all are counted",
    )
    group.add_argument(
        "--max-rejects",
        type=_number,
        metavar="N",
        help="stop when more than N records are rejected; by default a run stops where the first "
        f"{HOPELESS:,} records of an input are all rejected",
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="show what would be recorded, read and map everything, write nothing",
    )
    group.add_argument(
        "--follow",
        action="store_true",
        help="keep ingesting what is written to the logs, across rotations, until Ctrl-C or "
        "SIGTERM; FILE may be a pattern; event ids differ from those without --follow",
    )
    group.add_argument(
        "--again",
        action="store_true",
        help="ingest files whose content is in the ledger under another name",
    )
    group.add_argument(
        "--yes", action="store_true", help="do not ask on a terminal before the first write"
    )
    group.add_argument("--json", action="store_true", help="print the summary as JSON")


def _batch_size(text: str) -> int:
    size = int(text)
    if not 1 <= size <= 1000:
        raise ValueError
    return size


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


_number.__name__ = "number from 0"
_batch_size.__name__ = "number from 1 to 1,000"
