"""Runs every benchmark, each in a separate process, and rewrites the tables of the README.

A benchmark that fails leaves its old table in place.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec

from bench import table
from bench.machine import machine

SECTIONS = {
    "appends": "Appending",
    "http": "Over HTTP",
    "reading": "Reading",
    "verification": "Verifying",
    "pages": "Pages",
}
DATE_THEMSELVES = ("appends", "pages")


def run(section: str) -> bool:
    """Measure one section; True if it succeeded."""
    where = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}."
    sys.stderr.write(f"bench.{section}\n")
    measured = subprocess.run(
        [sys.executable, "-m", f"bench.{section}"], stdout=subprocess.PIPE, text=True, check=False
    )
    if measured.returncode != 0:
        sys.stderr.write(f"bench.{section} failed; its table stays as it was\n")
        return False
    text = measured.stdout if section in DATE_THEMSELVES else f"{where}\n{measured.stdout}"
    table.write(section, text, title=SECTIONS[section])
    return True


def main() -> None:
    present = [section for section in SECTIONS if find_spec(f"bench.{section}")]
    done = [run(section) for section in present]
    sys.exit(0 if all(done) else 2)


if __name__ == "__main__":
    main()
