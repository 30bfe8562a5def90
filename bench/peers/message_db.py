"""The `write_message` function of message-db, from its npm package at a pinned version and hash."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.peers import LeftOut, Write, nothing
from bench.play import Happening
from events.format.event import new_event_id

PACKAGE = "@eventide/message-db@1.3.1"
SHA512 = "n3hdE5YAZNXTr2HK9gG0GJ6dusgdE544LTvS+21/yOEHBvNuUzNmXXw5vS05vpe6RSuhzTRy5Wg0q7c1VfJg+A=="
FILES = (
    "schema/message-store",
    "tables/messages",
    "types/message",
    *(
        f"functions/{name}"
        for name in (
            "hash-64", "acquire-lock", "category", "is-category", "id", "cardinal-id",
            "stream-version", "write-message",
        )
    ),
    "indexes/messages-id",
    "indexes/messages-stream",
    "indexes/messages-category",
)  # fmt: skip
"""In the order of its own install script; pgcrypto is not needed since PostgreSQL 13."""

WRITE = "SELECT write_message(%s, %s, %s, %s::jsonb)"


class MessageDb:
    """One category, whose advisory lock serializes its writers; one stream an agent."""

    def __init__(self, dsn: dict[str, str]) -> None:
        self.dsn = dsn | {"options": "-c search_path=message_store,public"}
        self.opened = nothing

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.dsn, autocommit=True)  # type: ignore[arg-type]

    def install(self) -> None:
        statements = _statements()
        with self._connect() as connection:
            for text in statements:
                connection.execute(text)

    @contextmanager
    def caller(self) -> Iterator[Write]:
        with self._connect() as connection:

            def write(happenings: Sequence[Happening]) -> None:
                for one in happenings:
                    stream = f"audit-{one.agent_id}"
                    values = (new_event_id(), stream, one.event_type, one.payload.decode())
                    connection.execute(WRITE, values)

            yield write

    def rows(self) -> int:
        with self._connect() as connection:
            row = connection.execute("SELECT count(*) FROM messages").fetchone()
        return int(row[0]) if row else 0


def _statements() -> list[bytes]:
    """The package's SQL, file by file."""
    npm = shutil.which("npm")
    if npm is None:
        raise LeftOut("its SQL comes from npm, which is not here")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", PACKAGE, "--silent"],
            cwd=folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode != 0 or not archives:
            raise LeftOut(f"npm did not hand over {PACKAGE}")
        archive = archives[0].read_bytes()
        if base64.b64encode(hashlib.sha512(archive).digest()).decode() != SHA512:
            raise LeftOut(f"{PACKAGE} is not the package that is pinned")
        with tarfile.open(archives[0]) as tar:
            return [_member(tar, f"package/database/{name}.sql") for name in FILES]


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise LeftOut(f"{PACKAGE} has no {name}")
    return file.read()
