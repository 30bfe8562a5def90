"""Judges one event for its page: the permanent link, the checks, and the links of the chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from django.http import HttpRequest
from django.urls import reverse

from events.format.event import GENESIS_HASH, WRITER_SIGNED, Event
from events.store.ledger import PostgresEventStore
from observers.pages.events.timeline import gap_at
from observers.verification.checks import Check
from observers.verification.report import KnownErasure, Report

PARAMETER = "content_hash"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HashPin:
    """The hash in a permanent link and the event's current hash, None if the event is missing."""

    wanted: str
    found: str | None

    @property
    def readable(self) -> bool:
        return _HASH.fullmatch(self.wanted) is not None

    @property
    def holds(self) -> bool:
        return self.wanted == self.found

    @property
    def status(self) -> int:
        """400 for a malformed hash, 409 when link and ledger differ, otherwise 200."""
        if not self.readable:
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK if self.holds else HTTPStatus.CONFLICT


def read_pin(request: HttpRequest, event: Event | None) -> HashPin | None:
    """The pin in the address; None when there is none."""
    wanted = request.GET.get(PARAMETER)
    if wanted is None:
        return None
    return HashPin(wanted.strip().lower()[:200], event.content_hash if event else None)


def permanent_address(request: HttpRequest, event: Event) -> str:
    """The absolute address of an event, with its hash."""
    place = reverse("event", args=[event.sequence])
    return request.build_absolute_uri(f"{place}?{PARAMETER}={event.content_hash}")


@dataclass(frozen=True, slots=True)
class Link:
    """The chain link to the event before or after; `event` is None when that one is missing."""

    sequence: int
    event: Event | None
    holds: bool


def link_before(event: Event, around: Mapping[int, Event]) -> Link | None:
    """The event before; for the first, None when its prev_hash is the genesis hash."""
    before = around.get(event.sequence - 1)
    if event.sequence == 1:
        return None if event.prev_hash == GENESIS_HASH else Link(0, None, holds=False)
    holds = before is not None and before.content_hash == event.prev_hash
    return Link(event.sequence - 1, before, holds)


def link_after(event: Event, around: Mapping[int, Event], last: int) -> Link | None:
    """The event after; None at the end of the ledger."""
    if event.sequence >= last:
        return None
    after = around.get(event.sequence + 1)
    holds = after is not None and after.prev_hash == event.content_hash
    return Link(event.sequence + 1, after, holds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check. `made` is False when it could not be run; `note` explains."""

    check: Check
    meaning: str
    failures: tuple[str, ...]
    made: bool = True
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.made and not self.failures

    @property
    def state(self) -> str:
        """`passed`, `failed` or `unmade`, the states of the browser's checks."""
        return "failed" if self.failures else "passed" if self.made else "unmade"

    @property
    def words(self) -> str:
        return "not made" if self.state == "unmade" else self.state


def signed_how(event: Event) -> str:
    """Whose key signed an event, and who holds that key; checks 6 and 7 say whether it is true."""
    if event.sig_alg_version == WRITER_SIGNED:
        return "writer-signed: by the writer itself, with a key that this portal never had"
    if event.agent_id is None:
        return "server-signed: by the portal, for itself"
    return "server-signed: by the portal, with a key that it holds for the writer"


def judge(
    using: str,
    report: Report,
    previous: Link | None,
    last: int,
    unregistered: Iterable[str] = (),
) -> list[Verdict]:
    """The results of all checks, run now by the code of `verify_ledger`; `unregistered` is what
    check 12 finds about the event's own keys."""
    verdicts = {
        check: Verdict(
            check,
            check.meaning,
            tuple(
                finding.detail
                for finding in report.findings
                if finding.check is check and finding.sequence == report.start
            ),
        )
        for check in Check
    }
    keys = verdicts[Check.KEY_HISTORY]
    failures = (*keys.failures, *unregistered)
    verdicts[Check.KEY_HISTORY] = replace(keys, failures=failures)
    for known in report.erased:
        note = f"The payload was erased by ceremony, event {known.ceremony_sequence}."
        if not known.payload_matched:
            note += (
                " The ceremony records that it had been changed before: it did not match its hash."
            )
        hashed = verdicts[Check.PAYLOAD_HASH]
        verdicts[Check.PAYLOAD_HASH] = replace(hashed, made=False, note=note)
    if previous is not None and previous.sequence > 0 and previous.event is None:
        verdicts |= _orphaned(using, verdicts, previous.sequence, last)
    return list(verdicts.values())


def _orphaned(
    using: str, verdicts: dict[Check, Verdict], missing: int, last: int
) -> dict[Check, Verdict]:
    """The results of checks 1 and 5 when the event before is missing."""
    known = gap_at(PostgresEventStore(using), missing, last)
    gap, link = verdicts[Check.GAP], verdicts[Check.PREV_HASH]
    if known is not None and known.documented:
        note = f"The gap before this event is explained by event {known.ceremony_sequence}."
        gap = replace(gap, note=note)
    else:
        failure = f"sequence {missing}, just before it, is missing and no ceremony explains it"
        gap = replace(gap, failures=(*gap.failures, failure))
    note = "The event before is missing, so there is nothing to compare with."
    return {Check.GAP: gap, Check.PREV_HASH: replace(link, made=False, note=note)}


@dataclass(frozen=True, slots=True)
class Summary:
    """The verdict at the head of the page, and the section that explains it, if one does."""

    text: str
    good: bool
    href: str = ""


def summarize(verdicts: list[Verdict], pin: HashPin | None, erased: KnownErasure | None) -> Summary:
    """The worst of what the checks, the permanent link and an erasure say."""
    failed = [verdict.check for verdict in verdicts if verdict.failures]
    if failed:
        checks = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
        return Summary(f"{checks} failed: {', '.join(failed)}", good=False, href="#checks")
    if pin and not pin.holds:
        return Summary("not the event the link was made for", good=False)
    if erased and not erased.payload_matched:
        return Summary("the payload was changed before it was erased", good=False, href="#payload")
    if all(verdict.passed for verdict in verdicts):
        return Summary("All checks passed", good=True, href="#checks")
    return Summary("No check failed, but not all could be made", good=True, href="#checks")
