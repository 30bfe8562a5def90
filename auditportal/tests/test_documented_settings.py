"""`docs/operations.md` has one row for each environment variable, with its default and words."""

from __future__ import annotations

import re

from auditportal.env import BASE_DIR, ENVIRONMENT


def test_every_setting_is_documented_as_it_is() -> None:
    page = (BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.split("## Settings")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.*) \|$", table, re.MULTILINE)
    assert rows == [(one.name, one.default, one.help) for one in ENVIRONMENT]
