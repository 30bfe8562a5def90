"""How the addresses of machines begin: they come with a token, and no page leads there."""

from __future__ import annotations

API = "/api/v1/"

SHIPPERS = ("/api/v1/ingest", "/services/collector", "/elastic", "/v1/logs")
"""Where log shippers send what is to be recorded."""

MACHINES = (API, *SHIPPERS)
