"""`portal`: the command behind `make run`, from an empty folder to a served ledger."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.db import OperationalError, connections

from auditportal.bootstrap import (
    PortTaken,
    TooFewConnections,
    UnfitServer,
    claim_port,
    prepare,
    require_connections,
    require_writable,
)
from auditportal.child_processes import PortalFailed
from auditportal.env import ENVIRONMENT
from auditportal.supervisor import Supervisor, connectable, log_file
from events.management.base import LedgerCommand, refuse
from events.store.ledger import PostgresEventStore
from events.store.maintenance import is_migrated, refuse_unfinished
from observers.heads.store import memory_of

DESCRIPTION = """\
Start the portal and serve it until Ctrl-C.

Starts the embedded PostgreSQL (or uses DATABASE_URL), migrates the tables, creates the first keys
and the first administrator if there are none, and serves HTTP. In an unused embedded ledger sample
agents write some events. Stopping is clean; after kill -9 the next start recovers.

environment:
"""


class Command(LedgerCommand):
    """Prepare, serve, and print where to go."""

    help = "Start the portal: database, tables, keys, administrator, web server."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        width = max(len(variable.name) for variable in ENVIRONMENT)
        lines = (
            f"  {v.name:{width}}  {v.help}{f' [{v.default}]' if v.default else ''}"
            for v in ENVIRONMENT
        )
        parser.description = DESCRIPTION + "\n".join(lines)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORTAL_PORT, help="PORT")
        parser.add_argument(
            "--workers", type=int, default=settings.PORTAL_WORKERS, help="PORTAL_WORKERS"
        )
        parser.add_argument("--no-sample", action="store_true", help="PORTAL_SAMPLE=0")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with claim_port(settings.PORTAL_BIND, options["port"]):
                self._run(**options)
        except (PortTaken, TooFewConnections, PortalFailed, UnfitServer) as error:
            refuse(str(error))

    def _run(self, *, port: int, workers: int, no_sample: bool, **_: Any) -> None:
        self.stdout.write("Starting the portal…" if settings.PORTAL_EMBEDDED else "Starting…")
        _reach_databases()
        for warning in {
            w for alias in ("owner", "default") for w in require_writable(alias).warnings
        }:
            self.stderr.write(f"WARNING: {warning}")
        require_connections(workers, settings.PORTAL_THREADS)
        refuse_unfinished("owner")
        _refuse_empty_but_seen()
        password = prepare()
        sample = not no_sample and _wants_sample()
        connections.close_all()
        supervisor = Supervisor(port, workers, sample, say=self.stderr.write)
        supervisor.run(ready=lambda: self._guide(port, password))
        self.stdout.write("Stopped.")

    def _guide(self, port: int, password: str | None) -> None:
        """Print the address, the password and the next commands."""
        host = connectable(settings.PORTAL_BIND)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        manage = _manage()
        self.stdout.write(f"\nThe portal is at {url}/   (Ctrl-C stops it)\n\n")
        if password:
            self.stdout.write(f"  administrator  admin\n  password       {password}")
            self.stdout.write("                 shown only once, and not stored\n\n")
        self.stdout.write(
            f"Write an event from another terminal:\n\n"
            f"  TOKEN=$({manage} issue_token --agent first-agent)\n"
            f'  curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
            f'    -d \'{{"event_type": "greeting", "payload": {{"text": "hello"}}, '
            f'"local_timestamp": "\'$(date -u +%FT%TZ)\'"}}\' \\\n'
            f"    {url}/api/v1/events\n\n"
            f"Check the ledger:\n\n"
            f"  {manage} check_continuity\n  {manage} verify_ledger\n\n"
            f"A lost password: {manage} changepassword admin\n"
            f"Log: {log_file()}\n"
        )


def _wants_sample() -> bool:
    """Only an unused embedded ledger gets a sample, since events cannot be removed."""
    if not (settings.PORTAL_EMBEDDED and settings.PORTAL_SAMPLE):
        return False
    return PostgresEventStore().is_unused() and "play_sample" in get_commands()


def _refuse_empty_but_seen() -> None:
    """CT-11: refuse to start an empty ledger where events were seen, since they were lost. It is
    not halted, because nothing could be restored into it then."""
    if is_migrated() and PostgresEventStore("owner").head().max_sequence:
        return
    memory = memory_of()
    seen = memory.read()
    if not seen:
        return
    refuse(
        f"CT-11: the ledger is empty, but its head {seen[-1]} was seen here. Restore a backup "
        f"(`manage.py restore`); to begin another ledger at this place, move {memory.path} away"
    )


def _reach_databases() -> None:
    """Connect once as each role, so that a failure names its variable."""
    for alias in connections:
        try:
            connections[alias].ensure_connection()
        except OperationalError as error:
            names = {"owner": "OWNER_DATABASE_URL", "observer": "OBSERVER_DATABASE_URL"}
            name = names.get(alias, "DATABASE_URL")
            if alias == "owner" and not os.environ.get(name):
                name = "DATABASE_URL"
            where = "the embedded database" if settings.PORTAL_EMBEDDED else name
            reason = " ".join(str(error).split())
            refuse(f"{where}: {reason}")


def _manage() -> str:
    """The manage.py command line for this home, relative to the operator's folder."""
    words = [_short(Path(sys.executable)), _short(settings.BASE_DIR / "manage.py")]
    home = os.environ.get("PORTAL_HOME", "")
    return " ".join([f"PORTAL_HOME={shlex.quote(home)}", *words] if home else words)


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
