"""A verification in slices finds what one in a single pass finds, and goes on after any stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from events.append.services import writer
from events.models import Verification
from events.store.connection import LedgerUnavailableError
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.tests.support.pages import remove
from observers.verification.ledger import verify_ledger
from observers.verification.strays import pieces_of
from observers.verification_jobs import records, runner
from observers.verification_jobs.records import SupersededError, ask_to_cancel
from observers.verification_jobs.runner import Stopped, run_verification
from observers.verification_jobs.tasks import request

EVENTS = 43
SIZE = 5


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger of 43 events, behind its opening in appends of several sizes."""
    for first, last in ((OPENING, 4), (4, 12), (12, 40), (40, EVENTS)):
        writer().write_events([submission(number=n) for n in range(first, last)])
    return ledger


def ask(start: int = 1, end: int = EVENTS) -> int:
    return request(requested_by="auditor", start=start, end=end).pk


def read(verification_id: int) -> Verification:
    return Verification.objects.get(pk=verification_id)


class At:
    """Does something once, when the verification comes to its n-th event; counts them all."""

    def __init__(self, nth: int, act: Callable[[], Any]) -> None:
        # Behind the first slice the tables are compared with their indexes, and it asks there too.
        self.nth = nth if nth <= SIZE else nth + len(list(pieces_of("default")))
        self.act, self.seen = act, 0

    def __call__(self) -> bool:
        self.seen += 1
        return self._act() if self.seen == self.nth else False

    def _act(self) -> bool:
        """In a thread, with a connection of its own: the verification's is reading."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._act_there).result()

    def _act_there(self) -> bool:
        try:
            return bool(self.act())
        finally:
            connections.close_all()


TAMPERINGS: dict[str, Callable[[Ledger], None]] = {
    "none": lambda ledger: None,
    "a gap within a slice": lambda ledger: remove(ledger, 3),
    "a gap over the edge of slices": lambda ledger: remove(ledger, *range(4, 18)),
    "the beginning": lambda ledger: remove(ledger, 1, 2, 3, 4, 5),
    "the end": lambda ledger: remove(ledger, *range(38, EVENTS + 1)),
    "the last of a slice": lambda ledger: remove(ledger, 5),
    "the first of a slice": lambda ledger: remove(ledger, 6),
    "a payload": lambda ledger: ledger.tamper(
        "UPDATE events SET payload = '{\"number\": 99}' WHERE sequence = 10"
    ),
    "a hash at the edge": lambda ledger: ledger.tamper(
        f"UPDATE events SET content_hash = '{'0' * 64}' WHERE sequence IN (5, 30)"
    ),
    "a clock that steps back": lambda ledger: ledger.tamper(
        "UPDATE events SET authority_timestamp = authority_timestamp - interval '1 hour'"
        " WHERE sequence IN (6, 20)"
    ),
    "everything": lambda ledger: remove(ledger, *range(1, EVENTS + 1)),
}


@pytest.mark.parametrize("tamper", TAMPERINGS.values(), ids=TAMPERINGS.keys())
@pytest.mark.parametrize("bounds", [(1, EVENTS), (4, 31)])
def test_finds_what_a_single_pass_finds(
    filled: Ledger, tamper: Callable[[Ledger], None], bounds: tuple[int, int]
) -> None:
    asked = ask(*bounds)
    tamper(filled)
    whole = verify_ledger("default", *bounds).as_dict()
    run_verification(asked, size=SIZE)
    record = read(asked)
    assert record.state == "finished"
    assert record.reached_sequence == bounds[1]
    found = sorted((f["sequence"], f["check"], f["detail"]) for f in record.findings)
    expected = [(f["sequence"], f["check"], f["detail"]) for f in whole["findings"]]
    assert found == sorted(expected)
    for name in ("checked", "finding_count", "backward_steps", "last_content_hash"):
        assert getattr(record, name) == whole[name], name
    assert sum(record.findings_by_check.values()) == record.finding_count
    assert record.started_at
    assert record.ended_at
    assert record.requested_at <= record.started_at <= record.ended_at


@pytest.mark.parametrize("approvals", [2, 1])
def test_a_gap_is_documented_by_a_ceremony_far_away(filled: Ledger, approvals: int) -> None:
    """In a slice of its own, which the slice with the gap has not seen."""
    remove(filled, *range(4, 18))
    if approvals == 2:
        ceremony = document_gap(filled, 4, 17)
    else:
        ceremony = forge(filled, {"first": 4, "last": 17, "approvals": [{"person": "one"}]})
    asked = ask(1, ceremony.sequence)
    run_verification(asked, size=SIZE)
    record = read(asked)
    if approvals == 2:
        assert record.finding_count == 0
        assert record.is_sound
        assert [(g["start"], g["end"]) for g in record.documented_gaps] == [(4, 17)]
        assert record.documented_gaps[0]["ceremony_sequence"] == ceremony.sequence
    else:
        found = [(f["sequence"], f["check"]) for f in record.findings]
        assert sorted(found) == [(4, "gap"), (ceremony.sequence, "ceremony")]
        assert record.documented_gap_count == 0


def test_resumes_from_the_checkpoint(filled: Ledger) -> None:
    """A stop costs the slice under way, and nothing else."""
    remove(filled, 7)
    asked = ask()
    with pytest.raises(Stopped):
        run_verification(asked, size=SIZE, stopping=At(23, lambda: True))
    stopped = read(asked)
    assert (stopped.state, stopped.checked, stopped.reached_sequence) == ("running", 20, 21)
    assert stopped.finding_count == 1

    rest = At(0, lambda: None)
    run_verification(asked, size=SIZE, stopping=rest)
    record = read(asked)
    assert (record.state, record.runs, record.checked) == ("finished", 2, EVENTS - 1)
    assert rest.seen == EVENTS - 1 - 20
    assert record.last_content_hash == filled.store.head().content_hash
    assert [f["sequence"] for f in record.findings] == [7]


def test_survives_the_loss_of_its_connection(filled: Ledger) -> None:
    asked = ask()
    pid = connections["default"].connection.info.backend_pid
    cut = At(12, lambda: filled.query("SELECT pg_terminate_backend(%s, 10000)", [pid]) and None)
    with pytest.raises(LedgerUnavailableError):
        run_verification(asked, size=SIZE, stopping=cut)
    connections["default"].close()
    assert (read(asked).state, read(asked).reached_sequence) == ("running", 10)
    run_verification(asked, size=SIZE)
    assert (read(asked).state, read(asked).checked) == ("finished", EVENTS)


def test_a_second_worker_leaves_it_alone(filled: Ledger) -> None:
    asked, errors = ask(), []

    def second() -> None:
        try:
            run_verification(asked, size=SIZE)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    def try_beside() -> None:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert (read(asked).reached_sequence, read(asked).runs) == (10, 1)

    run_verification(asked, size=SIZE, stopping=At(12, try_beside))
    assert errors == []
    assert (read(asked).state, read(asked).checked, read(asked).runs) == ("finished", EVENTS, 1)


def test_a_slice_overtaken_by_another_worker_is_not_saved(filled: Ledger) -> None:
    """Even if two came to work at one record, no event would be counted twice."""
    asked = ask()
    overtake = At(
        12, lambda: Verification.objects.filter(pk=asked).update(reached_sequence=15) and None
    )
    with pytest.raises(SupersededError):
        run_verification(asked, size=SIZE, stopping=overtake)
    assert (read(asked).reached_sequence, read(asked).checked) == (15, 10)


def test_cancelled_while_it_runs_it_ends_at_the_next_checkpoint(filled: Ledger) -> None:
    asked = ask()
    run_verification(
        asked, size=SIZE, stopping=At(7, lambda: ask_to_cancel(asked, "auditor") and None)
    )
    record = read(asked)
    assert (record.state, record.cancelled_by) == ("cancelled", "auditor")
    assert (record.reached_sequence, record.checked) == (10, 10)
    assert record.ended_at


def test_cancelled_while_it_waits_it_never_begins(filled: Ledger) -> None:
    asked = ask()
    assert ask_to_cancel(asked, "auditor")
    assert not ask_to_cancel(asked, "somebody else")
    run_verification(asked)
    record = read(asked)
    assert (record.state, record.runs, record.started_at) == ("cancelled", 0, None)
    assert record.cancelled_by == "auditor"


def test_a_verification_cancelled_while_waiting_ends_when_claimed(filled: Ledger) -> None:
    asked = ask()
    with pytest.raises(Stopped):
        run_verification(asked, size=SIZE, stopping=At(7, lambda: True))
    assert ask_to_cancel(asked, "auditor")
    run_verification(asked, size=SIZE)
    assert (read(asked).state, read(asked).reached_sequence) == ("cancelled", 5)


def test_a_cancel_that_comes_too_late_changes_nothing(filled: Ledger) -> None:
    asked = ask(1, SIZE)
    run_verification(
        asked, size=SIZE, stopping=At(5, lambda: ask_to_cancel(asked, "auditor") and None)
    )
    assert (read(asked).state, read(asked).cancelled_by) == ("finished", None)
    assert not ask_to_cancel(asked, "auditor")


def test_a_ledger_cut_since_the_request_is_found(filled: Ledger) -> None:
    """Events and their appends removed from the end: only the request remembers them."""
    asked = ask()
    remove(filled, *range(30, EVENTS + 1))
    filled.tamper(
        "DELETE FROM appends WHERE last_sequence >= 30",
        "INSERT INTO appends SELECT sequence, 13, content_hash, authority_timestamp, sequence"
        " FROM events WHERE sequence = 29",
    )
    run_verification(asked, size=SIZE)
    record = read(asked)
    assert (record.state, record.checked) == ("finished", 29)
    assert [(f["sequence"], f["check"]) for f in record.findings] == [(30, "gap")]
    assert "now its events and its head end at 29" in record.findings[0]["detail"]


def test_keeps_some_findings_and_counts_all(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.tamper("UPDATE events SET payload = '{\"number\": 99}' WHERE sequence > 10")
    monkeypatch.setattr(records, "KEPT", 7)
    asked = ask()
    run_verification(asked, size=SIZE)
    record = read(asked)
    assert record.finding_count == record.findings_by_check["payload_hash"] == EVENTS - 10
    assert [f["sequence"] for f in record.findings] == list(range(11, 18))


def test_a_fault_of_our_own_is_recorded(filled: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask()

    def broken(*arguments: object) -> None:
        raise ArithmeticError("a fault")

    monkeypatch.setattr(runner, "verify_slice", broken)
    with pytest.raises(ArithmeticError):
        run_verification(asked, size=SIZE)
    record = read(asked)
    assert (record.state, record.failure) == ("failed", "ArithmeticError: a fault")
    assert record.ended_at
