"""Starts a streaming replica of the test server with pg_basebackup."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from auditportal.embedded import EmbeddedPostgres
from auditportal.embedded.cluster import reachable_programs
from auditportal.embedded.location import make_home, make_place

PATIENCE_SECONDS = 30.0


class Replica:
    """A hot standby beside its primary, of which it has every database."""

    def __init__(self, primary: EmbeddedPostgres) -> None:
        self.primary = primary
        self.home = Path(tempfile.mkdtemp(prefix="auditportal-replica-"))
        self.home.chmod(0o755)
        self.server = EmbeddedPostgres(self.home, fsync=False)

    def make(self) -> None:
        """Copy the primary and follow it."""
        make_home(self.home)
        place = make_place(self.home)
        at = self.primary.dsn()
        made = place.account.run(
            [
                reachable_programs(place.folder, place.account) / "pg_basebackup",
                f"--pgdata={place.data}",
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
                f"--host={at['host']}",
                f"--port={at['port']}",
                f"--username={at['user']}",
            ]
        )
        assert made.returncode == 0, made.stderr
        self.server.start()

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.server.remove()
        shutil.rmtree(self.home)

    def pause(self) -> None:
        """Replay nothing more until `resume`."""
        self.catch_up()
        self.query("SELECT pg_wal_replay_pause()")
        self._until("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def resume(self) -> None:
        """Go on, to where the primary is."""
        self.query("SELECT pg_wal_replay_resume()")
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until everything is replayed that the primary has written."""
        ((written,),) = _ask(self.primary, "SELECT pg_current_wal_lsn()::text")
        self._until("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)

    def cut_off_readers(self) -> None:
        """End every session of the observers' role."""
        self.query(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE usename = 'portal_observer'"
        )

    def query(self, statement: str, *parameters: object) -> list[Any]:
        """Rows of a statement, as the replica's superuser."""
        return _ask(self.server, statement, *parameters)

    def _until(self, statement: str, *parameters: object) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.query(statement, *parameters) != [(True,)]:
            assert time.monotonic() < deadline, f"never true: {statement}"
            time.sleep(0.01)


def _ask(server: EmbeddedPostgres, statement: str, *parameters: object) -> list[Any]:
    place = make_conninfo(**server.dsn(dbname="postgres"))
    with psycopg.connect(place, autocommit=True) as superuser:
        return superuser.execute(statement, parameters).fetchall()
