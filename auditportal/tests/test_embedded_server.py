"""The embedded server starts, stops, and keeps every acknowledged commit after any kind of end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from auditportal.embedded import EmbeddedPostgres, cluster, postmaster
from auditportal.embedded.location import find_place

Script = Callable[..., subprocess.Popen[str]]


def connect(server: EmbeddedPostgres, role: str = "portal_owner") -> psycopg.Connection:
    return psycopg.connect(**server.dsn(role), autocommit=True)  # type: ignore[arg-type]


def test_serves_the_portal_database_in_utc_with_utf8_and_checksums(
    server: EmbeddedPostgres,
) -> None:
    with connect(server) as connection:
        found = connection.execute(
            "SELECT current_database(), pg_encoding_to_char(encoding), datlocprovider, "
            "current_setting('TimeZone'), current_setting('data_checksums'), "
            "current_setting('listen_addresses') FROM pg_database WHERE datname = 'portal'"
        ).fetchone()
    assert found == ("portal", "UTF8", "b", "UTC", "on", "")


def test_fsync_is_on_unless_a_test_says_otherwise(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    with connect(server) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_only_the_owner_may_make_tables(server: EmbeddedPostgres) -> None:
    for role in ("portal_app", "portal_observer"):
        with (
            connect(server, role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("CREATE TABLE mine ()")
    with connect(server) as connection:
        connection.execute("CREATE TABLE mine ()")


def test_nobody_else_can_reach_the_socket(server: EmbeddedPostgres) -> None:
    assert Path(server.dsn()["host"]).stat().st_mode & 0o077 == 0


def test_a_second_start_finds_the_running_server(server: EmbeddedPostgres) -> None:
    before = server.pid
    EmbeddedPostgres(server.home, fsync=False).start()
    assert server.pid == before is not None


def test_stopping_ends_it_and_starting_again_has_the_data(server: EmbeddedPostgres) -> None:
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    server.stop()
    assert (server.pid, server.is_running()) == (None, False)
    server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_kill_9_keeps_every_answered_commit(server: EmbeddedPostgres) -> None:
    """Killed while four sessions write; each notes a number once its commit was acknowledged."""
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept (n bigint)")
    answered: list[int] = []
    enough = threading.Event()

    def write(session: psycopg.Connection, first: int) -> None:
        with session:
            for number in range(first, first + 1_000_000):
                try:
                    session.execute("INSERT INTO kept VALUES (%s)", [number])
                except psycopg.OperationalError:
                    return
                answered.append(number)
                if len(answered) > 200:
                    enough.set()

    writers = [
        threading.Thread(target=write, args=(connect(server), n * 1_000_000)) for n in range(4)
    ]
    for writer in writers:
        writer.start()
    assert enough.wait(30)
    server.kill()
    server.start()
    for writer in writers:
        writer.join()
    with connect(server) as connection:
        kept = {number for (number,) in connection.execute("SELECT n FROM kept")}
    assert set(answered) <= kept


def test_two_first_starts_at_once_make_one_server(home: Path, script: Script) -> None:
    source = (
        "import sys; from pathlib import Path; from auditportal.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "server.start(); print(server.pid, flush=True); sys.stdin.readline()"
    )
    racers = [script(source, home) for _ in range(3)]
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 3
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    pids = {racer.stdout.readline() for racer in racers if racer.stdout}
    assert pids == {f"{EmbeddedPostgres(home).pid}\n"}


def test_ignores_a_pid_file_of_a_dead_process(server: EmbeddedPostgres) -> None:
    server.kill()
    place = find_place(server.home)
    assert place
    assert place.pid_file.exists()
    assert server.pid is None
    server.start()
    assert server.is_running()


def test_ignores_a_pid_file_whose_pid_is_another_program_now(server: EmbeddedPostgres) -> None:
    """After a reboot the pid may be reused, also by the server's account."""
    server.kill()
    place = find_place(server.home)
    assert place
    other = subprocess.Popen(["sleep", "60"], **place.account.identity())
    try:
        lines = place.pid_file.read_text().splitlines()
        place.pid_file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        assert server.pid is None
        server.start()
        assert server.is_running()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_counts_a_zombie_as_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert not postmaster.is_alive(child)
    finally:
        os.waitpid(child, 0)


def test_starts_despite_a_zombie_server_of_another_process(home: Path, script: Script) -> None:
    """PostgreSQL would mistake the zombie for a running server."""
    parent = script(
        "import sys; from pathlib import Path; from auditportal.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)\n"
        "server.start(); print(server.pid, flush=True); sys.stdin.readline()",
        home,
    )
    assert parent.stdout
    killed = int(parent.stdout.readline())
    server = EmbeddedPostgres(home, fsync=False)
    server.kill()
    assert Path(f"/proc/{killed}").exists()
    server.start()
    assert server.is_running()
    assert server.pid != killed


def test_waits_for_a_server_that_is_still_going_down(server: EmbeddedPostgres) -> None:
    """Stopped by another process, with an open session that a smart shutdown waits for."""
    with connect(server) as session:
        before = server.pid
        assert before
        os.kill(before, signal.SIGTERM)
        threading.Timer(0.5, session.close).start()
        server.start()
    assert server.is_running()
    assert server.pid != before


def test_counts_a_full_server_as_running(server: EmbeddedPostgres) -> None:
    before = server.pid
    sessions = fill(server, "portal_app") + fill(server, "postgres")
    assert len(sessions) == int(cluster.CONFIGURATION["max_connections"])
    assert server.is_running()
    server.start()
    assert server.pid == before
    for session in sessions:
        session.close()


def fill(server: EmbeddedPostgres, role: str) -> list[psycopg.Connection]:
    """Connect until the server refuses."""
    sessions: list[psycopg.Connection] = []
    while len(sessions) < 200:
        try:
            sessions.append(connect(server, role))
        except psycopg.OperationalError:
            break
    return sessions
