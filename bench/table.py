"""Writes measurements into `bench/README.md`, between the marks of their section."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bench.machine import machine

README = Path(__file__).with_name("README.md")


def write(section: str, title: str, text: str) -> None:
    """Replace the content of a section by the date, the machine and `text`.

    A new section is appended with its title.
    """
    opening, closing = f"<!-- measured: {section} -->", f"<!-- /measured: {section} -->"
    readme = README.read_text(encoding="utf-8")
    if opening not in readme:
        readme = f"{readme.rstrip()}\n\n## {title}\n\n{opening}\n{closing}\n"
    before, _, rest = readme.partition(opening)
    _, mark, after = rest.partition(closing)
    if not mark:
        raise SystemExit(f"{README}: {opening} has no {closing}; nothing was written")
    where = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}."
    README.write_text(
        f"{before}{opening}\n\n{where}\n\n{text.strip()}\n\n{closing}{after}", encoding="utf-8"
    )
