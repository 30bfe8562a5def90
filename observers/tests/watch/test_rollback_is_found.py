"""A ledger shorter than a head that was seen is halted at the next start or look of the watch,
until people acknowledge the loss."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from events import ceremonies
from events.append.services import writer
from events.errors import SystemHaltedError
from events.format.event import Event
from events.halting import halt
from events.tests.support.ceremonies import halt_details, hold, register, three_people
from events.tests.support.ledger import Ledger
from observers.heads.rollback import BEGINNING
from observers.heads.seen import SavedHeadError, SeenHead
from observers.heads.store import KEPT, SeenHeadStore, memory_of
from observers.tests.support.commands import run
from observers.watch.at_start import check_before_serving
from observers.watch.watch import Watch


def roll_back(ledger: Ledger, last: int) -> None:
    """As an older backup would leave it, in everything that speaks of the head."""
    ledger.tamper(
        "DELETE FROM clock_drift_warnings w USING events e"
        f" WHERE w.event_id = e.event_id AND e.sequence > {last}",
        f"DELETE FROM drifted_events WHERE sequence > {last}",
        f"DELETE FROM events WHERE sequence > {last}",
        f"DELETE FROM appends WHERE last_sequence > {last}",
    )


def clear(ledger: Ledger) -> Event:
    """The ceremony that ends the halt that the ledger is in."""
    return hold(ledger, "clear_halt", halt_details(), "as told")


def test_a_start_halts_a_shorter_ledger_and_names_both_heads(ledger: Ledger) -> None:
    events = ledger.write(5)
    check_before_serving()
    roll_back(ledger, 6)
    with capture_logs() as logs:
        check_before_serving()
    reason = ledger.store.halt().reason or ""
    assert reason.startswith(f"{BEGINNING}the head 8 ({events[4].content_hash})")
    assert f"the ledger ends at 6; its head is now 6 ({events[2].content_hash})" in reason
    assert [log["event"] for log in logs if log["log_level"] == "critical"] == [
        "ledger_rolled_back",
        "ledger_halted",
    ]
    with pytest.raises(SystemHaltedError):
        ledger.write()


def test_a_ceremony_acknowledges_the_loss_for_good(ledger: Ledger) -> None:
    register()
    lost = ledger.write(5)[4]
    check_before_serving()
    roll_back(ledger, 9)
    check_before_serving()
    clear(ledger)
    for _ in range(2):  # the second time another event stands at 11
        check_before_serving()
        assert not ledger.store.halt().halted
        ledger.write(4)
    instead = ledger.store.get_event(11)
    assert instead is not None
    assert instead.content_hash != lost.content_hash
    assert Watch().look() is not None
    assert not ledger.store.halt().halted


def test_a_rewritten_event_below_the_head_also_counts_as_a_rollback(ledger: Ledger) -> None:
    lost = ledger.write(4)[3]
    check_before_serving()
    roll_back(ledger, 5)
    other = ledger.write(4)[1]
    check_before_serving()
    reason = ledger.store.halt().reason or ""
    assert f"the head 7 ({lost.content_hash})" in reason
    assert f"the ledger has a different event there, {other.content_hash}" in reason


def test_a_second_loss_after_an_acknowledged_one_is_found(ledger: Ledger) -> None:
    register()
    ledger.write(9)
    check_before_serving()
    roll_back(ledger, 9)
    check_before_serving()
    ceremony = clear(ledger)
    seen = ledger.write()[0]  # below the 15 that is acknowledged
    assert seen.sequence < 15
    check_before_serving()
    roll_back(ledger, ceremony.sequence)
    check_before_serving()
    assert f"the head {seen.sequence} ({seen.content_hash})" in (ledger.store.halt().reason or "")


def test_the_watch_records_a_rollback_and_halts_unasked(ledger: Ledger) -> None:
    register()
    watch = Watch()
    lost = ledger.write(5)[4]
    watch.look()
    memory_of().path.unlink()  # what it saw itself it remembers without the file
    roll_back(ledger, 9)
    outcome = watch.look()
    assert outcome is not None
    key = f"rollback 11/{lost.content_hash[:16]}"
    assert key in outcome.open
    assert ledger.store.halt().halted
    recorded = "SELECT event_type, payload ->> 'seen_hash' FROM events WHERE sequence = 10"
    assert ledger.query(recorded) == [("system.rollback_detected", lost.content_hash)]
    ceremony = clear(ledger)
    outcome = watch.look()
    assert outcome is not None
    assert (outcome.open, key in [each.key for each in outcome.ended]) == ((), True)
    closed = "SELECT payload ->> 'reason' FROM events WHERE payload ->> 'finding' = %s"
    assert (f"acknowledged by event {ceremony.sequence}",) in ledger.query(closed, [key])
    assert not ledger.store.halt().halted


def test_clearing_another_halt_acknowledges_nothing(ledger: Ledger) -> None:
    register()
    watch = Watch()
    ledger.write(5)
    watch.look()
    roll_back(ledger, 9)
    halt(writer(), reason="a quiet weekend", by="Ada")
    watch.look()
    check_before_serving()
    assert ledger.store.halt().reason == "a quiet weekend"
    clear(ledger)
    watch.look()
    assert (ledger.store.halt().reason or "").startswith(BEGINNING)


def test_two_people_are_needed_to_acknowledge(ledger: Ledger) -> None:
    ledger.write(3)
    check_before_serving()
    roll_back(ledger, 4)
    check_before_serving()
    proposer, second, _ = three_people(ledger)
    details = halt_details()
    proposal = proposer.propose("clear_halt", details)
    second.say(proposal)
    assert ceremonies.record_if_approved(writer(), proposal.ceremony_id) is None
    check_before_serving()
    assert ledger.store.halt().halted


def test_heads_are_kept_in_a_bounded_file_that_survives_a_torn_line(ledger: Ledger) -> None:
    memory = memory_of()
    heads = [SeenHead(n, f"{n:064x}", None) for n in range(1, 2 * KEPT + 3)]
    for head in heads[:3]:
        memory.note(head)
    with memory.path.open("ab") as file:
        file.write(b'{"max_seq')  # a crash in the middle of a line
    assert SeenHeadStore(memory.path).read() == heads[:3]
    memory.note(heads[3])
    assert SeenHeadStore(memory.path).read() == heads[:4]
    memory.path.write_bytes(b"".join(head.as_line() for head in heads[:-2]))
    memory.note(heads[-1])
    assert SeenHeadStore(memory.path).read() == [*heads[KEPT:-2], heads[-1]]
    assert memory.path.stat().st_mode & 0o777 == 0o600


def test_an_invalid_line_of_heads_is_named_and_halts_nothing(ledger: Ledger) -> None:
    ledger.write()
    path = memory_of().path
    path.parent.mkdir()
    path.write_text('{"max_sequence": 1, "content_hash": "none"}\n')
    with capture_logs() as logs:
        check_before_serving()
    (line,) = [log for log in logs if log["event"] == "seen_heads_unreadable"]
    assert line["why"] == f"{path}:1: content_hash is not 64 hex digits"
    with pytest.raises(SavedHeadError):
        SeenHeadStore(path).read()
    assert not ledger.store.halt().halted
    assert run("watch_ledger", "--once").code == 0
