"""The paths and links of the documents lead to something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditportal.env import BASE_DIR

PAGES = sorted([*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/*.md"), BASE_DIR / "bench/README.md"])
MAY_BE_LONG = {"event-format.md", "tampering.md"}
"""The format is one specification; the corpus of falsifications generates the other's table."""

LONGEST = 250
"""Lines of a document."""


def anchors(page: Path) -> set[str]:
    """The fragments that a page answers to: its headings as GitHub names them, and its own ids."""
    text = page.read_text(encoding="utf-8")
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"<[^>]*>", "", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([\w./#-]+)\)", page.read_text(encoding="utf-8")):
        file, _, fragment = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(target), link


def test_every_path_in_the_map_exists() -> None:
    the_map = (BASE_DIR / "README.md").read_text(encoding="utf-8").split("\n## The map\n")[1]
    paths = re.findall(r"`([\w./-]+[/.][\w./-]*)`", the_map.split("\n## ")[0])
    assert len(paths) > 40
    assert [path for path in paths if not (BASE_DIR / path).exists()] == []


def test_documents_are_short() -> None:
    documents = {page.name: page for page in BASE_DIR.glob("docs/*.md")}
    assert documents.keys() > MAY_BE_LONG | {"backup.md", "http-api.md"}
    for name in documents.keys() - MAY_BE_LONG:
        lines = documents[name].read_text(encoding="utf-8").count("\n")
        assert lines <= LONGEST, name
