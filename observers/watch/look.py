"""One look of the watch, read-only: rollback, gaps, chain, forks, head, guards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from events.format.gaps import Gap
from events.format.timestamps import format_timestamp
from events.store.guards import read_versions
from events.store.integrity import find_forks
from events.store.ledger import PostgresEventStore
from events.store.status import LedgerTail, read_tail
from observers.guards.comparison import Deviation, fingerprint, touched
from observers.guards.look import compare_guards
from observers.heads.rollback import find_rollback
from observers.heads.seen import SavedHeadError
from observers.heads.store import SeenHeadStore
from observers.verification.checks import Check
from observers.verification.explained_gaps import Skips
from observers.verification.ledger import strays_in
from observers.verification.strays import Stray, Sweep, rows_twice
from observers.watch.chain import Place, Timing, walk_chain
from observers.watch.findings import Found, Kind, Known
from observers.watch.memory import Before

FIRST = 10_000
"""The newest events that a first look takes for new; the others are old ones."""

MOST_GAPS = 10_000
MOST_FORKS = 100
SIDES = 10
MOST_SHOWN = 100
"""Deviations that one event of the guards lists; its fingerprint is over all of them."""

log = structlog.get_logger(__name__)


@dataclass
class Seen:
    """The result of one look. `place` is where the next one continues with the chain."""

    standing: LedgerTail
    found: list[Found] = field(default_factory=list)
    looked_at: set[Kind] = field(default_factory=lambda: set(Kind) - {Kind.CHAIN})
    place: Place = field(default_factory=lambda: Place.first(0, 0, 0.0))
    backward_steps: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    wrong_events: set[int] = field(default_factory=set)
    sound_again: set[str] = field(default_factory=set)
    """Keys of chain findings whose events pass their check again."""


def look(
    using: str,
    before: Before | None,
    known: Collection[Known],
    memory: SeenHeadStore,
    timing: Timing,
    sweep: Sweep,
) -> Seen:
    """Examines everything once. `known` are the findings open in the ledger, `memory` the heads
    seen before, `sweep` the round over the table pages."""
    seen = Seen(read_tail(using))
    _look_for_rollback(seen, using, memory)
    _look_at_head(seen)
    _look_at_guards(seen, using, before, known)
    gaps = _look_for_gaps(seen, using, before)
    _look_for_hidden_rows(seen, using, sweep)
    suspects = _look_at_chain(seen, using, before, known, timing)
    _look_at_round(seen, timing)
    after_gaps = {gap.end + 1 for gap in gaps[:MOST_FORKS]}
    _look_for_forks(seen, using, suspects | after_gaps | set(_sides(known)))
    return seen


def find_undocumented_gaps(using: str, last: int) -> tuple[list[Gap], list[Stray]]:
    """Returns the unexplained gaps and the numbers that occur twice. Every number is counted again,
    because the cache could have been forged."""
    skips, gaps, twice = Skips(using), list[Gap](), list[Stray]()
    for number, report in enumerate(PostgresEventStore(using).walk_gaps(1, last)):
        twice += rows_twice(report) if number == 0 else []
        gaps += [known.gap for known in skips.known(report) if not known.documented]
        if len(gaps) >= MOST_GAPS:
            break
    return gaps[:MOST_GAPS], twice


def _look_for_rollback(seen: Seen, using: str, memory: SeenHeadStore) -> None:
    """Compares the seen heads. Where they cannot be read, no finding ends."""
    try:
        rollback = find_rollback(using, memory)
    except SavedHeadError as error:
        log.critical("seen_heads_unreadable", why=str(error))
        seen.looked_at.discard(Kind.ROLLBACK)
        return
    if rollback:
        lost = rollback.lost.head
        place = f"{lost.sequence}/{lost.content_hash[:16]}"
        seen.found.append(Found(Kind.ROLLBACK, place, rollback.reason, rollback.as_dict()))


def _look_at_head(seen: Seen) -> None:
    standing = seen.standing
    if standing.ends_at_head:
        return
    head, tail = standing.head, (standing.tail_sequence, standing.tail_hash)
    payload = {
        "head_sequence": head.max_sequence,
        "head_hash": head.content_hash,
        "tail_sequence": tail[0],
        "tail_hash": tail[1],
    }
    text = (
        f"events end at {tail[0]} ({tail[1]}), the head says {head.max_sequence} "
        f"({head.content_hash})"
    )
    place = f"{head.max_sequence}/{tail[0]}/{tail[1][:16]}"
    seen.found.append(Found(Kind.HEAD, place, text, payload))


def _look_at_guards(
    seen: Seen, using: str, before: Before | None, known: Collection[Known]
) -> None:
    """Compares the guards. One that was altered and restored between two looks is a finding of its
    own, unless a deviation is present or known."""
    seen.versions = read_versions(using)
    deviations = list(compare_guards(using).deviations)
    if before and not deviations and all(each.kind is not Kind.GUARDS for each in known):
        deviations = touched(before.versions, seen.versions)
    if deviations:
        seen.found.append(_guards(deviations))


def _guards(deviations: list[Deviation]) -> Found:
    more = f" (and {len(deviations) - 1} more)" if len(deviations) > 1 else ""
    state = fingerprint(deviations)
    payload = {
        "fingerprint": state,
        "count": len(deviations),
        "deviations": [each.as_dict() for each in deviations[:MOST_SHOWN]],
    }
    return Found(Kind.GUARDS, state[:16], f"{deviations[0]}{more}", payload)


def _look_for_gaps(seen: Seen, using: str, before: Before | None) -> list[Gap]:
    last = seen.standing.last_sequence
    gaps, twice = find_undocumented_gaps(using, last)
    seen.found += [_stray(each) for each in (*strays_in(using), *twice)]
    if len(gaps) == MOST_GAPS:
        seen.looked_at.discard(Kind.GAP)  # those beyond were not looked for, so none has ended
    seen.found += [_gap(gap, last, before) for gap in gaps]
    return gaps


def _look_for_hidden_rows(seen: Seen, using: str, sweep: Sweep) -> None:
    """Returns the hidden rows. No stray row counts as gone until every page was compared once."""
    seen.found += [_stray(each) for each in sweep.go_on(using)]
    if not sweep.is_whole:
        seen.looked_at.discard(Kind.STRAY)


def _stray(each: Stray) -> Found:
    return Found(Kind.STRAY, each.place, each.text, {"sequence": each.sequence})


def _gap(gap: Gap, last: int, before: Before | None) -> Found:
    numbers = f"sequence {gap.start} is" if gap.count == 1 else f"{gap.start} to {gap.end} are"
    payload = {
        "expected": gap.start,
        "actual": gap.end + 1 if gap.end < last else None,
        "gap_size": gap.count,
        "first": gap.start,
        "last": gap.end,
        "last_seen_whole": before.began_at if before and before.head >= gap.end else None,
    }
    text = f"{numbers} missing ({gap.count:,}), and no ceremony explains it"
    return Found(Kind.GAP, f"{gap.start}-{gap.end}", text, payload)


def _look_at_chain(
    seen: Seen, using: str, before: Before | None, known: Collection[Known], timing: Timing
) -> set[int]:
    """Verifies new events, old ones, and those known to be wrong; returns the sequences with a
    broken link."""
    last = seen.standing.last_sequence
    first = Place.first(max(last - FIRST, 0), last, timing.now())
    place = before.place if before else first
    walked = walk_chain(using, place, last, [k.key for k in known if k.kind is Kind.CHAIN], timing)
    seen.place, seen.backward_steps = walked.place, walked.backward_steps
    seen.wrong_events = {each.sequence for each in walked.findings}
    seen.sound_again = walked.sound_again
    seen.found += walked.fresh
    return {each.sequence for each in walked.findings if each.check is Check.PREV_HASH}


def _look_at_round(seen: Seen, timing: Timing) -> None:
    """Reports when the promise to verify every event again in time is not kept."""
    place, age = seen.place, timing.now() - seen.place.since
    if age <= timing.promised:
        return
    since = format_timestamp(datetime.fromtimestamp(place.since, UTC))
    text = (
        f"not every event was verified again since {since}, and {timing.promised / 3600:g} hours "
        f"are promised; the round is at {place.rolled} of {place.end}"
    )
    payload = {
        "verified_since": since,
        "promised_seconds": int(timing.promised),
        "round_at": place.rolled,
        "round_end": place.end,
    }
    seen.found.append(Found(Kind.ROUND, "overdue", text, payload))


def _look_for_forks(seen: Seen, using: str, suspects: set[int]) -> None:
    for fork in find_forks(using, suspects, limit=MOST_FORKS):
        sides = [str(each) for each in fork.sequences]
        seen.wrong_events.update(fork.sequences[1:])
        seen.found.append(
            Found(
                Kind.FORK,
                ",".join(sides[:SIDES]),
                f"events {' and '.join(sides[:SIDES])} name one predecessor, {fork.prev_hash}",
                {"prev_hash": fork.prev_hash, "sequences": list(fork.sequences[:SIDES])},
            )
        )


def _sides(known: Collection[Known]) -> set[int]:
    """Returns the events of known forks, which are examined again."""
    forks = (each.key.split(" ", 1)[1] for each in known if each.kind is Kind.FORK)
    return {int(sequence) for fork in forks for sequence in fork.split(",")}
