"""The passphrase of a personal key. It must never be taken from the command line itself, where
every process of the machine could read it."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError


def add_passphrase(parser: ArgumentParser) -> None:
    """`--passphrase-file`; without it the terminal is asked."""
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line; default: ask"
    )


def read_passphrase(options: dict[str, Any], *, twice: bool = False) -> str:
    """The passphrase, asked for twice where nothing could tell a slip of the keyboard."""
    path: Path | None = options["passphrase_file"]
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {path}: {error}", returncode=2) from None
    passphrase = getpass.getpass("Passphrase of the key: ")
    if twice and getpass.getpass("Again: ") != passphrase:
        raise CommandError("the two passphrases differ", returncode=2)
    return passphrase
