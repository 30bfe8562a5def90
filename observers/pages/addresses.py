"""Addresses of other pages of a listing. They must never carry a place in it as an offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode


def page_address(chosen: Mapping[str, str | Sequence[str]], **place: object) -> str:
    """The query of the same listing at another place; a place of None is left out."""
    kept = {name: value for name, value in chosen.items() if name not in ("after", "before")}
    kept |= {name: str(value) for name, value in place.items() if value is not None}
    return "?" + urlencode(kept, doseq=True)
