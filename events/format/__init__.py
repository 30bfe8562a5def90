"""The event format and its arithmetic: pure code, and what outsiders check events with."""
