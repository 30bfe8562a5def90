"""The states of a verification's record. They are the database's own words."""

from __future__ import annotations

WAITING = "waiting"
RUNNING = "running"
FINISHED = "finished"
CANCELLED = "cancelled"
FAILED = "failed"

OPEN = (WAITING, RUNNING)
