"""`serve`: runs the web server alone, for use under a process supervisor.

It does not migrate or create anything; `portal` does that and then runs this.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from argparse import ArgumentParser
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.util import Finalize
from typing import Any

import structlog
from django.conf import settings
from django.db import connections
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server as Granian

from auditportal.bootstrap import TooFewConnections, UnfitServer, check_server, require_connections
from auditportal.child_processes import die_with_parent
from auditportal.slow_clients import watch_clients
from events.management.base import LedgerCommand, refuse
from events.store.connection import LedgerUnavailableError
from events.store.maintenance import RestoreUnfinishedError, refuse_unfinished
from observers.watch.at_start import check_before_serving

STOP_PATIENCE_SECONDS = 10

log = structlog.get_logger(__name__)

CONNECTIONS = 4096
"""Connections that a web process accepts at once; further ones wait at the listener. High enough
that a few hundred idle ones do not fill it."""


SWITCH_SECONDS = 0.001
"""The GIL's switch interval. Writing an event acquires the GIL some ten times, which beside a few
long requests takes 0.3 s at Python's default of 5 ms."""

OTHER_FILES = 512
"""Files and connections of a web process except its clients'."""


def load_application(main: int, port: int, target: str) -> Any:
    """Load Django and the module `target` in a worker that dies with granian's main process."""
    die_with_parent(main)
    watch_clients(port)
    sys.setswitchinterval(SWITCH_SECONDS)
    Finalize(None, logging.shutdown, exitpriority=0)  # forked processes do not run `atexit`
    return import_module(target).application


class Command(LedgerCommand):
    """Serve the portal with granian until stopped."""

    help = "Serve the portal over HTTP only, without migrations, sample events or first keys."
    requires_system_checks = []
    target = "auditportal.wsgi"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORTAL_PORT)
        parser.add_argument("--workers", type=int, default=settings.PORTAL_WORKERS)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_connections(options["workers"], settings.PORTAL_THREADS)
            with suppress(LedgerUnavailableError):  # each request reports an unavailable database
                self._check_server()
                refuse_unfinished("default")
        except (TooFewConnections, RestoreUnfinishedError, UnfitServer) as error:
            refuse(str(error))
        connections.close_all()
        check_before_serving()
        self._serve(options)

    def _check_server(self) -> None:
        """Report problems of the database that still allow reading."""
        facts = check_server("default")
        if facts.read_only:
            log.critical("database_read_only", reason=facts.read_only)
        for warning in (facts.read_only, *facts.warnings):
            if warning:
                self.stderr.write(f"WARNING: {warning}")

    def _serve(self, options: dict[str, Any]) -> None:
        Granian(
            self.target,
            address=settings.PORTAL_BIND,
            port=options["port"],
            interface=Interfaces.WSGI,
            workers=options["workers"],
            blocking_threads=settings.PORTAL_THREADS,
            backlog=1024,
            backpressure=_connections(),
            http=HTTPModes.http1,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_PATIENCE_SECONDS,
            log_level=LogLevels.error,
            log_dictconfig={"handlers": {}, "loggers": {"_granian": {}, "granian.access": {}}},
        ).serve(target_loader=partial(load_application, os.getpid(), options["port"]))


def _connections() -> int:
    """The connections that the file limit allows, minus the process's own files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(128, wanted - OTHER_FILES)
