"""Turns the parsed options of the `ingest` command into what an ingestion needs.

Every function raises IngestError for options that contradict each other or cannot be used.
"""

from __future__ import annotations

from typing import Any

from events.ingest.errors import IngestError
from events.ingest.following import LINE_FORMS
from events.ingest.inputs import STDIN, check_input, source_name
from events.ingest.local_time import PRESET, LocalTime, parse_fields
from events.ingest.mapping import DEFAULT_TYPE, REJECTED_TYPE, Mapping, Wrapping
from events.ingest.paths import parse_path
from events.ingest.presets import PRESETS, Preset, inside
from events.ingest.records import LISTED, Reading
from events.ingest.texts.formats import TEXT_FORMATS
from events.ingest.time_texts import check_pattern, parse_zone
from events.registrar import FIRST_AGENT

_NEED_LOCAL_TIME = (
    "local_zone",
    "local_time_unit",
    "local_time_format",
    "local_year",
    "local_time_required",
    "any_time",
)
NOT_RECORDED = {
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
"""Options that do not affect what is recorded."""


def check_following(files: list[str], options: dict[str, Any]) -> None:
    """Refuse options that `--follow` excludes."""
    if STDIN in files:
        raise IngestError("--follow reads files, not standard input")
    if options["dry_run"]:
        raise IngestError("--follow does not end, so it cannot be combined with --dry-run")
    if options["format"] not in LINE_FORMS or options["records"]:
        raise IngestError(f"--follow reads one record a line: --format {', '.join(LINE_FORMS)}")
    if options["source"] and len(files) > 1:
        raise IngestError("--source names one source; follow one log at a time")


def check_files(files: list[str], options: dict[str, Any]) -> int | None:
    """Refuse files that cannot be read or told apart. Returns their size in bytes, if known."""
    sizes = [check_input(place) for place in files]
    names = [source_name(place) for place in files]
    if options["source"] and len(files) > 1:
        raise IngestError("--source names one source; ingest one file at a time")
    for name in names:
        if names.count(name) > 1:
            raise IngestError(
                f"two of the files are named {name}, and equal lines in them would count as "
                "one; ingest one at a time, each with its --source"
            )
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def read_reading(options: dict[str, Any]) -> Reading:
    """Read the options that split inputs into records."""
    form, path = options["format"], options["records"]
    if path and form not in LISTED:
        raise IngestError(f"--records needs --format {', '.join(LISTED)}")
    if options["keep_envelope"] and not path and form != "auto":
        raise IngestError("--keep-envelope needs --records PATH")
    return Reading(
        form=form,
        records=parse_path(path) if path else None,
        keep_envelope=options["keep_envelope"],
        scalars=options["scalars"],
    )


def read_wrapping(options: dict[str, Any]) -> Wrapping | None:
    """Read the event type and agent of wrapped rejects; None without `--wrap-rejects`."""
    if not options["wrap_rejects"]:
        return None
    return Wrapping(options["type"] or REJECTED_TYPE, options["agent"] or FIRST_AGENT)


def read_mapping(options: dict[str, Any]) -> tuple[Mapping, bool]:
    """The mapping, and whether the kind of log is recognized by its first records."""
    names = ("preset", "type_field", "agent_field", "type", "agent")
    preset = _preset(options)
    recognizing = preset is None and not any(options[name] for name in names)
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
    fields = mapping.local_time.fields if mapping.local_time else ()
    if PRESET in fields and not (preset or recognizing):
        raise IngestError("--local-time preset needs --preset NAME, or a recognized log")
    return mapping, recognizing


def _preset(options: dict[str, Any]) -> Preset | None:
    """The preset of `--preset`, or that of the format, adjusted to the payload's shape."""
    form, named = options["format"], PRESETS.get(options["preset"] or "")
    if named is None:
        of_form = TEXT_FORMATS[form].preset if form in TEXT_FORMATS else None
        return None if options["preset"] else of_form
    if form in TEXT_FORMATS:
        return inside(named, "fields")
    return inside(named, "record") if options["keep_envelope"] else named


def _local_time(options: dict[str, Any]) -> LocalTime | None:
    if not options["local_time"]:
        for name in _NEED_LOCAL_TIME:
            if options[name]:
                raise IngestError(f"--{name.replace('_', '-')} needs --local-time")
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


def recorded_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options that differ from their defaults, for the import record."""
    return {
        name: value
        for name, value in options.items()
        if name not in NOT_RECORDED and value not in (None, False, [], "")
    }
