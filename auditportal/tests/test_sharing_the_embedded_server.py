"""The first process starts the embedded server, the last one stops it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditportal.embedded import EmbeddedPostgres

Script = Callable[..., subprocess.Popen[str]]

USE = (
    "import os, sys; from pathlib import Path\n"
    "from auditportal.embedded import EmbeddedPostgres, sharing\n"
    "server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)\n"
    "sharing.use(server); print(server.pid, flush=True)\n"
)
UNTIL_TOLD = USE + "sys.stdin.readline()"


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> None:
    tell(process)
    assert process.wait(30) == 0


def test_the_last_one_out_stops_it(home: Path, script: Script) -> None:
    first, second = script(UNTIL_TOLD, home), script(UNTIL_TOLD, home)
    assert read(first) == read(second)
    server = EmbeddedPostgres(home)
    end(first)
    assert server.is_running()
    end(second)
    assert server.pid is None


def test_the_next_one_in_starts_it_again(home: Path, script: Script) -> None:
    for _ in range(2):
        user = script(UNTIL_TOLD, home)
        assert int(read(user)) == EmbeddedPostgres(home).pid
        end(user)


def test_a_killed_user_does_not_take_it_from_the_others(home: Path, script: Script) -> None:
    killed, other = script(UNTIL_TOLD, home), script(UNTIL_TOLD, home)
    read(killed)
    read(other)
    killed.kill()
    killed.wait()
    server = EmbeddedPostgres(home)
    assert server.is_running()
    end(other)
    assert server.pid is None


def test_a_server_left_by_a_killed_user_is_found_and_used(home: Path, script: Script) -> None:
    killed = script(UNTIL_TOLD, home)
    left = read(killed)
    killed.kill()
    killed.wait()
    heir = script(UNTIL_TOLD, home)
    assert read(heir) == left
    end(heir)
    assert EmbeddedPostgres(home).pid is None


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(home: Path, script: Script) -> None:
    user = script(UNTIL_TOLD, home, start_new_session=True)
    other = script(UNTIL_TOLD, home)
    read(user)
    read(other)
    os.killpg(user.pid, signal.SIGINT)
    user.wait(30)
    assert EmbeddedPostgres(home).is_running()
    end(other)


@pytest.mark.parametrize("exit_of_child", ["os._exit(0)", "sys.exit(0)"])
def test_a_forked_child_does_not_stop_it(home: Path, script: Script, exit_of_child: str) -> None:
    parent = script(
        USE + f"if os.fork() == 0: {exit_of_child}\n"
        "os.wait(); print(server.is_running(), flush=True); sys.stdin.readline()",
        home,
    )
    read(parent)
    assert read(parent) == "True"
    end(parent)
    assert EmbeddedPostgres(home).pid is None


def test_a_forked_child_is_a_user_of_its_own(home: Path, script: Script) -> None:
    """The parent ends first; the child continues to use the server and stops it at its end."""
    parent = script(
        USE + "if os.fork() == 0:\n"
        "    sharing.use(server); print(os.getpid(), flush=True); sys.stdin.readline()\n"
        "    print(server.is_running(), flush=True); sharing.leave(server); os._exit(0)\n"
        "import signal; signal.pause()",
        home,
    )
    read(parent)
    read(parent)
    parent.kill()
    parent.wait()
    tell(parent)
    assert read(parent) == "True"
    assert read(parent) == ""
    assert EmbeddedPostgres(home).pid is None


def test_revives_a_server_that_died_under_its_users(home: Path, script: Script) -> None:
    user = script(USE + "sys.stdin.readline(); sharing.revive(server); sys.stdin.readline()", home)
    before = int(read(user))
    server = EmbeddedPostgres(home)
    server.kill()
    tell(user)
    other = script(UNTIL_TOLD, home)
    assert int(read(other)) != before
    assert server.is_running()
    end(other)
    end(user)
    assert server.pid is None
