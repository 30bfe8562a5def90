"""Defines the filters of the lists, each once for the pages, the HTTP API and the export.

`definitions` names them, `kinds` says how a kind of filter is asked for, checked and shown.
"""

MAX_TYPES = 100
"""Types in one filter."""

MAX_FIELD, MAX_VALUE = 500, 1000
"""Characters of the path to a field of the payload, and of its value."""
