"""Finds and runs PostgreSQL's `pg_dump` and `pg_restore`.

Invariant: the password goes by the environment; other users can read a command line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

from auditportal.backup.manifest import BackupError
from auditportal.child_processes import die_with_parent, stop
from auditportal.embedded import EmbeddedPostgresError
from auditportal.embedded.cluster import installed, programs

POLL_SECONDS = 0.2
STOP_PATIENCE_SECONDS = 10.0


def find_program(name: str, major: int) -> tuple[Path, int]:
    """A program at least as new as a server of this major version, and its own major version.

    The embedded server has its own programs. For another server the program on PATH is preferred,
    unless it is missing or too old.

    Raises:
        BackupError: no program is new enough.
    """
    candidates = [_embedded(name)]
    if not settings.PORTAL_EMBEDDED:
        found = shutil.which(name)
        candidates.insert(0, Path(found) if found else None)
    seen = []
    for program in candidates:
        version = _major(program) if program else None
        if program and version and version >= major:
            return program, version
        if program:
            seen.append(f"{program} has version {version or 'unknown'}")
    raise BackupError(
        f"no {name} of PostgreSQL {major} or newer ({'; '.join(seen) or 'none at all'}): "
        "install the client programs of that version, and have them on PATH"
    )


def run_program(
    program: Path, arguments: Sequence[str], waiting: Callable[[], None] = lambda: None
) -> None:
    """Run a program on the owner's database, calling `waiting` every 0.2 s.

    Raises:
        BackupError: it failed; the message is the program's.
    """
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [str(program), "--no-password", f"--dbname={_place(program.name)}", *arguments],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            umask=0o077,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        try:
            while not _has_ended(child):
                waiting()
        finally:
            stop(child, STOP_PATIENCE_SECONDS)
        if child.returncode != 0:
            said.seek(0)
            raise BackupError(f"{program.name}: {_reason(said.read().decode(errors='replace'))}")


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return (errors or lines or ["no reason was given"])[0]


def _embedded(name: str) -> Path | None:
    try:
        program = programs(installed()[0]) / name
    except EmbeddedPostgresError:
        return None
    return program if program.exists() else None


def _major(program: Path) -> int | None:
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if found else None


def _place(name: str) -> str:
    """Connection parameters of the owner; those of an embedded server are known to its engine
    only."""
    connections["owner"].ensure_connection()
    found = connections["owner"].connection.info.get_parameters()
    found.pop("sslpassword", None)  # other users can read the command line
    return make_conninfo(**{**found, "application_name": f"audit-portal {name}"})


def _environment() -> dict[str, str]:
    """The environment with the password, which other users cannot read."""
    password = connections["owner"].connection.info.password
    return os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
