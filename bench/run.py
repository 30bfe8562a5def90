"""Runs every benchmark, each in a separate process, and rewrites the tables of the README.

A benchmark that fails leaves its old table in place.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from bench import table

SECTIONS = {
    "appends": "Appending",
    "http": "Over HTTP",
    "reading": "Reading",
    "verification": "Verifying",
    "pages": "Pages",
}
HAVE_ROUNDS = ("appends", "http", "verification")
"""The other two take as long as the ledger is large."""


def run(section: str, quick: bool) -> bool:
    """Measure one section; True if it succeeded."""
    sys.stderr.write(f"bench.{section}\n")
    options = ["--quick"] if quick and section in HAVE_ROUNDS else []
    measured = subprocess.run(
        [sys.executable, "-m", f"bench.{section}", *options],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if measured.returncode != 0:
        sys.stderr.write(f"bench.{section} failed; its table stays as it was\n")
        return False
    if quick:
        sys.stdout.write(f"{measured.stdout}\n")
    else:
        table.write(section, SECTIONS[section], measured.stdout)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="Run every benchmark.")
    parser.add_argument(
        "--quick", action="store_true",
        help="one short round each, to see that they run; prints the tables, writes none",
    )  # fmt: skip
    quick = parser.parse_args().quick
    done = [run(section, quick) for section in SECTIONS]
    sys.exit(0 if all(done) else 2)


if __name__ == "__main__":
    main()
