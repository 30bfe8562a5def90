"""What the last look of the watch left behind, for the pages. It must never look itself."""

from __future__ import annotations

from collections.abc import Mapping

from events.models import WatchLook
from events.store.connection import named_errors


def last_open_findings() -> Mapping[str, int]:
    """How many findings of each kind were open after the last look; none before the first."""
    with named_errors():
        last = WatchLook.objects.order_by("-pk").values_list("open_findings", flat=True).first()
    return last or {}
