"""`backup`: makes a consistent copy of the whole database, with a manifest."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from rich.console import Console

from auditportal.backup.backup import make_backup
from auditportal.backup.manifest import Manifest
from events.errors import LedgerError
from events.management.base import LedgerCommand, add_json, refuse
from observers.heads.seen import SeenHead
from observers.heads.store import memory_of
from observers.management import arguments


class Command(LedgerCommand):
    """Parse, back up, report."""

    help = (
        "Back the ledger's database up into DIRECTORY, a new or empty one: everything in it, in "
        "one consistent snapshot, while appends continue. ledger.dump is PostgreSQL's (pg_dump); "
        "manifest.json, written last, holds the head of that snapshot and the SHA-256 of each "
        "file; without it the directory is not a backup. Private keys are left out unless "
        "--with-keys is given: whoever has both can rewrite the ledger. `restore` loads and "
        "verifies it. Exit codes: 0 backed up, 2 not backed up."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIRECTORY")
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="include the private keys; store the copy safely",
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["directory"].absolute()
        console = Console(stderr=True)
        console.quiet = not console.is_terminal
        try:
            with console.status("Backing up") as status:
                manifest = make_backup(
                    folder,
                    with_keys=options["with_keys"],
                    progress=lambda size: status.update(f"Backing up: {size / 1e6:,.1f} MB"),
                )
        except LedgerError as error:
            refuse(str(error))
        head = manifest.head
        memory_of().note(SeenHead(head.max_sequence, head.content_hash, head.authority_timestamp))
        self.stdout.write(
            arguments.dump(as_dict(folder, manifest))
            if options["json"]
            else as_text(folder, manifest)
        )


def as_dict(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "directory": str(folder),
        "taken_at": manifest.taken_at,
        "server_version": manifest.server_version,
        "head": vars(manifest.head),
        "bytes": sum(file.bytes for file in manifest.files),
        "private_keys": len(manifest.key_files),
    }


def as_text(folder: Path, manifest: Manifest) -> str:
    """The result as text."""
    head = manifest.head
    keys = len(manifest.key_files)
    return "\n".join(
        [
            f"Backed up into {folder}, as of {manifest.taken_at}:",
            f"  {head.event_count:,} events, head {head.max_sequence} ({head.content_hash})",
            f"  {sum(file.bytes for file in manifest.files):,} bytes, "
            + (
                f"{keys:,} private keys INCLUDED: store it safely"
                if keys
                else "no private keys: back them up separately"
            ),
        ]
    )
