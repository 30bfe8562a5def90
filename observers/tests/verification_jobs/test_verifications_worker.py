"""The worker does what is asked, and takes up what a dead one left."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections, transaction
from procrastinate.contrib.django import app

from events.models import Verification
from events.store.locks import VERIFICATION, try_lock
from events.tests.support.ledger import Ledger
from observers.verification_jobs import tasks
from observers.verification_jobs.runner import run_shared
from observers.verification_jobs.tasks import TooManyOpenError, request
from observers.verification_jobs.worker import connector, requeue_abandoned, requeue_forgotten, work

Start = Callable[..., subprocess.Popen[str]]

# A worker that says when it has verified a first small slice, and waits to be killed.
HOLDING = """
import asyncio, sys, time, django
django.setup()
from observers.verification_jobs import runner, worker
original = runner.verify_slice
def hold(using, start, end, stopping):
    if start > 1:
        print("holding", flush=True)
        sys.stdin.read()
        while not stopping():  # the signal has been sent, and takes a moment to be heard
            time.sleep(0.01)
    return original(using, start, end, stopping)
runner.verify_slice = hold
runner.run_verification.__kwdefaults__["size"] = 2
asyncio.run(worker.work(worker.connector()))
"""


@pytest.fixture
def process(ledger: Ledger) -> Iterator[Start]:
    """Start a process on this ledger, as an operator with a database of his own would."""
    started: list[subprocess.Popen[str]] = []
    place = ledger.server.dsn("portal_app", ledger.name)
    url = f"postgresql://{place['user']}@/{place['dbname']}?host={place['host']}&port=5432"

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SECRET_KEY": str(settings.SECRET_KEY),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=environment | {"DJANGO_SETTINGS_MODULE": "auditportal.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def ask(end: int = 6, start: int = 1) -> Verification:
    return request(requested_by="auditor", start=start, end=end)


def work_once() -> None:
    asyncio.run(work(connector(), wait=False))


def jobs(ledger: Ledger) -> list[str]:
    """States of the jobs of verifications; the watch has its own."""
    asked = "SELECT status::text FROM procrastinate_jobs WHERE queue_name = %s ORDER BY id"
    return [s for (s,) in ledger.query(asked, [tasks.QUEUE])]


def test_does_everything_that_waits_in_order(ledger: Ledger) -> None:
    ledger.write(3)
    asked = [ask(), ask(5), ask(6, 5)]
    work_once()
    records = list(Verification.objects.order_by("ended_at"))
    assert [record.pk for record in records] == [record.pk for record in asked]
    assert {(record.state, record.runs) for record in records} == {("finished", 1)}
    assert jobs(ledger) == []


def test_a_request_that_is_rolled_back_leaves_no_job(ledger: Ledger) -> None:
    with transaction.atomic():
        ask()
        assert Verification.objects.count() == 1
        transaction.set_rollback(True)
    assert (Verification.objects.count(), jobs(ledger)) == (0, [])
    assert ask().pk == 1


def test_requests_at_once_are_numbered_without_a_gap(ledger: Ledger) -> None:
    barrier, errors = threading.Barrier(8), []

    def ask_at_once() -> None:
        try:
            barrier.wait(30)
            ask()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask_at_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(Verification.objects.values_list("pk", flat=True)) == list(range(1, 9))
    assert len(jobs(ledger)) == 8


def test_a_crowd_of_requests_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MAX_OPEN", 2)
    ledger.write(3)
    ask(), ask()
    with pytest.raises(TooManyOpenError):
        ask()
    work_once()
    ask()


def test_takes_up_the_job_of_a_dead_worker(ledger: Ledger) -> None:
    ledger.write(3)
    ask()
    dead_worker_fetches(ledger)
    work_once()
    assert (Verification.objects.get().state, jobs(ledger)) == ("finished", [])


def test_leaves_the_job_of_a_living_worker(ledger: Ledger) -> None:
    ledger.write(3)
    ask()
    dead_worker_fetches(ledger, silent="0 seconds")
    work_once()
    assert (Verification.objects.get().state, jobs(ledger)) == ("waiting", ["doing"])


def test_takes_up_a_verification_without_a_job(ledger: Ledger) -> None:
    """Such as one whose job failed because the database went away."""
    ledger.write(3)
    ask()
    ledger.tamper("DELETE FROM procrastinate_jobs")
    work_once()
    assert (Verification.objects.get().state, jobs(ledger)) == ("finished", [])


def test_leaves_what_somebody_works_at_without_a_job(ledger: Ledger) -> None:
    """As the command line does with `--record`."""
    ledger.write(3)
    record = ask()
    ledger.tamper("DELETE FROM procrastinate_jobs")
    with try_lock("default", VERIFICATION, record.pk):
        asyncio.run(recover())
        assert jobs(ledger) == []
    asyncio.run(recover())
    assert jobs(ledger) == ["todo"]


def test_takes_up_what_a_living_worker_has_forgotten(ledger: Ledger) -> None:
    """The answer to its question for a job was lost, and it asked again."""
    ledger.write(3)
    ask()
    dead_worker_fetches(ledger, silent="0 seconds")
    idle = asyncio.run(look_for_forgotten(set()))
    assert (len(idle), jobs(ledger)) == (1, ["doing"])
    asyncio.run(look_for_forgotten(idle))
    assert jobs(ledger) == ["todo"]
    work_once()
    assert (Verification.objects.get().state, jobs(ledger)) == ("finished", [])


def test_leaves_what_its_worker_works_at(ledger: Ledger) -> None:
    ledger.write(3)
    record = ask()
    dead_worker_fetches(ledger, silent="0 seconds")
    idle = asyncio.run(look_for_forgotten(set()))
    with try_lock("default", VERIFICATION, record.pk):
        assert asyncio.run(look_for_forgotten(idle)) == set()
    assert jobs(ledger) == ["doing"]


async def look_for_forgotten(before: set[int]) -> set[int]:
    place = await sync_to_async(connector)()
    with app.replace_connector(place):
        async with app.open_async():
            return await requeue_forgotten(before)


async def recover() -> None:
    place = await sync_to_async(connector)()
    with app.replace_connector(place):
        async with app.open_async():
            await requeue_abandoned()


def test_another_worker_continues_where_a_killed_one_stopped(
    ledger: Ledger, process: Start
) -> None:
    ledger.write(4)
    record = ask(7)
    victim = process("-c", HOLDING)
    await_line(victim, "holding")
    victim.kill()
    victim.communicate()
    assert jobs(ledger) == ["doing"]
    silence_workers(ledger, "1 hour")

    taker = process("manage.py", "worker", "--once")
    _, errors = taker.communicate(timeout=60)
    assert taker.returncode == 0, errors
    assert "Traceback" not in errors
    assert "verification_abandoned" in errors
    record.refresh_from_db()
    assert (record.state, record.runs, record.checked) == ("finished", 2, 7)
    assert record.last_content_hash == ledger.store.head().content_hash


def test_ends_promptly_when_told_to(ledger: Ledger, process: Start) -> None:
    """Also in the middle of a slice, which the next worker then does again."""
    ledger.write(4)
    record = ask(7)
    worker = process("-c", HOLDING)
    await_line(worker, "holding")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate("", timeout=30)
    assert worker.returncode == 0, errors
    record.refresh_from_db()
    assert (record.state, record.reached_sequence) == ("running", 2)
    assert jobs(ledger) == []
    work_once()
    record.refresh_from_db()
    assert (record.state, record.runs, record.checked) == ("finished", 2, 7)


def test_ends_when_the_watch_beside_it_ends(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(queue: str, concurrency: int, **options: object) -> None:
        if queue == tasks.QUEUE:
            await asyncio.Event().wait()

    monkeypatch.setattr("observers.verification_jobs.worker._run", run)
    asyncio.run(asyncio.wait_for(work(connector()), 30))


def dead_worker_fetches(ledger: Ledger, silent: str = "1 hour") -> None:
    """A worker that took a job and was not heard of since."""
    with ledger.connect() as worker:
        row = worker.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
        assert row
        worker.execute("SELECT procrastinate_fetch_job_v2(NULL, %s)", [row[0]])
    silence_workers(ledger, silent)
    assert jobs(ledger) == ["doing"]


def silence_workers(ledger: Ledger, silent: str) -> None:
    with ledger.connect() as connection:
        connection.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - %s::interval", [silent]
        )


def await_line(child: subprocess.Popen[str], expected: str) -> None:
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], 60)
    line = child.stdout.readline() if ready else ""
    if line.strip() != expected:
        child.kill()
        pytest.fail(f"{line!r} instead of {expected!r}: {child.communicate()[1]}")


def test_a_large_one_is_shared_by_jobs(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observers.verification_jobs.runner.SHARED_FROM", 1)
    monkeypatch.setattr(
        "observers.verification_jobs.runner.run_shared", partial(run_shared, size=2)
    )
    ledger.write(6)
    record = ask(end=9)
    work_once()
    ended = Verification.objects.get(pk=record.pk)
    assert (ended.state, ended.checked, ended.finding_count) == ("finished", 9, 0)
    assert jobs(ledger) == []
