"""Renders previews as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from events.format.names import show
from events.ingest.mapping import DEFAULT_TYPE
from events.ingest.preview import Look, TimeSeen
from events.keys.first_keys import FIRST_AGENT

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


def look_lines(looks: Sequence[Look]) -> Iterator[str]:
    """The lines shown for some inputs."""
    for look in looks[:MAX_INPUTS]:
        yield f"{look.label}: {_FORMS.get(look.format or '', look.format)}, {_kind(look)}"
        yield from (f"  {line}" for line in (*_times(look), *_agents(look), *_odd(look)))
        yield from (_event(event) for event in look.events)
    rest = looks[MAX_INPUTS:]
    if rest:
        yield f"… and {len(rest):,} more files"
    for look in rest:
        yield from (f"  {look.label}: {line}" for line in _odd(look))


def _kind(look: Look) -> str:
    if not look.read:
        return "no record"
    if not look.recognized:
        return f"preset {look.preset.name}, as asked" if look.preset else "no preset, as asked"
    if look.preset is None:
        return (
            f"unknown kind of log: type {DEFAULT_TYPE}, agent {FIRST_AGENT}; "
            "--preset, --type-field or --agent-field change that"
        )
    of = f"{look.kinds[look.preset.name]:,} of the first {look.read:,} records"
    return f"recognized as {look.preset.name} ({look.preset.what}) by {of}; --preset overrides it"


def _times(look: Look) -> Iterator[str]:
    if look.local_time == "now":
        yield "local time: the clock of this computer, now"
        if look.times:
            yield "  the records have times of their own, which --local-time would use:"
            yield from (f"  {_time(seen)}" for seen in look.times[:_NAMED])
    else:
        yield f"local time: from {', '.join(look.local_time)}"


def _time(seen: TimeSeen) -> str:
    """The options that read a time field, and the range of its values."""
    option = "preset" if seen.known else seen.path
    if seen.unit and not seen.known:
        option += f" --local-time-unit {seen.unit}"
    if seen.wall_clock:
        option += " --local-zone ZONE"
    field = f" ({seen.path})" if seen.known else ""
    return f"--local-time {option}{field}   {seen.first} to {seen.last}, in {seen.count:,}"


def _agents(look: Look) -> Iterator[str]:
    names = ", ".join(agent for agent, _ in look.agents.most_common(_NAMED))
    more = f" and {len(look.agents) - _NAMED:,} more" if len(look.agents) > _NAMED else ""
    if names:
        yield f"agents: {names}{more}"
    if look.passed_over:
        named = ", ".join(look.passed_over[:_NAMED])
        more = f" and {len(look.passed_over) - _NAMED:,} more" if look.passed_over[_NAMED:] else ""
        yield (
            f"agents without a key, recorded for --agent instead: {named}{more}; "
            "--agents-from-field gives each a key of its own"
        )
    if look.new_agents:
        new = ", ".join(look.new_agents[:_NAMED])
        more = f" and {len(look.new_agents) - _NAMED:,} more" if look.new_agents[_NAMED:] else ""
        yield f"new agents, each of which gets a key: {new}{more}"


def _odd(look: Look) -> Iterator[str]:
    if look.problem:
        yield f"note: {look.problem}"
    if len(look.kinds) > 1:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in look.kinds.most_common())
        yield f"note: the records are of several kinds: {kinds}"
    if look.rejected:
        place, reason = look.rejected[0]
        yield (
            f"note: {len(look.rejected):,} of the first {look.read:,} records would be rejected; "
            f"{place}: {reason}"
        )


def _event(event: dict[str, object]) -> str:
    return "  " + "  ".join(f"{name}={show(str(value))}" for name, value in event.items())
