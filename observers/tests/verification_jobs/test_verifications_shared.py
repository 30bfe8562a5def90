"""A large verification in ranges that several workers share."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from events.append.services import writer
from events.models import Verification, VerificationRange
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together
from observers.tests.support.pages import remove
from observers.verification.ledger import verify_ledger
from observers.verification.report import Report
from observers.verification_jobs import runner
from observers.verification_jobs.records import ask_to_cancel, claim
from observers.verification_jobs.runner import Stopped, help_with, run_shared
from observers.verification_jobs.tasks import request

EVENTS, SIZE = 60, 7
Verify = Callable[[str, int, int, Callable[[], bool]], Report]
PATIENCE_SECONDS = 30


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger of 60 events, its opening among them, with a gap and a payload that was changed."""
    writer().write_events([submission(number=n) for n in range(OPENING, EVENTS)])
    remove(ledger, 20, 23)
    ledger.tamper("UPDATE events SET payload = '{\"number\": -1}' WHERE sequence = 41")
    return ledger


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges that were verified, in the order of their beginning."""
    verified: list[tuple[int, int]] = []
    verify_slice = runner.verify_slice

    def noted(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
        verified.append((start, end))
        return verify_slice(using, start, end, stopping)

    monkeypatch.setattr(runner, "verify_slice", noted)
    return verified


def never() -> bool:
    return False


def begin() -> Verification:
    pk = request(requested_by="auditor", start=1, end=EVENTS).pk
    taken = claim(pk)
    assert taken is not None
    return taken


def lead(record: Verification, stopping: Callable[[], bool] = never) -> Verification:
    return run_shared(record, stopping, lambda pk, ranges: None, size=SIZE)


def assert_says_what_one_pass_says(record: Verification) -> None:
    whole = verify_ledger("default", 1, EVENTS)
    assert record.state == "finished"
    assert (record.checked, record.finding_count) == (whole.checked, whole.finding_count)
    assert [(f["sequence"], f["check"]) for f in record.findings] == [
        (f.sequence, f.check.value) for f in whole.findings
    ]
    assert record.last_content_hash == whole.last_content_hash
    assert not VerificationRange.objects.exists()


def test_alone_a_leader_does_it_all(filled: Ledger, done: list[tuple[int, int]]) -> None:
    assert_says_what_one_pass_says(lead(begin()))
    assert len(done) == len(set(done)) > 5


def test_two_share_it_and_no_range_is_verified_twice(
    filled: Ledger, done: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = begin()
    both = threading.Barrier(2)
    workers: set[int] = set()
    noted: Verify = getattr(runner, "verify_slice")  # noqa: B009 - the counting one

    def meet(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
        if threading.get_ident() not in workers:
            workers.add(threading.get_ident())
            both.wait(PATIENCE_SECONDS)
        return noted(using, start, end, stopping)

    monkeypatch.setattr(runner, "verify_slice", meet)
    split = threading.Event()

    def leads() -> Verification:
        return run_shared(record, never, lambda pk, ranges: split.set(), size=SIZE)

    def helps() -> Verification:
        assert split.wait(PATIENCE_SECONDS)
        help_with(record.pk, never)
        return record

    ended, _ = together([leads, helps])
    assert len(workers) == 2
    assert len(done) == len(set(done))
    assert_says_what_one_pass_says(ended)


def test_a_range_whose_worker_died_is_free_again(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = begin()
    runner._split(record, SIZE)

    def dies(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
        connections["default"].close()  # what the death of a process is to the database
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(runner, "verify_slice", dies)
        with pytest.raises(KeyboardInterrupt):
            help_with(record.pk, never)
    assert_says_what_one_pass_says(lead(record))


def test_the_next_leader_continues_with_the_finished_ranges(
    filled: Ledger, done: list[tuple[int, int]]
) -> None:
    record = begin()
    calls = iter(range(25))
    with pytest.raises(Stopped):
        lead(record, lambda: next(calls, None) is None)
    before = len(done)
    assert 1 < before < 9
    again = claim(record.pk)
    assert again is not None
    assert_says_what_one_pass_says(lead(again))
    # Only the range under way was begun again.
    assert len(done) - len(set(done)) == 1


def test_cancelled_it_ends_and_leaves_no_range(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = begin()
    noted: Verify = getattr(runner, "verify_slice")  # noqa: B009 - the counting one

    def cancel(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
        report = noted(using, start, end, stopping)
        if start > SIZE:
            ask_to_cancel(record.pk, "auditor")
        return report

    monkeypatch.setattr(runner, "verify_slice", cancel)
    ended = lead(record)
    assert ended.state == "cancelled"
    assert 0 < ended.checked < EVENTS
    assert not VerificationRange.objects.exists()


def test_a_worker_that_comes_too_late_has_nothing_to_do(filled: Ledger) -> None:
    record = lead(begin())
    help_with(record.pk, never)
    assert Verification.objects.get(pk=record.pk).checked == record.checked
