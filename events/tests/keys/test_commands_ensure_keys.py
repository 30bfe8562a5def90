"""`ensure_keys`: a ledger without keys gets the three it needs, once."""

from __future__ import annotations

import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from events.append.services import key_backend, signing_service, writer
from events.errors import SystemHaltedError
from events.registrar import registrar
from events.store import registry
from events.tests.support.ledger import Ledger, submission


def run() -> list[str]:
    out = StringIO()
    call_command("ensure_keys", stdout=out)
    return out.getvalue().splitlines()


def test_makes_three_keys_that_can_write(unopened: Ledger) -> None:
    lines = run()
    assert len(lines) == 3
    assert [line.split()[:3] for line in lines] == [
        ["created", "the", "system"],
        ["created", "the", "witness"],
        ["created", "the", "key"],
    ]
    written = writer().write_events([submission(agent_id=None), submission(agent_id="first-agent")])
    assert [w.event.witness_id for w in written] == ["WITNESS:first"] * 2


def test_makes_nothing_the_second_time(unopened: Ledger) -> None:
    run()
    before = registry.list_agent_keys("default"), registry.list_witnesses("default")
    assert run() == []
    assert (registry.list_agent_keys("default"), registry.list_witnesses("default")) == before


def test_leaves_retired_keys_retired(unopened: Ledger) -> None:
    run()
    registrar().retire_key(signing_service().active_key("first-agent"))
    assert run() == []


def test_adopts_the_witness_key_of_an_interrupted_start(unopened: Ledger) -> None:
    key_backend().create("WITNESS:first")
    assert "created the witness WITNESS:first" in run()
    writer().write_event(submission(agent_id="first-agent"))


def test_of_several_at_once_one_makes_the_keys(unopened: Ledger) -> None:
    starters = 6
    barrier = threading.Barrier(starters)
    lines: list[str] = []
    failures: list[BaseException] = []

    def start() -> None:
        try:
            barrier.wait()
            lines.extend(run())
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(starters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(lines) == 3
    assert len(registry.list_agent_keys("default")) == 2
    assert len(registry.list_witnesses("default")) == 1


def test_a_halted_ledger_with_keys_is_left_alone(ledger: Ledger) -> None:
    ledger.query("SELECT halt_ledger('a test')")
    assert run() == []


def test_a_halted_ledger_without_keys_is_refused(unopened: Ledger) -> None:
    unopened.query("SELECT halt_ledger('a test')")
    with pytest.raises(SystemHaltedError):
        run()
