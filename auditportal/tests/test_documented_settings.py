"""`docs/settings.md` has one row for each environment variable, with its default and words."""

from __future__ import annotations

import re

from auditportal.env import BASE_DIR, ENVIRONMENT


def test_every_setting_is_documented_as_it_is() -> None:
    page = (BASE_DIR / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.*) \|$", page, re.MULTILINE)
    assert rows == [(one.name, one.default, one.help) for one in ENVIRONMENT]
