"""The worker process: runs verifications from the queue one at a time, watches the ledger in
parallel, and resumes what a dead worker left.

Invariant: the watch never waits for a verification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections
from django.utils import timezone
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from psycopg_pool import AsyncConnectionPool

from events.store.locks import VERIFICATION, locked
from events.store.session import pin_async, require_writable
from observers.verification_jobs.records import open_ids
from observers.verification_jobs.tasks import QUEUE, job_of, verify
from observers.watch.delivery import QUEUE as WATCH

HEARTBEAT_SECONDS = 3.0
DEAD_AFTER_SECONDS = 12.0
"""A worker that has not been heard of for so long is dead, and its job is queued again."""

RECOVERY_SECONDS = 5.0

log = structlog.get_logger(__name__)


def connector() -> PsycopgConnector:
    """Returns the worker's own connections to the database of Django's `default`.

    Django's connection is opened first and asked for its address: that starts an embedded server,
    whose address only its engine knows.
    """
    connections["default"].ensure_connection()
    place = connections["default"].connection.info
    found: dict[str, Any] = {"host": place.host, "port": place.port}
    connections["default"].close()
    return PsycopgConnector(
        kwargs=found | connector_params("default"),
        pool_factory=_pool,
        configure=pin_async,
        min_size=1,
        max_size=4,
        timeout=10,
    )


def _pool(**arguments: Any) -> AsyncConnectionPool[Any]:
    """Creates a pool that discards connections to a server that has become read-only."""
    return AsyncConnectionPool(**arguments | {"check": require_writable})


async def work(connector: PsycopgConnector, *, wait: bool = True) -> None:
    """Work until told to stop by SIGTERM or SIGINT; without `wait`, until nothing is left.

    When either queue's worker ends by itself, as one whose listener lost the database does, both
    end: half a worker would look whole from outside. Whoever keeps it starts another.
    """
    with app.replace_connector(connector):
        async with app.open_async():
            await requeue_abandoned()
            recovery = asyncio.create_task(_recover())
            queues = {
                asyncio.create_task(_run(QUEUE, 1, wait=wait, signals=wait)),
                asyncio.create_task(_run(WATCH, 2, wait=wait, signals=False)),
            }
            until = asyncio.FIRST_COMPLETED if wait else asyncio.ALL_COMPLETED
            try:
                ended, _ = await asyncio.wait(queues, return_when=until)
            finally:
                for task in (*queues, recovery):
                    task.cancel()
                await asyncio.gather(*queues, recovery, return_exceptions=True)
            for task in ended:
                task.result()


async def _run(queue: str, concurrency: int, *, wait: bool, signals: bool) -> None:
    await app.run_worker_async(
        queues=[queue],
        concurrency=concurrency,
        wait=wait,
        delete_jobs="always",  # what is worth keeping is in the records
        shutdown_graceful_timeout=0,
        update_heartbeat_interval=HEARTBEAT_SECONDS,
        stalled_worker_timeout=DEAD_AFTER_SECONDS,
        install_signal_handlers=signals,
    )


async def requeue_abandoned() -> None:
    """Queue again the jobs of dead workers, and the open verifications that have no job."""
    for job in await app.job_manager.get_stalled_jobs(
        queue=WATCH, seconds_since_heartbeat=DEAD_AFTER_SECONDS
    ):
        # A look is looked again by the clock, and an alert that waits gets a job by the next look.
        with suppress(ConnectorException):
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    for job in await app.job_manager.get_stalled_jobs(
        queue=QUEUE, seconds_since_heartbeat=DEAD_AFTER_SECONDS
    ):
        with suppress(ConnectorException):  # another worker was faster
            await app.job_manager.retry_job(job)
            log.warning("verification_abandoned", verification=job.task_kwargs["verification_id"])
    for verification_id in await sync_to_async(_without_job, thread_sensitive=False)():
        with suppress(AlreadyEnqueued):
            await job_of(verification_id).defer_async()


async def requeue_forgotten(before: Collection[int]) -> set[int]:
    """Queue again the jobs that were idle `before` and are still; which are idle now.

    A worker that lives may have taken a job and not know it: the answer was lost with the
    connection, and it asked again.
    """
    idle = await sync_to_async(_idle_jobs, thread_sensitive=False)()
    for job_id in idle & set(before):
        with suppress(ConnectorException):
            await app.job_manager.retry_job_by_id_async(job_id, timezone.now())
            log.warning("verification_forgotten", job=job_id)
    return idle


async def _recover() -> None:
    idle: set[int] = set()
    while True:
        await asyncio.sleep(RECOVERY_SECONDS)
        try:
            await requeue_abandoned()
            idle = await requeue_forgotten(idle)
        except Exception as error:
            log.warning("recovery_failed", reason=str(error))


def _idle_jobs() -> set[int]:
    """Returns jobs taken by some worker whose verification nobody works on."""
    with _fresh_connection():
        taken = ProcrastinateJob.objects.filter(task_name=verify.name, status="doing")
        jobs = {job.pk: job.args["verification_id"] for job in taken}
        busy = locked("default", VERIFICATION, set(jobs.values()))
        return {job_id for job_id, verification in jobs.items() if verification not in busy}


def _without_job() -> list[int]:
    with _fresh_connection():
        open_now = open_ids()
        jobs = ProcrastinateJob.objects.filter(task_name=verify.name, status__in=("todo", "doing"))
        without = open_now - {job.args["verification_id"] for job in jobs}
        # The command line works at its own without a job.
        return sorted(without - locked("default", VERIFICATION, without))


@contextmanager
def _fresh_connection() -> Iterator[None]:
    """Closes connections that a restarted database has broken, before and after."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
