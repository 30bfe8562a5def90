"""syslog-ng, configured as in docs/shippers.md, ships each line once across two restarts.

`SHIPPED_LINES=10000` ships more of them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import pytest

from auditportal.env import BASE_DIR
from auditportal.tests.conftest import clean_environment
from auditportal.tests.test_portal_command import PATIENCE, Portal, port

__all__ = ["port"]

SYSLOG_NG = shutil.which("syslog-ng", path=os.environ.get("PATH", "") + ":/usr/sbin")
MODULE = any(Path("/usr/lib").glob("*syslog-ng/*/libhttp.so"))
LINES = int(os.environ.get("SHIPPED_LINES", "1200"))

pytestmark = [
    pytest.mark.skipif(
        SYSLOG_NG is None or not MODULE,
        reason="syslog-ng is not installed (apt-get install syslog-ng-core syslog-ng-mod-http)",
    ),
    pytest.mark.timeout(600),
]


def configuration(token: str, port: int, log: Path) -> str:
    """The document's configuration for this portal and file."""
    text = (BASE_DIR / "docs" / "shippers.md").read_text(encoding="utf-8")
    found = re.search(r"^```\n(@version: 3\.38\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return (
        found[1]
        .replace("TOKEN", token)
        .replace("https://portal.example.org", f"http://127.0.0.1:{port}")
        .replace('"/var/log/app.log"', f'"{log}"')
        .replace("reliable(yes)", f'reliable(yes) dir("{log.parent}")')
    )


def manage(home: Path, *arguments: str) -> str:
    """The output of a management command."""
    return subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    ).stdout


@contextmanager
def syslog_ng(folder: Path, written: str) -> Iterator[subprocess.Popen[bytes]]:
    """A syslog-ng in the foreground."""
    (folder / "syslog-ng.conf").write_text(written)
    options = {"-f": "syslog-ng.conf", "-R": "persist", "-p": "pid", "-c": "control"}
    named = [each for flag, name in options.items() for each in (flag, str(folder / name))]
    with (folder / "syslog-ng.out").open("w") as output:
        process = subprocess.Popen(
            [str(SYSLOG_NG), "-F", "--no-caps", *named], stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def await_true(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 4 * PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def in_ledger(home: Path, port: int, observer: str) -> list[str]:
    """The lines in the ledger, by the API."""
    found: list[str] = []
    path: str | None = "/api/v1/events?limit=1000&agent_id=first-agent"
    while path:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {observer}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            page = orjson.loads(answer.read())
        found += [event["payload"]["message"] for event in page["events"]]
        path = page["next"]
    return found


def test_each_line_arrives_once_while_the_portal_is_restarted(home: Path, port: int) -> None:
    log = home.parent / "app.log"
    sent = [f"line {number} of {LINES}, with 'quotes' and \\ and é" for number in range(LINES)]
    third = LINES // 3
    portal = Portal(home, port).await_ready()
    try:
        options = ("--type", "syslog", "--id-field", "id")
        token = manage(home, "issue_token", "--agent", "first-agent", *options).strip()
        observer = manage(home, "issue_token", "--observer").strip()
        log.write_text("\n".join(sent[:third]) + "\n")

        def arrived(count: int) -> Callable[[], bool]:
            return lambda: len(set(in_ledger(home, port, observer))) >= count

        with syslog_ng(home.parent, configuration(token, port, log)):
            report = (home.parent / "syslog-ng.out").read_text
            await_true(arrived(1), report)
            with log.open("a") as more:
                more.write("\n".join(sent[third : 2 * third]) + "\n")
            portal.end()
            portal = Portal(home, port).await_ready()
            await_true(arrived(third + 1), report)
            with log.open("a") as more:
                more.write("\n".join(sent[2 * third :]) + "\n")
            os.killpg(portal.process.pid, signal.SIGKILL)
            portal.process.wait(PATIENCE)
            portal = Portal(home, port).await_ready()
            await_true(arrived(LINES), report)
        assert sorted(in_ledger(home, port, observer)) == sorted(sent)
    finally:
        if portal.process.poll() is None:
            portal.end()
