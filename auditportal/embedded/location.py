"""The folders of the embedded server: home, cluster and socket.

Invariant: a socket folder in /tmp is used only while it is ours and closed to others.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from auditportal.embedded.account import Account, account_of, choose_account, current_account
from auditportal.embedded.errors import EmbeddedPostgresError

# sun_path has 108 bytes on Linux and 104 elsewhere, including the terminating zero.
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Place:
    """The folder of a cluster and the account it belongs to."""

    folder: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def make_home(home: Path) -> None:
    """Make the home folder. If root's, the server's account may pass through but not list it; the
    secrets below it have their own modes."""
    try:
        if home.is_dir():
            return
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(exist_ok=True)
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except FileExistsError:
        raise EmbeddedPostgresError(f"PORTAL_HOME: {home} is a file, not a folder") from None
    except NotADirectoryError:
        raise EmbeddedPostgresError(f"PORTAL_HOME: {home} lies below a file") from None
    except OSError as error:
        raise EmbeddedPostgresError(f"PORTAL_HOME: cannot make {home}: {error.strerror}") from error


def find_place(home: Path) -> Place | None:
    """The place of an existing cluster, or None when there is none yet."""
    entry = home / "postgres"
    try:
        owner = entry.stat().st_uid
        is_folder = entry.is_dir()
    except FileNotFoundError:
        if entry.is_symlink():
            raise EmbeddedPostgresError(
                f"{entry} points to {entry.readlink()}, which does not exist; if that database is "
                "lost for good, remove the link to start with an empty one"
            ) from None
        return None
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot read {entry}: {error.strerror}") from error
    if not is_folder:
        raise EmbeddedPostgresError(f"{entry} is a file, not a folder; move it away")
    return Place(entry.resolve(), _account_for(entry, owner))


def _account_for(entry: Path, owner: int) -> Account:
    """The cluster's owner, the only account that PostgreSQL can start as."""
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise EmbeddedPostgresError(
                f"{entry} belongs to another user (id {owner}); run as that user, or choose "
                "another folder with PORTAL_HOME"
            )
        return current_account()
    account = account_of(owner)
    if account is None:
        raise EmbeddedPostgresError(
            f"{entry} belongs to root, as whom PostgreSQL does not run; give it to another user "
            "or choose another folder with PORTAL_HOME"
        )
    return account


def make_place(home: Path) -> Place:
    """The place of the cluster, created if necessary. Callers hold the start lock."""
    found = find_place(home)
    if found:
        if not found.account.owns_and_reaches(found.folder):
            raise EmbeddedPostgresError(
                f"the user {found.account.name}, who owns the database in {found.folder}, cannot "
                "access it; allow access to it or choose another folder with PORTAL_HOME"
            )
        return found
    account = choose_account()
    if account.dropped and not account.passes_to(home):
        return _make_place_elsewhere(home, account)
    folder = home / "postgres"
    try:
        folder.mkdir(mode=0o700)
        if account.dropped:
            os.chown(folder, account.uid, account.gid)
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot make {folder}: {error.strerror}") from error
    return Place(folder.resolve(), account)


def _make_place_elsewhere(home: Path, account: Account) -> Place:
    """Put the cluster where the account can go, and link to it, since root's home is closed to
    it."""
    for parent in (Path("/var/lib"), Path("/var/tmp")):  # noqa: S108 - mkdtemp inside
        if not account.passes_to(parent):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="auditportal-", dir=parent))
        except OSError:
            continue
        os.chown(folder, account.uid, account.gid)
        (home / "postgres").symlink_to(folder)
        print(  # noqa: T201 - the operator must know where the data lies
            f"{home} is closed to the user {account.name}, so the database lies in {folder}",
            file=sys.stderr,
        )
        return Place(folder, account)
    raise EmbeddedPostgresError(
        f"the user {account.name} can reach neither {home} nor /var/lib nor /var/tmp; choose an "
        "open folder with PORTAL_HOME or set DATABASE_URL"
    )


def socket_folder(place: Place) -> Path:
    """The folder of the socket as last made: beside the data, or a short path."""
    remembered = place.folder / "socket-folder"
    try:
        return Path(remembered.read_text())
    except FileNotFoundError:
        return place.folder / "socket"


def make_socket_folder(place: Place) -> Path:
    """Make the socket's folder, closed to others. Callers hold the start lock.

    A folder in /tmp may have been cleaned up and recreated by somebody else, so a saved path is
    reused only while the folder is still ours and closed.
    """
    beside = place.folder / "socket"
    remembered = place.folder / "socket-folder"
    if len(os.fsencode(beside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        remembered.unlink(missing_ok=True)
        beside.mkdir(mode=0o700, exist_ok=True)
        _give(beside, place.account)
        return beside
    if remembered.exists() and _is_closed_to_others(socket_folder(place), place.account):
        return socket_folder(place)
    short = Path(tempfile.mkdtemp(prefix="auditportal-", dir="/tmp"))
    _give(short, place.account)
    remembered.write_text(str(short))
    return short


def _is_closed_to_others(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    closed = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    return closed and found.st_uid == account.uid


def _give(folder: Path, account: Account) -> None:
    if account.dropped:
        os.chown(folder, account.uid, account.gid)
