"""`serve`: the web server alone, for those whose own tools watch over processes.

It must never migrate or make anything; `portal` does that and then runs this.
"""

from __future__ import annotations

import logging
import os
from argparse import ArgumentParser
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server as Granian

from auditportal.capacity import TooFewConnections, require_connections
from auditportal.children import die_with_parent
from auditportal.failures import EXIT_COULD_NOT_RUN
from events.store.connection import LedgerUnavailableError
from events.store.restoration import RestoreUnfinishedError, refuse_unfinished
from observers.watch.at_start import look_before_serving

STOP_PATIENCE_SECONDS = 10


def load_application(main: int, target: str) -> Any:
    """In a worker: tie it to granian's main process, then load Django and the module `target`."""
    die_with_parent(main)
    Finalize(None, logging.shutdown, exitpriority=0)  # a forked process runs nothing of `atexit`
    return import_module(target).application


class Command(BaseCommand):
    """Serve the portal with granian until told to stop."""

    help = "Serve the portal over HTTP, and nothing else: no migration, no sample, no first keys."
    requires_system_checks = []
    target = "auditportal.wsgi"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORTAL_PORT)
        parser.add_argument("--workers", type=int, default=settings.PORTAL_WORKERS)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_connections(options["workers"], settings.PORTAL_THREADS)
            with suppress(LedgerUnavailableError):  # it is away, and says so to each request
                refuse_unfinished("default")
        except (TooFewConnections, RestoreUnfinishedError) as error:
            raise CommandError(str(error), returncode=EXIT_COULD_NOT_RUN) from error
        connections.close_all()
        look_before_serving()
        Granian(
            self.target,
            address=settings.PORTAL_BIND,
            port=options["port"],
            interface=Interfaces.WSGI,
            workers=options["workers"],
            blocking_threads=settings.PORTAL_THREADS,
            backlog=1024,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_PATIENCE_SECONDS,
            log_level=LogLevels.error,
            log_dictconfig={"handlers": {}, "loggers": {"_granian": {}, "granian.access": {}}},
        ).serve(target_loader=partial(load_application, os.getpid()))
