"""Requests that wait for the ledger are answered before a stopping web server ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psycopg
import pytest

from auditportal.embedded import EmbeddedPostgres, sharing
from auditportal.env import BASE_DIR
from auditportal.tests.conftest import clean_environment

LOCK = "LOCK TABLE ledger_config IN SHARE UPDATE EXCLUSIVE MODE"
CALLERS = 8
PATIENCE_SECONDS = 60.0
PREPARE = "from auditportal.bootstrap import prepare; prepare()"


def post(port: int, token: str) -> int:
    """The status of the response; 0 without one."""
    event = {"event_type": "t", "payload": 1, "local_timestamp": datetime.now(UTC).isoformat()}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/api/v1/events", json.dumps(event), headers)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="the embedded database's processes")
def test_accepted_requests_are_answered_before_the_server_ends(
    home: Path, manage: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    sharing.use(server)  # the last process to leave would stop it
    assert manage("shell", "-v0", "-c", PREPARE).returncode == 0
    token = manage("issue_token", "--agent", "agent-7").stdout.strip()
    web = subprocess.Popen(
        [sys.executable, str(BASE_DIR / "manage.py"), "serve", f"--port={port}"],
        env=clean_environment(home),
    )
    try:
        until(lambda: answers(port))
        with (
            psycopg.connect(**server.dsn(dbname="portal"), autocommit=True) as database,  # type: ignore[arg-type]
            ThreadPoolExecutor(CALLERS) as pool,
        ):
            database.execute(f"BEGIN; {LOCK}")
            statuses = [pool.submit(post, port, token) for _ in range(CALLERS)]
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
            until(lambda: database.execute(waiting).fetchone() != (0,))
            web.terminate()
            until(lambda: not answers(port))
            database.execute("ROLLBACK")
            said = [status.result(PATIENCE_SECONDS) for status in statuses]
            written = database.execute(
                "SELECT count(*) FROM events WHERE agent_id IS NOT NULL"
            ).fetchone()
        assert web.wait(PATIENCE_SECONDS) == 0
    finally:
        web.kill()
        web.wait()
        sharing.leave(server)
    assert set(said) <= {201, 503, 0}
    assert 201 in said
    assert written == (said.count(201),)
