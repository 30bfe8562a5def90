"""`ingest`: takes log files into the ledger."""

from __future__ import annotations

import sys
import textwrap
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError

from events.append.services import bulk_writer, signing_service, writer
from events.ingest.console import Console
from events.ingest.errors import IngestError
from events.ingest.following import LINE_FORMS, Following
from events.ingest.ingestion import HOPELESS, Ingestion
from events.ingest.inputs import STDIN, check_input, check_packed, source_name
from events.ingest.loading import AgentKeys
from events.ingest.local_time import PRESET, UNITS, LocalTime, parse_fields
from events.ingest.mapping import DEFAULT_TYPE, REJECTED_TYPE, Mapping, Wrapping
from events.ingest.paths import parse_path
from events.ingest.presets import PRESETS, Preset, inside
from events.ingest.records import FORMS, LISTED, Reading
from events.ingest.texts.formats import TEXT_FORMATS
from events.ingest.time_texts import check_pattern, parse_zone
from events.keys.first_keys import FIRST_AGENT
from events.management.base import LedgerCommand
from events.store.connection import LedgerUnavailableError

COULD_NOT_RUN = 2
_GO_WITH_LOCAL_TIME = (
    "local_zone",
    "local_time_unit",
    "local_time_format",
    "local_year",
    "local_time_required",
    "any_time",
)
_UNTOLD = {
    "files",
    "settings",
    "pythonpath",
    "traceback",
    "verbosity",
    "no_color",
    "force_color",
    "skip_checks",
    "batch",
    "rejects",
    "max_errors",
    "json",
    "dry_run",
    "yes",
    "stdout",
    "stderr",
}
"""Options that change nothing of what is recorded."""

DESCRIPTION = """\
Take log files into the ledger: JSON in every form that logs have.

Every record becomes one event whose payload is the whole record: texts and 64-bit integers
exactly, other numbers as the double they stand for (digits beyond its 17 are lost). The event's
type and agent are read from fields of the record. Records that cannot be taken are explained and
counted, and the rest goes in.

Running it again is safe. A record's event id is made of the source name, the record's line (or
its place in the array) and its content, so what is in the ledger already is found and not added
again; a run that was interrupted is finished by running it again; of a file that has grown the
new lines are added.
"""
EPILOG = """\
formats:
  lines         a JSON value a line
  array         the elements of JSON arrays
  concatenated  JSON values one after the other, over several lines or with nothing between
  json-seq      RFC 7464 (journalctl -o json-seq)
  journal-export  the journal's own format (journalctl -o export)
  auto          one of these. CloudTrail's {{"Records": […]}} and Kubernetes lists are unwrapped
                when nothing else is there. Any other object with a list of records, a text log,
                and what is no JSON is refused, with the option that takes it.
{formats}
  A record of text is {{"line": the line, "fields": what was found in it}}; a line in which nothing
  was found is taken as {{"line": …}}. Types and agents: {readings}.
  Files may be packed with gzip, xz, bzip2 or zstd.

presets:
{presets}

paths:
  a.b.c goes into objects, items.0 into lists; a dot that belongs to a key is written \\.
  as in  --type-field 'event\\.action'.  A path counts when it holds a text or an integer.

local time:
  local_timestamp is the clock of this computer, unless --local-time names fields. `--local-time
  preset` takes those of the preset; `--local-time a,b` the first of these that a record has. A
  record that has none gets this computer's clock and is counted; --local-time-required rejects it.
  Times are taken as ISO 8601 (also with comma, blank, slashes, +02, UTC, [Europe/Berlin]), compact
  (20260102T030405Z), RFC 2822, access log, ctime, auditd's 1767323045.123:4567, syslog with
  --local-year, numbers with --local-time-unit, anything else with --local-time-format.
  Nothing is guessed: a time without offset needs --local-zone, a date such as 1/2/2026 needs
  --local-time-format, and a time before 1990 or after tomorrow is rejected unless --any-time.
  Of a wall-clock time that came twice (clocks put back) the first is taken; one that never came
  (clocks put forward) is read with the offset before the change.

agents:
  An agent is who signs. One that a field or preset names, and that has a key already, signs for its
  records. Anybody may have written the other names in a log: their records are signed by the agent
  of --agent, and counted. --agents-from-field gives every name a key of its own; --no-new-agents
  rejects these records.

logs:
  The log line of every batch and of every drifting clock goes to the log file only, and to the
  terminal with -v 2. The summary counts the events with clock drift.

exit status:
  0 every record is in the ledger; 1 some were rejected; 2 it could not run or had to stop, which
  running it again finishes.

examples:
  manage.py ingest app.jsonl
  manage.py ingest --dry-run --local-time preset trail.json.gz
  manage.py ingest --preset windows --local-time preset --local-zone Europe/Berlin dc1.jsonl
  manage.py ingest --type-field action --agent-field user.name --agent web app.jsonl
  journalctl -o json --since 2026-01-31 --until 2026-02-01 |
      manage.py ingest --preset journald --source journal-2026-01-31 -
"""


class Command(LedgerCommand):
    """Parse what is asked, take the inputs in, show what became of them."""

    help = "Take log files into the ledger."
    requires_system_checks = []  # those look at the web pages

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        width = max(map(len, PRESETS))
        presets = "\n".join(f"  {p.name:{width}}  {p.what}" for p in PRESETS.values())
        parser.description = DESCRIPTION
        parser.epilog = EPILOG.format(presets=presets, formats=_formats(), readings=_readings())
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a file; - is standard input")
        _add_reading(parser)
        _add_mapping(parser)
        _add_writing(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        files: list[str] = options["files"]
        follows: bool = options["follow"]
        size = None
        if follows:
            _check_following(files, options)
        else:
            size = _check(files, options)
        with ExitStack() as stack:
            is_look = options["dry_run"] and not options["json"]
            console = stack.enter_context(
                Console(
                    self.stderr,
                    size,
                    options["max_errors"],
                    options["verbosity"],
                    self.stdout if is_look else None,
                )
            )
            rejects = _open_rejects(stack, options["rejects"], files)
            ingestion = _ingestion(options, console, rejects)
            following = Following(ingestion, files) if follows else None
            if following:
                _check_followed(following, again=options["again"])
            else:
                _look(ingestion, files, options, console)
            if ingestion.appending:
                stack.callback(ingestion.appending.close)
            failure = following.run() if following else ingestion.run(files)
        console.summarize(
            ingestion.reports,
            self.stdout,
            as_json=options["json"],
            dry_run=options["dry_run"],
            failure=failure,
        )
        if failure:
            raise CommandError(failure, returncode=COULD_NOT_RUN)
        if any(report.counts.rejected for report in ingestion.reports):
            sys.exit(1)


def _formats() -> str:
    return "\n".join(f"  {name:12}  {one.what}" for name, one in TEXT_FORMATS.items())


def _readings() -> str:
    said = "; ".join(one.preset.what for one in TEXT_FORMATS.values() if one.preset)
    return "\n  ".join(textwrap.wrap(said, 96))


def _check_following(files: list[str], options: dict[str, Any]) -> None:
    """Refuse what does not go with following."""
    wrong = None
    if STDIN in files:
        wrong = "--follow goes with files, not with standard input, which is read as it comes"
    elif options["dry_run"]:
        wrong = "--follow does not end; --dry-run goes without it"
    elif options["format"] not in LINE_FORMS or options["records"]:
        wrong = f"--follow takes a record a line, with --format {', '.join(LINE_FORMS)}"
    elif options["source"] and len(files) > 1:
        wrong = "--source names one source; follow one log at a time"
    if wrong:
        raise CommandError(wrong, returncode=COULD_NOT_RUN)


def _check_followed(following: Following, *, again: bool) -> None:
    try:
        following.check(again=again)
    except IngestError as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error


def _look(
    ingestion: Ingestion, files: list[str], options: dict[str, Any], console: Console
) -> None:
    """Show what will be recorded, and on a terminal ask whether to go on."""
    try:
        ingestion.look(files)
        for place in files:
            check_packed(place)
        if copies := ingestion.find_copies(files):
            told = "\n".join(map(str, copies))
            if not (options["again"] or options["dry_run"]):
                raise IngestError(told)
            console.say(told)
    except IngestError as error:
        message = f"{error}; nothing of it was written"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error
    if options["dry_run"] or options["yes"] or STDIN in files or not console.is_terminal:
        return
    what = files[0] if len(files) == 1 else f"{len(files):,} files"
    if not console.confirmed(f"Write {what} into the ledger?"):
        raise CommandError("nothing was written", returncode=COULD_NOT_RUN)


def _add_reading(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--format",
        choices=FORMS,
        default="auto",
        help="auto decides from the beginning, and refuses what is not certain; see below",
    )
    group.add_argument(
        "--records",
        metavar="PATH",
        help="the records are the elements of the list at this path in each object",
    )
    group.add_argument(
        "--keep-envelope",
        action="store_true",
        help='put what stands beside the list into each payload: {"record": …, "envelope": …}',
    )
    group.add_argument(
        "--scalars",
        action="store_true",
        help="take bare texts, numbers and words as records too; by default they are rejected",
    )
    _add_wrapping(group)
    group.add_argument(
        "--source",
        metavar="NAME",
        help="name of the source, part of every event id; default the file's name without folder "
        "and .gz, .xz, .bz2 or .zst, or stdin",
    )


def _add_wrapping(group: Any) -> None:
    group.add_argument(
        "--wrap-rejects",
        action="store_true",
        help="record what cannot be taken (no JSON, a key twice, U+0000, integers beyond 64 bits) "
        f'as {{"line": …, "reason": …}} with the type {REJECTED_TYPE}, or --type',
    )


def _add_mapping(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "mapping",
        "Without any of the first five, the kind of log is recognized by its first records; "
        f"what is not recognized gets the type {DEFAULT_TYPE} and the agent {FIRST_AGENT}.",
    )
    group.add_argument("--preset", choices=(*PRESETS, "none"), help="the kind of log, see below")
    group.add_argument(
        "--type-field",
        metavar="PATH",
        action="append",
        default=[],
        help="field that holds the event type; may be repeated, the first that is there counts",
    )
    group.add_argument(
        "--type-prefix",
        metavar="TEXT",
        default="",
        help="goes before every type that is read from a field, such as github. for a log whose "
        "types others have too",
    )
    group.add_argument(
        "--agent-field", metavar="PATH", action="append", default=[], help="likewise"
    )
    group.add_argument("--type", metavar="NAME", help="type of records whose fields name none")
    group.add_argument(
        "--agent",
        metavar="NAME",
        help=f"agent of records whose fields name none, or one without a key [{FIRST_AGENT}]",
    )
    new_agents = group.add_mutually_exclusive_group()
    new_agents.add_argument(
        "--agents-from-field",
        action="store_true",
        help="give each agent that a field names a key of its own; anybody whose name is in a log "
        "becomes an agent",
    )
    new_agents.add_argument(
        "--no-new-agents",
        action="store_true",
        help="reject records of agents without a key",
    )
    group.add_argument("--id-field", metavar="PATH", help="field with a UUID to use as event id")
    _add_times(parser)


def _add_times(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("local time")
    group.add_argument(
        "--local-time",
        metavar="PATH[,PATH]",
        action="append",
        default=[],
        help="fields with the writer's own clock, the first that is there counts; `preset` stands "
        "for those of the preset; may be repeated",
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
        "--local-year", type=int, metavar="YEAR", help="year of times that name none (syslog)"
    )
    group.add_argument(
        "--local-time-required",
        action="store_true",
        help="reject records without a time; by default they get the clock of this computer, and "
        "are counted",
    )
    group.add_argument(
        "--any-time", action="store_true", help="take times before 1990 and after tomorrow too"
    )


def _add_writing(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("writing")
    group.add_argument(
        "--batch", type=_batch_size, default=500, metavar="N", help="events a transaction [500]"
    )
    group.add_argument(
        "--rejects", metavar="FILE", help="write rejected records here, as they were; overwrites"
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
        help="go on taking in what is written to the logs, over rotations, until Ctrl-C or "
        "SIGTERM; FILE may be a pattern, and event ids are others than without it",
    )
    group.add_argument(
        "--again",
        action="store_true",
        help="take in files whose content is in the ledger under another name",
    )
    group.add_argument(
        "--yes", action="store_true", help="do not ask on a terminal before the first write"
    )
    group.add_argument("--json", action="store_true", help="the summary as JSON")


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


def _check(files: list[str], options: dict[str, Any]) -> int | None:
    """Refuse what cannot work before anything is written; the bytes to read, if known."""
    try:
        sizes = [check_input(place) for place in files]
        names = [source_name(place) for place in files]
        if options["source"] and len(files) > 1:
            raise IngestError("--source names one source; take one file at a time")
        for name in names:
            if names.count(name) > 1:
                raise IngestError(
                    f"two of the files are named {name}, and equal lines in them would count as "
                    "one; take one at a time, each with its --source"
                )
    except IngestError as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _open_rejects(stack: ExitStack, name: str | None, files: list[str]) -> BinaryIO | None:
    if name is None:
        return None
    path = Path(name)
    if any(place != STDIN and path.exists() and path.samefile(place) for place in files):
        raise CommandError(f"--rejects {name} is one of the inputs", returncode=COULD_NOT_RUN)
    try:
        return stack.enter_context(path.open("wb"))
    except OSError as error:
        message = f"--rejects {name} cannot be written: {error.strerror}"
        raise CommandError(message, returncode=COULD_NOT_RUN) from error


def _ingestion(options: dict[str, Any], console: Console, rejects: BinaryIO | None) -> Ingestion:
    dry = options["dry_run"]
    try:
        reading = _reading(options)
        mapping, recognizing = _mapping(options)
    except IngestError as error:
        raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
    agents = _agents(options, console)
    if not (options["agents_from_field"] or options["no_new_agents"]):
        mapping = replace(
            mapping,
            agent=mapping.agent or FIRST_AGENT,
            own_name=agents.knows if agents else lambda name: False,
        )
    return Ingestion(
        mapping=mapping,
        recognizing=recognizing,
        reading=reading,
        batch_size=options["batch"],
        source=options["source"],
        listener=console,
        rejects=rejects,
        writer=None if dry else writer(),
        appending=None if dry else bulk_writer(),
        agents=None if dry else agents,
        wrapping=_wrapping(options),
        max_rejects=options["max_rejects"],
        options=_told(options),
    )


def _wrapping(options: dict[str, Any]) -> Wrapping | None:
    if not options["wrap_rejects"]:
        return None
    return Wrapping(options["type"] or REJECTED_TYPE, options["agent"] or FIRST_AGENT)


def _reading(options: dict[str, Any]) -> Reading:
    form, path = options["format"], options["records"]
    if path and form not in LISTED:
        raise IngestError(f"--records goes with --format {', '.join(LISTED)}")
    if options["keep_envelope"] and not path and form != "auto":
        raise IngestError("--keep-envelope goes with --records PATH")
    return Reading(
        form=form,
        records=parse_path(path) if path else None,
        keep_envelope=options["keep_envelope"],
        scalars=options["scalars"],
    )


def _told(options: dict[str, Any]) -> dict[str, Any]:
    """What was asked beyond the defaults, for the record of the import."""
    return {
        name: value
        for name, value in options.items()
        if name not in _UNTOLD and value not in (None, False, [], "")
    }


def _agents(options: dict[str, Any], console: Console) -> AgentKeys | None:
    """None where a dry run cannot ask the ledger."""
    try:
        return AgentKeys(signing_service(), None if options["no_new_agents"] else console.new_agent)
    except LedgerUnavailableError:
        if options["dry_run"]:
            return None
        raise


def _mapping(options: dict[str, Any]) -> tuple[Mapping, bool]:
    """The mapping that was asked for, and whether the kind of log is to be recognized."""
    names = ("preset", "type_field", "agent_field", "type", "agent")
    silent = not any(options[name] for name in names)
    preset = _preset(options)
    silent = silent and preset is None
    event_type, agent = options["type"], options["agent"]
    if preset is None or options["format"] in TEXT_FORMATS:
        event_type = event_type or (None if options["type_field"] else DEFAULT_TYPE)
        agent = agent or (None if options["agent_field"] else FIRST_AGENT)
    mapping = Mapping(
        preset=preset,
        type_fields=tuple(map(parse_path, options["type_field"])),
        agent_fields=tuple(map(parse_path, options["agent_field"])),
        event_type=event_type,
        type_prefix=options["type_prefix"],
        agent=agent,
        id_field=parse_path(options["id_field"]) if options["id_field"] else None,
        local_time=_local_time(options),
    )
    if not silent and mapping.local_time and PRESET in mapping.local_time.fields and not preset:
        raise IngestError("--local-time preset goes with --preset NAME, or with a recognized log")
    return mapping, silent


def _preset(options: dict[str, Any]) -> Preset | None:
    """The preset that was named, or that goes with the format, where its records stand."""
    form, named = options["format"], PRESETS.get(options["preset"] or "")
    if named is None:
        of_form = TEXT_FORMATS[form].preset if form in TEXT_FORMATS else None
        return None if options["preset"] else of_form
    if form in TEXT_FORMATS:
        return inside(named, "fields")
    return inside(named, "record") if options["keep_envelope"] else named


def _local_time(options: dict[str, Any]) -> LocalTime | None:
    if not options["local_time"]:
        for name in _GO_WITH_LOCAL_TIME:
            if options[name]:
                raise IngestError(f"--{name.replace('_', '-')} goes with --local-time")
        return None
    return LocalTime(
        fields=parse_fields(options["local_time"]),
        zone=parse_zone(options["local_zone"]) if options["local_zone"] else None,
        unit=options["local_time_unit"],
        year=options["local_year"],
        patterns=tuple(map(check_pattern, options["local_time_format"])),
        required=options["local_time_required"],
        any_time=options["any_time"],
    )
