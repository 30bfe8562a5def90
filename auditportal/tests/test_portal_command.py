"""`portal` starts from an empty folder, stops cleanly, and starts again after any kill."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import psycopg
import pytest
from pytest_django import Settings

from auditportal.embedded import EmbeddedPostgres
from auditportal.env import BASE_DIR
from auditportal.management.commands.portal import _wants_sample
from auditportal.tests.conftest import clean_environment
from events.tests.support.ledger import Ledger

PASSWORD = re.compile(r"^ +password +(\S+)$", re.MULTILINE)
PATIENCE = 90.0


class Portal:
    """A portal started as by a user, with its output."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.port = port
        self.output = home.parent / f"output-{time.monotonic_ns()}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(BASE_DIR / "manage.py"), "portal"],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=clean_environment(home)
                | {"PORT": str(port), "PORTAL_SAMPLE": "0", "PYTHONUNBUFFERED": "1"}
                | environment,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.output.read_text()

    def await_ready(self) -> Portal:
        return self.await_text("The portal is at")

    def await_text(self, text: str) -> Portal:
        deadline = time.monotonic() + PATIENCE
        while text not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)
        return self

    def get(self, path: str) -> int:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status)

    def get_often(self, path: str) -> list[int]:
        """Ten answers in a row; what a dying worker had accepted may be cut off before."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return [self.get(path) for _ in range(10)]
            except (ConnectionError, urllib.error.URLError):
                assert time.monotonic() < deadline

    def descendants(self) -> list[int]:
        """The pids of its web processes, granian's main one first."""
        return [
            grand for child in children(self.process.pid) for grand in (child, *children(child))
        ]

    def await_worker(self) -> int:
        """The pid of the process that works in the background."""
        deadline = time.monotonic() + PATIENCE
        while not (found := children(self.process.pid, b"worker")):
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)
        return found[0]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def children(pid: int, command: bytes = b"serve") -> list[int]:
    """Its web processes; the postmaster is a child too, but none of these."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(p) for p in found if command in Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0")
    ]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def await_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def portal(home: Path, port: int) -> Iterator[Callable[..., Portal]]:
    started: list[Portal] = []

    def start(**environment: str) -> Portal:
        started.append(Portal(home, port, **environment))
        return started[-1]

    yield start
    for portal in started:
        with suppress(ProcessLookupError):
            portal.process.kill()
        portal.process.wait()


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_comes_up_from_nothing_goes_down_cleanly_and_comes_up_again(
    home: Path, portal: Callable[..., Portal]
) -> None:
    first = portal().await_ready()
    password = PASSWORD.search(first.text())
    assert password
    assert first.get("/admin/login/") == 200
    web = first.descendants()
    assert len(web) == 3
    web.append(first.await_worker())
    assert first.end(signal.SIGINT) == 0
    assert first.text().endswith("Stopped.\n")
    assert "Traceback" not in first.text()
    assert all(gone(pid) for pid in web)
    assert EmbeddedPostgres(home).pid is None

    again = portal().await_ready()
    assert not PASSWORD.search(again.text())
    assert again.end(signal.SIGTERM) == 0
    for file in home.rglob("*"):
        if file.is_file() and "postgres" not in file.parts:
            assert password[1].encode() not in file.read_bytes(), file


@linux
def test_survives_kill_9_of_each_of_its_processes(
    home: Path, portal: Callable[..., Portal]
) -> None:
    """The supervisor, granian's main process, its workers, the worker in the background, the
    database: in one portal's life."""
    server = EmbeddedPostgres(home)
    first = portal().await_ready()
    web = [*first.descendants(), first.await_worker()]
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    await_gone(web)
    left = server.pid
    assert left is not None

    second = portal().await_ready()
    assert server.pid == left
    main, *workers = second.descendants()
    background = second.await_worker()
    os.kill(left, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while server.pid in (None, left) or not server.is_running():  # whoever is first starts it
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert second.get("/admin/login/") == 200

    os.kill(background, signal.SIGKILL)
    second.await_text("the worker ended with code -9; starting it again")
    assert second.await_worker() != background

    os.kill(workers[0], signal.SIGKILL)
    await_gone(workers[:1])
    assert second.get_often("/healthz") == [200] * 10

    os.kill(main, signal.SIGKILL)
    second.await_text("the web server ended with code -9; starting it again")
    second.await_text("the web server runs again")
    assert second.get_often("/healthz") == [200] * 10
    assert main not in second.descendants()
    assert second.end() == 0
    assert "Traceback" not in second.text()
    assert server.pid is None
    events = {
        orjson.loads(line)["event"] for line in (home / "logs/portal.log").read_text().splitlines()
    }
    assert {"postgres_died", "postgres_restarted", "worker_restarted", "web_restarted"} <= events


def test_a_port_in_use_is_reported_before_anything_is_created(
    home: Path, port: int, portal: Callable[..., Portal]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        refused = portal()
        assert refused.process.wait(PATIENCE) == 2
    assert f"port {port} on 127.0.0.1 is in use" in refused.text()
    assert len(refused.text().splitlines()) == 1
    assert not home.exists()


def test_two_starts_at_once_on_one_home_both_serve(home: Path, port: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = int(free.getsockname()[1])
    pair = [Portal(home, port), Portal(home, other)]
    try:
        for one in pair:
            assert one.await_ready().get("/admin/login/") == 200
        passwords = [bool(PASSWORD.search(one.text())) for one in pair]
        assert sorted(passwords) == [False, True]
        assert pair[0].end() == 0
        assert pair[1].get("/admin/login/") == 200
        assert pair[1].end() == 0
        assert EmbeddedPostgres(home).pid is None
    finally:
        for one in pair:
            one.process.kill()
            one.process.wait()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "DATABASE_URL: .*refused"),
        ({"DATABASE_URL": "postgresql://no-such-host.invalid/x"}, "DATABASE_URL: "),
        (
            {
                "DATABASE_URL": "postgresql://127.0.0.1:1/x",
                "OWNER_DATABASE_URL": "postgresql://127.0.0.1:2/x",
            },
            "DATABASE_URL: .*refused",
        ),
    ],
)
def test_an_unreachable_database_is_reported_in_one_line(
    portal: Callable[..., Portal], environment: dict[str, str], says: str
) -> None:
    refused = portal(DJANGO_SECRET_KEY="x" * 50, **environment)
    assert refused.process.wait(PATIENCE) == 2
    line = refused.text().splitlines()[-1]
    assert re.search(says, line)
    assert "Traceback" not in refused.text()


@linux
def test_serves_an_external_database_and_starts_none(
    server: EmbeddedPostgres, portal: Callable[..., Portal], home: Path
) -> None:
    """The embedded server of another home stands in for it."""
    own = "postgresql://{}@/portal?host=" + server.dsn()["host"]
    secret = "x" * 50
    elsewhere = home.parent / "elsewhere"
    served = portal(
        PORTAL_HOME=str(elsewhere),
        DATABASE_URL=own.format("portal_app"),
        OWNER_DATABASE_URL=own.format("portal_owner"),
        OBSERVER_DATABASE_URL=own.format("portal_observer"),
        DJANGO_SECRET_KEY=secret,
        PORTAL_SAMPLE="1",
    ).await_ready()
    assert served.get("/admin/login/") == 200
    assert served.end() == 0
    assert server.is_running()
    assert not (elsewhere / "postgres").exists()
    assert not (elsewhere / "secret_key").exists()
    with psycopg.connect(**server.dsn("portal_app")) as connection:  # type: ignore[arg-type]
        # The worker may already have said that this server runs without fsync.
        agents = "SELECT count(*) FROM events WHERE agent_id IS NOT NULL"
        assert connection.execute(agents).fetchone() == (0,)


def test_a_ledger_gets_a_sample_until_an_agent_has_written(
    ledger: Ledger, settings: Settings
) -> None:
    settings.PORTAL_EMBEDDED = settings.PORTAL_SAMPLE = True
    assert _wants_sample()
    ledger.write()
    assert not _wants_sample()


@linux
@pytest.mark.parametrize("moment", ["PG_VERSION", "postmaster.pid"])
def test_ctrl_c_while_it_prepares_leaves_nothing_running(
    home: Path, portal: Callable[..., Portal], moment: str
) -> None:
    early = portal()
    deadline = time.monotonic() + PATIENCE
    while not (home / "postgres" / "data" / moment).exists():
        assert time.monotonic() < deadline
    early.process.send_signal(signal.SIGINT)
    assert early.process.wait(PATIENCE) in (0, 130)
    assert "Traceback" not in early.text()
    assert EmbeddedPostgres(home).pid is None


def test_a_broken_home_is_reported_in_one_line(home: Path, portal: Callable[..., Portal]) -> None:
    home.write_text("")
    refused = portal()
    assert refused.process.wait(PATIENCE) == 2
    home.unlink()
    assert f"{home} is a file, not a folder" in refused.text().splitlines()[-1]
    assert "Traceback" not in refused.text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_reported_in_one_line(home: Path, portal: Callable[..., Portal]) -> None:
    home.mkdir(0o711)
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0711", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody mount a small disk")
    try:
        refused = portal()
        assert refused.process.wait(PATIENCE) == 2
        assert "No space left on device" in refused.text().splitlines()[-1]
        assert "Traceback" not in refused.text()
    finally:
        EmbeddedPostgres(home).stop()
        subprocess.run(["umount", str(home)], check=True)
