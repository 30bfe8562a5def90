"""Finds the keys of an export: its own events register them where it begins with the first event,
so that nothing is trusted but the fingerprint of the ledger's first key. A saved `GET /api/v1/keys`
is then only compared (check 12). An export that begins later is verified with the saved list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from events.errors import LedgerError
from events.format import ed25519
from events.store.ledger import EventStoreProtocol
from observers.verification.ceremonies import registered_person
from observers.verification.checks import Check, Finding, check_event
from observers.verification.key_comparison import MOST_WAITING
from observers.verification.key_history import KeyHistory, history_of
from observers.verification.keyring import Keyring, TrustedKey


class ExportKeysError(LedgerError):
    """The keys of an export cannot be recomputed, and no list of them is given."""


@dataclass(frozen=True, slots=True)
class ExportKeys:
    """The keys to verify an export with, what check 12 finds, and the fingerprint of the ledger's
    first key; None where the export does not begin with the event that names it."""

    keyring: Keyring
    findings: tuple[Finding, ...] = ()
    genesis: str | None = None


def keys_of_export(
    source: EventStoreProtocol,
    listed: Keyring | None,
    start: int,
    *,
    genesis: str | None = None,
    signatures: bool = True,
) -> ExportKeys:
    """Recomputes the keys if the export begins with sequence 1, and compares them with a saved list
    and with the expected fingerprint `genesis`; otherwise returns the listed keys. `start` is the
    first sequence to verify.

    Raises:
        ExportKeysError: there is neither a first event nor a list.
    """
    vouched = listed and with_registered_people(source, listed, start, signatures=signatures)
    if next(iter(source.get_events_by_sequence_range(1, 1)), None) is None:
        if vouched is None or genesis is not None:
            raise ExportKeysError(
                "the export does not begin with sequence 1, so its keys cannot be recomputed: give "
                "them with --keys, and no --genesis"
            )
        return ExportKeys(vouched)
    end = source.get_max_sequence()
    history = history_of(source.get_events_by_sequence_range(1, end))
    findings = [*_wrong(history, genesis), *(_compare(history, listed, end) if listed else ())]
    found = tuple(Finding(place, Check.KEY_HISTORY, text) for place, text in findings)
    keys = history.keyring()
    if listed is not None and vouched is not None:
        keys = _joined(history, listed, vouched, end)
    return ExportKeys(keys, found, history.genesis)


def _wrong(history: KeyHistory, genesis: str | None) -> Iterator[tuple[int, str]]:
    yield from history.wrong
    if history.genesis is None:
        yield 1, "no first event opens the ledger"
    elif genesis is not None and genesis != history.genesis:
        yield 1, f"the fingerprint of the ledger's first key is {history.genesis}, not {genesis}"


def _compare(history: KeyHistory, listed: Keyring, end: int) -> Iterator[tuple[int, str]]:
    """Yields the keys of the list that the events up to `end` do not register so. The list may have
    been saved before the export or after it."""
    said = history.keyring()
    if None not in (said.ledger_id, listed.ledger_id) and said.ledger_id != listed.ledger_id:
        yield 1, f"the list is of the ledger {listed.ledger_id}, the events of {said.ledger_id}"
    for kind in ("agents", "witnesses", "people"):
        registered: Mapping[str, TrustedKey] = getattr(said, kind)
        for name, key in getattr(listed, kind).items():
            place = max(key.validity.from_sequence - 1, 1)
            known = registered.get(name)
            if known is None:
                if place <= end:
                    yield place, f"{name} is in the list of keys, and no event registers it"
            elif not _agrees(key, known, end, waited=MOST_WAITING if kind == "people" else 0):
                place = max(known.validity.from_sequence - 1, 1)
                yield place, f"the list of keys has {_told(key)}, the events say {_told(known)}"


def _agrees(listed: TrustedKey, said: TrustedKey, end: int, *, waited: int) -> bool:
    """Tells whether a listed key is the registered one. The events that register people in a halt
    are written at its end, at most `waited` behind the place from which the key counts."""
    until, told = listed.validity.until_sequence, said.validity.until_sequence
    return (
        replace(listed, validity=said.validity) == said
        and 0 <= said.validity.from_sequence - listed.validity.from_sequence <= waited
        and (until in (None, told) or (told is None and until > end))
    )


def _told(key: TrustedKey) -> str:
    until = key.validity.until_sequence
    return (
        f"a key of {key.owner or 'the system'} valid from {key.validity.from_sequence} to "
        f"{'now' if until is None else until}, version {key.sig_alg_version}: "
        f"{ed25519.encode(key.public_key)}"
    )


def _joined(history: KeyHistory, listed: Keyring, vouched: Keyring, end: int) -> Keyring:
    """Returns the registered keys, and in the place of them what the list says differently, which
    is a finding: every event is judged all the same. A listed person without a sound event is left
    out."""
    said = history.keyring()
    people = {
        name: key
        for name, key in said.people.items()
        if name in vouched.people or name not in listed.people
    }
    return Keyring(
        agents=_merged(said.agents, listed.agents, end, 0),
        witnesses=_merged(said.witnesses, listed.witnesses, end, 0),
        people=_merged(people, vouched.people, end, MOST_WAITING),
        ledger_id=said.ledger_id or listed.ledger_id,
    )


def _merged(
    said: Mapping[str, TrustedKey], listed: Mapping[str, TrustedKey], end: int, waited: int
) -> dict[str, TrustedKey]:
    differing = {
        name: key
        for name, key in listed.items()
        if name not in said or not _agrees(key, said[name], end, waited=waited)
    }
    return {**said, **differing}


def with_registered_people(
    source: EventStoreProtocol, keys: Keyring, start: int, *, signatures: bool
) -> Keyring:
    """Returns the keyring without people whom no sound event registers, where the list of keys
    names the event; each key is valid only after that event.

    An event before `start`, where the source begins, cannot be looked up, and a list without
    `registered_by` names none. Both are taken as they are.
    """
    places = {place for place in keys.registered_by.values() if place is not None}
    found = {
        subject.sequence: subject
        for subject in source.get_events_by_sequence_range(start, max(places, default=0))
        if subject.sequence in places
    }
    people = {key: known for key, known in keys.people.items() if key not in keys.registered_by}
    vouched = replace(keys, people=people)
    # In order of place: who registers somebody by ceremony was registered before.
    for public_key, place in sorted(keys.registered_by.items(), key=lambda item: item[1] or 0):
        known = keys.people[public_key]
        if place is None or place < 1:
            continue
        if place >= start:
            event = found.get(place)
            if (
                event is None
                or registered_person(event) != (known.owner, public_key)
                or any(check_event(event, vouched, signatures=signatures))
            ):
                continue
            first = max(known.validity.from_sequence, place + 1)
            known = replace(known, validity=replace(known.validity, from_sequence=first))
        people[public_key] = known
    return vouched
