"""Takes the traceback from what Django logs of a request whose database went away.

It must never take a line, nor the traceback of anything else.
"""

from __future__ import annotations

import logging

from events.store.connection import AWAY


class Calm(logging.Filter):
    """For the logger `django.request`; `RequestLog` says what was away, in a line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if record.exc_info and isinstance(record.exc_info[1], AWAY):
            record.exc_info = None
        return True
