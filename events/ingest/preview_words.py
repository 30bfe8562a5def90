"""Renders previews as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from events.format.names import show
from events.ingest.mapping import DEFAULT_TYPE
from events.ingest.preview import Preview, TimeSeen
from events.registrar import FIRST_AGENT

MAX_INPUTS = 3
"""Inputs whose preview is shown in full; of the others only what is unusual."""

_NAMED = 5
_FORMS = {
    "lines": "a JSON value a line",
    "array": "JSON arrays",
    "concatenated": "JSON values one after the other",
    "lists": "lists inside JSON objects",
    "json-seq": "a JSON text sequence",
}


def preview_lines(previews: Sequence[Preview]) -> Iterator[str]:
    """The lines shown for some inputs."""
    for preview in previews[:MAX_INPUTS]:
        form = _FORMS.get(preview.format or "", preview.format)
        yield f"{preview.label}: {form}, {_kind(preview)}"
        yield from (f"  {line}" for line in (*_times(preview), *_agents(preview), *_odd(preview)))
        yield from (_event(event) for event in preview.events)
    rest = previews[MAX_INPUTS:]
    if rest:
        yield f"… and {len(rest):,} more files"
    for preview in rest:
        yield from (f"  {preview.label}: {line}" for line in _odd(preview))


def _kind(preview: Preview) -> str:
    if not preview.read:
        return "no record"
    preset = preview.preset
    if not preview.recognized:
        return f"preset {preset.name}, as asked" if preset else "no preset, as asked"
    if preset is None:
        return (
            f"unknown kind of log: type {DEFAULT_TYPE}, agent {FIRST_AGENT}; "
            "--preset, --type-field or --agent-field change that"
        )
    of = f"{preview.kinds[preset.name]:,} of the first {preview.read:,} records"
    return f"recognized as {preset.name} ({preset.what}) by {of}; --preset overrides it"


def _times(preview: Preview) -> Iterator[str]:
    if preview.local_time == "now":
        yield "local time: the clock of this computer, now"
        if preview.times:
            yield "  the records have their own times, which --local-time would use:"
            yield from (f"  {_time(seen)}" for seen in preview.times[:_NAMED])
    else:
        yield f"local time: from {', '.join(preview.local_time)}"


def _time(seen: TimeSeen) -> str:
    """The options that read a time field, and the range of its values."""
    option = "preset" if seen.known else seen.path
    if seen.unit and not seen.known:
        option += f" --local-time-unit {seen.unit}"
    if seen.wall_clock:
        option += " --local-zone ZONE"
    field = f" ({seen.path})" if seen.known else ""
    return f"--local-time {option}{field}   {seen.first} to {seen.last}, in {seen.count:,}"


def _agents(preview: Preview) -> Iterator[str]:
    if any(preview.agents):
        yield f"agents: {_some([agent for agent, _ in preview.agents.most_common()])}"
    if preview.passed_over:
        yield (
            f"agents without a key, recorded for --agent instead: {_some(preview.passed_over)}; "
            "--agents-from-field gives each its own key"
        )
    if preview.new_agents:
        yield f"new agents, each of which gets a key: {_some(preview.new_agents)}"


def _some(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _odd(preview: Preview) -> Iterator[str]:
    if preview.problem:
        yield f"note: {preview.problem}"
    if len(preview.kinds) > 1:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in preview.kinds.most_common())
        yield f"note: the records are of several kinds: {kinds}"
    if preview.rejected:
        place, reason = preview.rejected[0]
        yield (
            f"note: {len(preview.rejected):,} of the first {preview.read:,} records would be "
            f"rejected; {place}: {reason}"
        )


def _event(event: dict[str, object]) -> str:
    return "  " + "  ".join(f"{name}={show(str(value))}" for name, value in event.items())
