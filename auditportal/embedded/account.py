"""Chooses the system account of the embedded server: never root, always an existing one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditportal.embedded.errors import EmbeddedPostgresError

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Account:
    """A system account; `dropped` means that we are root and run programs as this account."""

    uid: int
    gid: int
    name: str
    dropped: bool

    def identity(self) -> dict[str, Any]:
        """The arguments that make `subprocess` run as this account."""
        if not self.dropped:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, argv: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program as this account, outside any folder of ours."""
        return subprocess.run(
            [str(part) for part in argv],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=environment(),
            umask=0o077,
            **self.identity(),
        )

    def can_run(self, program: Path) -> bool:
        """True if this account can reach and run the program."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except PermissionError:
            return False

    def owns_and_reaches(self, folder: Path) -> bool:
        """True if this account can enter the folder and write in it. The system is asked, because
        modes do not tell everything (access lists, read-only mounts, closed parents)."""
        return self._can('cd -- "$1" && test -w .', folder)

    def passes_to(self, folder: Path) -> bool:
        """True if this account can pass through the folder."""
        return self._can('cd -- "$1"', folder)

    def _can(self, script: str, folder: Path) -> bool:
        return self.run(["/bin/sh", "-c", script, "sh", folder]).returncode == 0


def environment() -> dict[str, str]:
    """The environment of the server's programs, without the caller's PG* variables and language."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}


def current_account() -> Account:
    """The account this process runs as."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise EmbeddedPostgresError(
            f"the user id {uid} has no entry in the system's list of users, which PostgreSQL "
            "needs; add one or set DATABASE_URL"
        ) from None
    return Account(uid, os.getegid(), name, dropped=False)


def account_of(owner: int) -> Account | None:
    """The account of a user id, as root sees it; None for root and for unknown ids."""
    if owner == 0:
        return None
    try:
        entry = pwd.getpwuid(owner)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, dropped=True)


def choose_account() -> Account:
    """The account for a new cluster: the current one, or for root the owner of the project, else
    `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return current_account()
    owner = account_of(PROJECT.stat().st_uid)
    if owner:
        return owner
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name, dropped=True)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`; "
        "run as an ordinary user or set DATABASE_URL"
    )
